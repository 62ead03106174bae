package main

import (
	"context"
	"encoding/json"
	"flag"
	"io"
	"os/signal"
	"syscall"
	"time"
)

import (
	"dubbo.apache.org/dubbo-go/v3"
	"dubbo.apache.org/dubbo-go/v3/client"
	"dubbo.apache.org/dubbo-go/v3/graceful_shutdown"
)

// target says whom to call, and how.
type target struct {
	direct      string
	timeout     time.Duration
	retries     int
	loadBalance string
}

func (t *target) define(flags *flag.FlagSet) {
	flags.StringVar(&t.direct, "direct", "", "tri://host:port to call without a registry")
	flags.DurationVar(&t.timeout, "timeout", 3*time.Second, "time that an attempt may take")
	flags.IntVar(&t.retries, "retries", 2, "attempts after the first")
	flags.StringVar(&t.loadBalance, "loadbalance", "random", "random, roundrobin, leastactive or p2c")
}

func (t *target) dial(self node) (*client.Connection, error) {
	// The signals are the load's: dubbo-go would exit before the report.
	instance, err := dubbo.NewInstance(append(self.options(),
		dubbo.WithShutdown(graceful_shutdown.WithoutInternalSignal()))...)
	if err != nil {
		return nil, err
	}
	dubboClient, err := instance.NewClient(
		client.WithClientRequestTimeout(t.timeout),
		client.WithClientRetries(t.retries),
		client.WithClientLoadBalance(t.loadBalance),
	)
	if err != nil {
		return nil, err
	}
	var options []client.ReferenceOption
	if t.direct != "" {
		options = append(options, client.WithURL(t.direct))
	}
	return dubboClient.DialWithInfo(greetInterface, &greetConsumed, options...)
}

func runConsumer(arguments []string, report io.Writer) error {
	var (
		self   node
		target target
		load   load
		linger time.Duration
	)
	flags := flag.NewFlagSet("consumer", flag.ExitOnError)
	self.define(flags)
	target.define(flags)
	load.define(flags)
	flags.DurationVar(&linger, "linger", 0, "time to stay after the report, for a last look at the metrics; another signal ends it")
	if err := flags.Parse(arguments); err != nil {
		return err
	}

	stopped, release := untilSignal()
	defer release()
	connection, err := target.dial(self)
	if err != nil {
		return err
	}
	tally := load.run(stopped, connection)
	stopped, release = untilSignal()
	defer release()
	if err := json.NewEncoder(report).Encode(tally); err != nil {
		return err
	}
	pause(stopped, linger)
	return nil
}

func untilSignal() (context.Context, context.CancelFunc) {
	return signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
}
