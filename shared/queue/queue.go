// Package queue is the contract of the queues between the verbs: at least once, unordered, with dead letters.
//
// SQS, SQLite and memory meet it alike; the suite is queuetest. Any message may come twice, late or out of order.
package queue

import (
	"context"
	"time"
)

// MaxBody is the largest body in bytes, after which a driver's own encoding must still fit its service (SQS: 1 MiB).
const MaxBody = 1 << 20

// MaxReceives is how often a message is handed out before it goes to the dead letters.
const MaxReceives = 6

// Lane names a queue. Package topology lists them.
type Lane string

// Message travels through a lane.
type Message struct {
	ID       string // given by the driver; the same at every redelivery
	Lane     Lane
	Group    string        // fairness: a busy group does not starve the others; order is not promised
	Body     []byte        // any bytes; the driver makes them safe for its service
	Delay    time.Duration // at most 15 minutes; invisible for so long
	Receives int           // how often it was handed out, this time included; more than 1 = somebody may have begun
}

// Queue takes messages.
type Queue interface {
	// Send stores messages, of any number and of mixed lanes. The answer has the same length and order; nil means
	// durable. Invalid: body too large or unknown lane. Safe for concurrent use.
	Send(ctx context.Context, messages ...Message) []error
}

// Handler works on a batch of messages of one lane. The answer has the same length and order: nil removes the message;
// a fault.Invalid moves it to the dead letters at once; any other error hands it out again after fault.After(err)
// (0 = the driver's visibility timeout). A missing answer or a panic counts as an error for the whole batch.
type Handler func(ctx context.Context, batch []Message) []error

// Dead is a message that will not be tried again by itself.
type Dead struct {
	Message
	Reason string
	At     time.Time
}

// Depth counts a lane's messages.
type Depth struct {
	Lane                   Lane
	Waiting, Held, Delayed int
	Dead                   int
	Oldest                 time.Duration // age of the oldest waiting message
}

// Admin looks after queues: for operators, never on the hot path.
type Admin interface {
	// Depth counts every lane; on SQS the numbers are approximate.
	Depth(ctx context.Context) ([]Depth, error)
	// Dead lists up to limit dead letters of a lane. On SQS they are hidden from others for a minute.
	Dead(ctx context.Context, lane Lane, limit int) ([]Dead, error)
	// Redrive sends up to limit dead letters of a lane back to it and counts them: those whose reason is wanted, nil = all.
	// Nothing is lost when it is cut.
	Redrive(ctx context.Context, lane Lane, limit int, wanted func(reason string) bool) (int, error)
}

// Consumer hands out messages in a process that runs the workers itself (the local home, tests, the simulation).
// On AWS the service calls the function instead.
type Consumer interface {
	// Consume waits for messages of a lane and hands them out in batches of at most size, until ctx ends; then it
	// returns nil once the handler has come back. Calls with the same lane share its messages.
	Consume(ctx context.Context, lane Lane, size int, h Handler) error
}
