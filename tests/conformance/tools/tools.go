//go:build tools

// Package tools pins what the tests build: suites and clients that others wrote.
package tools

import (
	_ "connectrpc.com/conformance/cmd/connectconformance"
	_ "github.com/fullstorydev/grpcurl/cmd/grpcurl"
	_ "github.com/summerwind/h2spec/cmd/h2spec"
	_ "google.golang.org/grpc/interop/client"
	_ "google.golang.org/grpc/interop/server"
)
