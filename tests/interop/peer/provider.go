package main

import (
	"context"
	"errors"
	"flag"
	"math"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"
)

import (
	"dubbo.apache.org/dubbo-go/v3"
	"dubbo.apache.org/dubbo-go/v3/protocol"
	"dubbo.apache.org/dubbo-go/v3/server"
)

// Greeter answers with the name that it is sent.
type Greeter struct {
	delay     time.Duration
	spread    float64
	errorRate float64
	workers   chan struct{}
	calls     atomic.Uint64
}

// Greet fails the calls that reach the next whole number of errors, so that n calls fail exactly ⌊n · rate⌋ times.
// As in dubbo-go's sample, a failing call returns at once.
func (g *Greeter) Greet(ctx context.Context, request *GreetRequest) (*GreetResponse, error) {
	call := g.calls.Add(1)
	if g.errorsAmong(call) > g.errorsAmong(call-1) {
		return nil, errors.New("random error")
	}
	if g.workers != nil {
		select {
		case g.workers <- struct{}{}:
			defer func() { <-g.workers }()
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	if g.delay == 0 {
		return &GreetResponse{Value: request.Value}, nil
	}
	select {
	case <-time.After(g.pick()):
		return &GreetResponse{Value: request.Value}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// pick returns a delay between the shortest and the longest one, as many between 10 and 20 ms as between 20 and 40 ms.
func (g *Greeter) pick() time.Duration {
	return time.Duration(float64(g.delay) * math.Pow(g.spread, rand.Float64()))
}

func (g *Greeter) errorsAmong(calls uint64) float64 {
	return math.Floor(float64(calls) * g.errorRate)
}

func runProvider(arguments []string) error {
	var (
		self     node
		port     int
		methods  int
		workers  int
		executes int
		adaptive bool
		greeter  Greeter
	)
	flags := flag.NewFlagSet("provider", flag.ExitOnError)
	self.define(flags)
	flags.IntVar(&port, "port", 20000, "port of Triple")
	flags.DurationVar(&greeter.delay, "delay", 10*time.Millisecond, "time that a successful call takes")
	flags.Float64Var(&greeter.spread, "spread", 1, "the longest delay, in shortest ones; those between are spread evenly over their logarithm")
	flags.IntVar(&methods, "methods", 1, "methods that do the same: Greet, Greet1, Greet2, …")
	flags.Float64Var(&greeter.errorRate, "error-rate", 0, "share of calls that fail, evenly spread, 0 to 1")
	flags.IntVar(&workers, "workers", 0, "calls that are worked on at a time, while the others wait; 0 for all")
	flags.IntVar(&executes, "executes", -1, "dubbo-go's execute limit: calls that run at a time; -1 for none")
	flags.BoolVar(&adaptive, "adaptive", false, "dubbo-go's adaptive service, for calls that ask for it")
	if err := flags.Parse(arguments); err != nil {
		return err
	}
	if workers > 0 {
		greeter.workers = make(chan struct{}, workers)
	}

	instance, err := dubbo.NewInstance(append(self.options(), dubbo.WithProtocol(
		protocol.WithTriple(),
		protocol.WithPort(port),
	))...)
	if err != nil {
		return err
	}
	var options []server.ServerOption
	if executes >= 0 {
		options = append(options, server.WithServerExecuteLimit(strconv.Itoa(executes)))
	}
	if adaptive {
		options = append(options, server.WithServerAdaptiveService())
	}
	serving, err := instance.NewServer(options...)
	if err != nil {
		return err
	}
	if err := serving.Register(&greeter, provided(methods)); err != nil {
		return err
	}
	return serving.Serve()
}
