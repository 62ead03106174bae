package main

import (
	"errors"
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
}

// Errors can carry addresses and times, which would make one text of each.
const maxTexts = 20

func newTally() *tally {
	return &tally{
		Failed:    make(map[string]uint64),
		Greetings: make(map[string]uint64),
		Errors:    make(map[string]uint64),
	}
}

func (t *tally) add(greeting string, err error, elapsed time.Duration) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.Calls++
	t.LongestMs = max(t.LongestMs, elapsed.Milliseconds())
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
