package main

import (
	"context"
	"flag"
	"sync"
	"sync/atomic"
	"time"
)

import (
	"dubbo.apache.org/dubbo-go/v3/client"
)

// load is how many calls are made, and how fast.
type load struct {
	name        string
	concurrency int
	interval    time.Duration
	count       int64
	warmUp      time.Duration
	duration    time.Duration
}

func (l *load) define(flags *flag.FlagSet) {
	flags.StringVar(&l.name, "name", "hello world", "name to greet")
	flags.IntVar(&l.concurrency, "concurrency", 1, "callers")
	flags.DurationVar(&l.interval, "interval", 0, "pause of a caller between two calls")
	flags.Int64Var(&l.count, "count", 0, "calls in all; 0 for no limit")
	flags.DurationVar(&l.warmUp, "warm-up", 0, "time from the first call until calls are tallied")
	flags.DurationVar(&l.duration, "duration", time.Minute, "time after which no call is begun")
}

// run returns when the calls are made, the time is over or stopped is done, and all calls that were begun have ended.
func (l *load) run(stopped context.Context, connection *client.Connection) *tally {
	stopped, cancel := context.WithTimeout(stopped, l.duration)
	defer cancel()

	var (
		begun   atomic.Int64
		callers sync.WaitGroup
		tally   = newTally()
	)
	if l.warmUp > 0 {
		defer time.AfterFunc(l.warmUp, tally.reset).Stop()
	}
	for range l.concurrency {
		callers.Add(1)
		go func() {
			defer callers.Done()
			for stopped.Err() == nil && (l.count == 0 || begun.Add(1) <= l.count) {
				start := time.Now()
				// Not the context that ends the load: a call that was begun is finished.
				greeting, err := greet(context.Background(), connection, l.name)
				tally.add(greeting, err, time.Since(start))
				pause(stopped, l.interval)
			}
		}()
	}
	callers.Wait()
	tally.close()
	return tally
}

func pause(stopped context.Context, interval time.Duration) {
	if interval == 0 {
		return
	}
	select {
	case <-time.After(interval):
	case <-stopped.Done():
	}
}
