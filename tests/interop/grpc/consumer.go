package main

import (
	"context"
	"encoding/json"
	"flag"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

import (
	"google.golang.org/grpc"
	_ "google.golang.org/grpc/health"
	"google.golang.org/grpc/resolver"
	"google.golang.org/grpc/resolver/manual"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

// Round robin over all addresses, with health checks and gRPC's usual retries.
const config = `{
	"loadBalancingConfig": [{"round_robin": {}}],
	"healthCheckConfig": {"serviceName": "greet.GreetService"},
	"methodConfig": [{
		"name": [{"service": "greet.GreetService"}],
		"retryPolicy": {
			"maxAttempts": 3,
			"initialBackoff": "0.01s",
			"maxBackoff": "0.1s",
			"backoffMultiplier": 2,
			"retryableStatusCodes": ["UNAVAILABLE", "DEADLINE_EXCEEDED"]
		}
	}]
}`

// report has the form of the dubbo-go peer's.
type report struct {
	mutex     sync.Mutex
	Calls     uint64            `json:"calls"`
	Succeeded uint64            `json:"succeeded"`
	Failed    map[string]uint64 `json:"failed"`
}

func runConsumer(arguments []string) error {
	flags := flag.NewFlagSet("consumer", flag.ExitOnError)
	addresses := flags.String("addresses", "", "addresses of providers, separated by commas")
	concurrency := flags.Int("concurrency", 1, "callers")
	interval := flags.Duration("interval", 0, "pause of a caller between two calls")
	count := flags.Int64("count", 1000, "calls in all")
	timeout := flags.Duration("timeout", 3*time.Second, "time that a call may take, with all its attempts")
	var files tlsFiles
	files.define(flags)
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	transport, err := files.consumer()
	if err != nil {
		return err
	}

	providers := manual.NewBuilderWithScheme("providers")
	state := resolver.State{}
	for _, address := range strings.Split(*addresses, ",") {
		state.Addresses = append(state.Addresses, resolver.Address{Addr: address})
	}
	providers.InitialState(state)
	connection, err := grpc.NewClient("providers:///greet",
		grpc.WithResolvers(providers),
		grpc.WithDefaultServiceConfig(config),
		grpc.WithTransportCredentials(transport))
	if err != nil {
		return err
	}
	defer connection.Close()

	report := &report{Failed: make(map[string]uint64)}
	var begun atomic.Int64
	var callers sync.WaitGroup
	for range *concurrency {
		callers.Add(1)
		go func() {
			defer callers.Done()
			for begun.Add(1) <= *count {
				report.add(call(connection, *timeout))
				time.Sleep(*interval)
			}
		}()
	}
	callers.Wait()
	return json.NewEncoder(os.Stdout).Encode(report)
}

func call(connection *grpc.ClientConn, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	response := new(wrapperspb.StringValue)
	return connection.Invoke(ctx, greetMethod, &wrapperspb.StringValue{Value: "hello world"}, response, grpc.WaitForReady(true))
}

func (r *report) add(err error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.Calls++
	if err == nil {
		r.Succeeded++
		return
	}
	r.Failed[strconv.Itoa(int(status.Code(err)))]++
}
