package main

import (
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"
)

import (
	"dubbo.apache.org/dubbo-go/v3/protocol/triple/triple_protocol"
)

// tally is the consumer's report.
type tally struct {
	mutex sync.Mutex

	Calls     uint64 `json:"calls"`
	Succeeded uint64 `json:"succeeded"`
	// By code on the wire; "none" for what dubbo-go says by itself, as "No provider available".
	Failed map[string]uint64 `json:"failed"`
	// By text of the answer or of the error, at most maxTexts of each.
	Greetings map[string]uint64 `json:"greetings"`
	Errors    map[string]uint64 `json:"errors"`
	LongestMs int64             `json:"longest_ms"`
	// Of all tallied calls: the time in which they were made, and what half of them and 99 of 100 did not exceed.
	Seconds float64 `json:"seconds"`
	P50Ms   float64 `json:"p50_ms"`
	P99Ms   float64 `json:"p99_ms"`

	start time.Time
	times []time.Duration
}

// Errors can carry addresses and times, which would make one text of each.
const maxTexts = 20

func newTally() *tally {
	tally := &tally{}
	tally.reset()
	return tally
}

// reset forgets all calls.
func (t *tally) reset() {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.Calls, t.Succeeded, t.LongestMs = 0, 0, 0
	t.Failed = make(map[string]uint64)
	t.Greetings = make(map[string]uint64)
	t.Errors = make(map[string]uint64)
	t.times = nil
	t.start = time.Now()
}

// close ends the time of the tally, and finds its quantiles.
func (t *tally) close() {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.Seconds = time.Since(t.start).Seconds()
	slices.Sort(t.times)
	t.P50Ms, t.P99Ms = t.quantile(0.5), t.quantile(0.99)
}

func (t *tally) quantile(share float64) float64 {
	if len(t.times) == 0 {
		return 0
	}
	rank := int(share * float64(len(t.times)))
	return float64(t.times[min(rank, len(t.times)-1)].Nanoseconds()) / 1e6
}

func (t *tally) add(greeting string, err error, elapsed time.Duration) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.Calls++
	t.LongestMs = max(t.LongestMs, elapsed.Milliseconds())
	t.times = append(t.times, elapsed)
	if err == nil {
		t.Succeeded++
		count(t.Greetings, greeting)
		return
	}
	t.Failed[code(err)]++
	count(t.Errors, err.Error())
}

func code(err error) string {
	if wire := new(triple_protocol.Error); errors.As(err, &wire) {
		return strconv.FormatUint(uint64(wire.Code()), 10)
	}
	return "none"
}

func count(texts map[string]uint64, text string) {
	if _, known := texts[text]; !known && len(texts) == maxTexts {
		text = "(others)"
	}
	texts[text]++
}
