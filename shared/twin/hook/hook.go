// Package hook is a fake monitoring tool: it signs webhooks as a hook's settings say and repeats each until it is
// answered with 2xx, out of order and sometimes twice, as such tools do. It reads no clock and starts no goroutine.
package hook

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"rapport/shared/network"
	nethook "rapport/shared/network/hook"
)

// Options of a tool.
type Options struct {
	Target string       // the hook's address
	Hook   network.Hook // settings and the secret "secret"
	HTTP   *http.Client // nil = http.DefaultClient
	Now    func() time.Time
	Header http.Header // sent besides, such as an event type
	Seed   uint64      // of the moods
	Twice  float64     // share of bodies that are sent once more after they were taken, from 0 to 1
	Tries  int         // after so many a body is given up; 0 = 20
}

// Tool sends webhooks. Safe for concurrent use.
type Tool struct {
	o    Options
	mu   sync.Mutex
	dice *rand.Rand
	open []*delivery
	sent Report
}

type delivery struct {
	body  []byte
	tries int
	again bool
}

// Report counts what became of bodies.
type Report struct {
	Taken   int // answered with 2xx
	Refused int // answers that were no 2xx, and calls without an answer
	Again   int // sent once more although they were taken
	GivenUp int
	Open    int
	Last    string // the last refusal
}

// New makes a tool with nothing to send.
func New(o Options) *Tool {
	if o.HTTP == nil {
		o.HTTP = http.DefaultClient
	}
	if o.Tries == 0 {
		o.Tries = 20
	}
	return &Tool{o: o, dice: rand.New(rand.NewPCG(o.Seed, 2))}
}

// Add puts a body to be sent: raw bytes, or anything that becomes JSON.
func (t *Tool) Add(event any) error {
	body, ok := event.([]byte)
	if !ok {
		var err error
		if body, err = json.Marshal(event); err != nil {
			return err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open = append(t.open, &delivery{body: body})
	return nil
}

// Send tries everything that is open once, in an order of its own, and reports on all so far. The error is that of
// signing, or the context's.
func (t *Tool) Send(ctx context.Context) (Report, error) {
	t.mu.Lock()
	now := t.open
	t.open = nil
	t.dice.Shuffle(len(now), func(i, j int) { now[i], now[j] = now[j], now[i] })
	t.mu.Unlock()
	var failed error
	for _, d := range now {
		if failed == nil {
			failed = ctx.Err()
		}
		var refusal string
		if failed == nil {
			refusal, failed = t.post(ctx, d.body)
		}
		t.settle(d, refusal, failed)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.sent
	r.Open = len(t.open)
	return r, failed
}

// settle decides what becomes of a body.
func (t *Tool) settle(d *delivery, refusal string, failed error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case failed != nil:
		t.open = append(t.open, d)
	case refusal == "" && d.again:
		t.sent.Again++
	case refusal == "":
		t.sent.Taken++
		if t.o.Twice > 0 && t.dice.Float64() < t.o.Twice {
			d.again, d.tries = true, 0
			t.open = append(t.open, d)
		}
	default:
		t.sent.Refused++
		t.sent.Last = refusal
		if d.tries++; d.tries < t.o.Tries {
			t.open = append(t.open, d)
			return
		}
		if !d.again {
			t.sent.GivenUp++
		}
	}
}

// post signs and sends one body; refusal is "" where it was taken.
func (t *Tool) post(ctx context.Context, body []byte) (refusal string, err error) {
	signed, err := nethook.Sign(t.o.Hook, body, t.o.Now())
	if err != nil {
		return "", err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.o.Target, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	for name, values := range t.o.Header {
		r.Header[name] = values
	}
	for name, values := range signed {
		r.Header[name] = values
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := t.o.HTTP.Do(r)
	if err != nil {
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		return err.Error(), nil
	}
	defer resp.Body.Close()
	said, _ := io.ReadAll(io.LimitReader(resp.Body, 200)) // only for the report
	if resp.StatusCode >= 200 && resp.StatusCode < 300 {
		return "", nil
	}
	return fmt.Sprintf("%d %s", resp.StatusCode, said), nil
}
