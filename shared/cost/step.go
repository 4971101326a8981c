package cost

import (
	"math"
	"time"
)

// Step is a piece of work whose units were measured: `go test ./shared/lambdarun/worker -run TestUnits -v` lets the verbs
// run over services that count what they charge, and compares that with this table.
type Step int

// The steps.
const (
	Webhook      Step = iota // one call of a hook, made durable
	Page                     // one page of a poll
	Poll                     // one poll of an account, whatever it brings
	Enrich                   // one batch of bodies
	Mention                  // one event that is new: mention, author, line
	Repeat                   // one event that came before
	Conversation             // one event that begins or continues a conversation
	Person                   // one event whose author is, or becomes, a person
	Deliver                  // one batch of deliveries of a CRM account
	Delivery                 // one mention for one CRM account
	Shared                   // one record that several mentions touch: case or person
	Tick                     // one minute of the clock, with its looks at two accounts
	Quarter                  // one waking of report, which the clock does every quarter of an hour
	Listen                   // one queue's trigger that waits for an hour
	ListenBound              // the same, where the calls of a lane are bounded
)

// Log lines of a function, with the 26 bytes that the service adds to each, in GB. A line is written for each call and each
// batch that goes well.
const (
	CallLine  = 360.0 / 1e9
	BatchLine = 460.0 / 1e9
)

// Of gives what a step uses when batches are so full (1 = every message by itself). Time is reckoned, not measured: what
// the verbs compute by `BenchmarkDecide` and docs/performance.md, at the share of a core that the memory gives, and 4 to 6
// ms for each call of a service; waiting for networks and CRMs is not in it.
func (s Step) Of(fill float64) Usage {
	fill = max(fill, 1)
	// A trigger takes ten messages at once at most, and removes them together.
	handed := 2 / math.Min(fill, 10)
	switch s {
	case Webhook:
		return Usage{Invocations: 1, GBSeconds: 0.002, Requests: 1 + handed, LogGB: CallLine}
	case Page:
		return Usage{GBSeconds: 0.25 * 0.05, Requests: 1 + handed, Writes: 2, Reads: 1}
	case Poll:
		return Usage{Invocations: 1, GBSeconds: 0.25 * 0.03, Requests: 3, Writes: 4, Reads: 4, LogGB: BatchLine}
	case Enrich:
		return Usage{Invocations: 1, GBSeconds: 0.5 * 0.06, Puts: 1, LogGB: BatchLine}
	case Mention:
		return Usage{GBSeconds: 0.5 * 0.0025, Writes: 3, Reads: 1}
	case Repeat:
		return Usage{GBSeconds: 0.5 * 0.001, Writes: 1, Reads: 2}
	case Conversation: // itself, and the handle of its author
		return Usage{Writes: 2, Reads: 1}
	case Person:
		return Usage{Writes: 1, Reads: 3}
	case Deliver:
		return Usage{Invocations: 1, GBSeconds: 0.5 * 0.05, Reads: 2, LogGB: BatchLine}
	case Delivery:
		return Usage{GBSeconds: 0.5 * 0.0015, Requests: 1/math.Min(fill, 10) + handed, Writes: 1, Reads: 0.5}
	case Shared:
		return Usage{GBSeconds: 0.5 * 0.004, Writes: 4, Reads: 2}
	case Tick:
		return Usage{Invocations: 1.23, GBSeconds: 0.25 * 0.08, Requests: 0.7, Writes: 3.5, Reads: 11.1, Schedules: 1, LogGB: 1.23 * BatchLine}
	case Quarter:
		return Usage{Invocations: 1, GBSeconds: 0.25 * 0.3, Requests: 16, Reads: 10, LogGB: BatchLine}
	case Listen: // two pollers at all times, each asking every twenty seconds
		return Usage{Looks: 2 * float64(time.Hour) / float64(20*time.Second)}
	case ListenBound: // Lambda does not go below five there: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
		return Usage{Looks: 5 * float64(time.Hour) / float64(20*time.Second)}
	}
	return Usage{}
}
