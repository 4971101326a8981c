// Package apptest drives an app in tests as the homes do, without loops or timers.
package apptest

import (
	"testing"

	"rapport/shared/app"
	"rapport/shared/queue"
	"rapport/shared/queue/memory"
	"rapport/shared/topology"
)

// Drain has the app work on what is in the queues until they are empty.
func Drain(t testing.TB, a *app.App, q *memory.Queue) {
	t.Helper()
	for range 200 {
		n := 0
		for _, lane := range topology.Queues() {
			n += pass(t, a, q, queue.Lane(lane.Name))
		}
		if n == 0 {
			return
		}
	}
	t.Fatal("the queues are never empty")
}

// pass hands one batch of a lane over and tells how many messages it had.
func pass(t testing.TB, a *app.App, q *memory.Queue, lane queue.Lane) int {
	size := 50
	if v := app.Verb(lane); v == "poll" || v == "reply" || v == "jobs" {
		size = 1
	}
	batch := q.Receive(lane, size)
	if len(batch) == 0 {
		return 0
	}
	for i, err := range a.Handler(lane)(t.Context(), batch) {
		q.Settle(batch[i], err)
	}
	return len(batch)
}
