// Command peer is a dubbo-go provider or consumer of greet.GreetService, made to be started by tests.
//
//	peer provider [options]
//	peer consumer [options]
package main

import (
	"fmt"
	"os"
)

import (
	_ "dubbo.apache.org/dubbo-go/v3/imports"
)

func main() {
	// dubbo-go logs to stdout, which belongs to the consumer's report.
	report := os.Stdout
	os.Stdout = os.Stderr

	if len(os.Args) < 2 {
		usage()
	}
	var err error
	switch role, arguments := os.Args[1], os.Args[2:]; role {
	case "provider":
		err = runProvider(arguments)
	case "consumer":
		err = runConsumer(arguments, report)
	default:
		usage()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: peer provider|consumer [options], see peer provider -h")
	os.Exit(2)
}
