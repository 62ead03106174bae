// A client of the greeting service on plain grpc-go. It makes one call and prints what came of it.
//
//	greeter ADDRESS NAME [gzip] [timeout]
package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

func main() {
	connection, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	limit := 30 * time.Second
	if slices.Contains(os.Args[3:], "timeout") {
		limit = 100 * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	var options []grpc.CallOption
	if slices.Contains(os.Args[3:], "gzip") {
		options = append(options, grpc.UseCompressor(gzip.Name))
	}
	// A message with one string is the same on the wire, whatever its name.
	answer := new(wrapperspb.StringValue)
	err = connection.Invoke(ctx, "/greet.GreetService/Greet", wrapperspb.String(os.Args[2]), answer, options...)
	result := status.Convert(err)
	fmt.Printf("code %d, message %q, details %d, answer %q\n", result.Code(), result.Message(), len(result.Details()), answer.Value)
}
