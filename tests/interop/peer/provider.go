package main

import (
	"context"
	"errors"
	"flag"
	"math"
	"sync/atomic"
	"time"
)

import (
	"dubbo.apache.org/dubbo-go/v3"
	"dubbo.apache.org/dubbo-go/v3/protocol"
)

// Greeter answers with the name that it is sent.
type Greeter struct {
	delay     time.Duration
	errorRate float64
	calls     atomic.Uint64
}

// Greet fails the calls that reach the next whole number of errors, so that n calls fail exactly ⌊n · rate⌋ times.
// As in dubbo-go's sample, a failing call returns at once.
func (g *Greeter) Greet(ctx context.Context, request *GreetRequest) (*GreetResponse, error) {
	call := g.calls.Add(1)
	if g.errorsAmong(call) > g.errorsAmong(call-1) {
		return nil, errors.New("random error")
	}
	select {
	case <-time.After(g.delay):
		return &GreetResponse{Value: request.Value}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (g *Greeter) errorsAmong(calls uint64) float64 {
	return math.Floor(float64(calls) * g.errorRate)
}

func runProvider(arguments []string) error {
	var (
		self    node
		port    int
		greeter Greeter
	)
	flags := flag.NewFlagSet("provider", flag.ExitOnError)
	self.define(flags)
	flags.IntVar(&port, "port", 20000, "port of Triple")
	flags.DurationVar(&greeter.delay, "delay", 10*time.Millisecond, "time that a successful call takes")
	flags.Float64Var(&greeter.errorRate, "error-rate", 0, "share of calls that fail, evenly spread, 0 to 1")
	if err := flags.Parse(arguments); err != nil {
		return err
	}

	instance, err := dubbo.NewInstance(append(self.options(), dubbo.WithProtocol(
		protocol.WithTriple(),
		protocol.WithPort(port),
	))...)
	if err != nil {
		return err
	}
	server, err := instance.NewServer()
	if err != nil {
		return err
	}
	if err := server.Register(&greeter, &greetProvided); err != nil {
		return err
	}
	return server.Serve()
}
