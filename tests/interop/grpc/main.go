// Command grpcpeer is a plain grpc-go provider or consumer of greet.GreetService, made to be started by tests.
//
//	grpcpeer provider [options]
//	grpcpeer consumer [options]
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) < 2 {
		usage()
	}
	var err error
	switch role, arguments := os.Args[1], os.Args[2:]; role {
	case "provider":
		err = runProvider(arguments)
	case "consumer":
		err = runConsumer(arguments)
	default:
		usage()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "grpcpeer:", err)
		os.Exit(1)
	}
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: grpcpeer provider|consumer [options], see grpcpeer provider -h")
	os.Exit(2)
}
