// Package topology says once which functions and queues exist and what they are called. The local home, Lambda's home,
// the CDK app, the build and a test read it.
package topology

import "time"

// Function is one place where code is woken. What it needs beside what is named here: of each lane that wakes it, to hide
// messages for a time of its own and to send to its dead letters. That it has what its code needs, and no more, is tested
// (shared/deps_rights_test.go).
type Function struct {
	Name   string
	Does   string   // one sentence
	Lanes  []string // queues that wake it
	Sends  []string // queues it sends to
	HTTP   bool     // woken by HTTP
	Timer  bool     // woken every minute
	Woken  bool     // woken by the timer's function: every quarter of an hour to look at the queues, every hour for all it does
	Memory int      // MiB on Lambda
	Limit  time.Duration
	Batch  int  // messages of one call
	Counts bool // looks at how much waits in every lane
	Mends  bool // takes dead letters of every lane and sends them again

	Table   Access // what it does with the table
	Archive Access // what it does with the archive
	Secrets Access // what it does with the secrets
}

// Access is what a function does with something, from which its rights are made.
type Access int

// What a function does with something.
const (
	None  Access = iota
	Reads        // gets and lists
	Adds         // puts new things; never reads or removes
	Works        // reads, writes, removes
)

// Queue is one lane between functions.
type Queue struct {
	Name       string
	Does       string
	Visibility time.Duration // at least six times the limit of the function it wakes
	Workers    int           // batches at once on Lambda, where calls are bounded
	Masses     bool          // masses come at once: always bounded. A bound keeps Lambda from listening less while nothing comes
}

// The lanes.
const (
	MentionsLive  = "mentions-live"
	MentionsBulk  = "mentions-bulk"
	DeliverUrgent = "deliver-urgent"
	DeliverBulk   = "deliver-bulk"
	Changes       = "changes"
	Replies       = "replies"
	Polls         = "polls"
	Jobs          = "jobs"
)

// Queues lists every lane.
func Queues() []Queue {
	return []Queue{
		{MentionsLive, "raw events from webhooks and live polls", 6 * time.Minute, 20, false},
		{MentionsBulk, "raw events from backfill and first reads", 6 * time.Minute, 4, true},
		{DeliverUrgent, "pointers to what a CRM must hold soon: complaints, cases, protected customers", 6 * time.Minute, 10, false},
		{DeliverBulk, "pointers to what a CRM must hold", 6 * time.Minute, 10, true},
		{Changes, "what somebody changed in a CRM", 6 * time.Minute, 5, false},
		{Replies, "answers on their way to a network", 6 * time.Minute, 2, false},
		{Polls, "accounts whose time has come to be read", 6 * time.Minute, 10, false},
		{Jobs, "pages of long work", 30 * time.Minute, 2, false},
	}
}

// Functions lists every function.
func Functions() []Function {
	return []Function{
		{Name: "receive", Does: "verifies a webhook, makes it durable, answers", HTTP: true, Memory: 256, Limit: 10 * time.Second,
			Sends: []string{MentionsLive, Changes}, Table: Reads, Archive: Adds, Secrets: Reads},
		{Name: "tick", Does: "turns due rows into messages", Timer: true, Memory: 256, Limit: time.Minute,
			Sends: []string{Polls, Jobs, DeliverUrgent, DeliverBulk, Changes}, Table: Works},
		{Name: "poll", Does: "reads an account from its cursor on", Lanes: []string{Polls}, Memory: 256, Limit: time.Minute, Batch: 1,
			Sends: []string{MentionsLive, Changes, Jobs}, Table: Works, Archive: Adds, Secrets: Reads},
		{Name: "enrich", Does: "parses, gathers, decides, commits", Lanes: []string{MentionsLive, MentionsBulk}, Memory: 512, Limit: time.Minute, Batch: 100,
			Sends: []string{MentionsLive, MentionsBulk, DeliverUrgent, DeliverBulk, Replies, Jobs}, Table: Works, Archive: Works, Secrets: Reads},
		{Name: "deliver", Does: "writes what a CRM must come to hold", Lanes: []string{DeliverUrgent, DeliverBulk}, Memory: 512, Limit: time.Minute, Batch: 100,
			Sends: []string{DeliverUrgent, DeliverBulk}, Table: Works, Archive: Works, Secrets: Reads},
		{Name: "changes", Does: "takes in what changed in a CRM", Lanes: []string{Changes}, Memory: 256, Limit: time.Minute, Batch: 100,
			Sends: []string{DeliverUrgent, DeliverBulk, Replies, Jobs}, Table: Works, Secrets: Reads},
		{Name: "reply", Does: "sends an approved answer, once", Lanes: []string{Replies}, Memory: 256, Limit: time.Minute, Batch: 1,
			Sends: []string{Replies, DeliverUrgent}, Table: Works, Secrets: Reads},
		{Name: "jobs", Does: "does one page of long work", Lanes: []string{Jobs}, Memory: 512, Limit: 5 * time.Minute, Batch: 1,
			Sends: []string{Jobs, MentionsLive, MentionsBulk, DeliverUrgent, DeliverBulk}, Table: Works, Archive: Works, Secrets: Reads},
		{Name: "report", Does: "counts what became of everything received", Woken: true, Memory: 256, Limit: 5 * time.Minute, Counts: true,
			Table: Reads},
		{Name: "console", Does: "shows pages to people who logged in", HTTP: true, Memory: 512, Limit: 30 * time.Second, Counts: true, Mends: true,
			Sends: []string{MentionsLive, MentionsBulk, DeliverUrgent, DeliverBulk, Changes, Replies, Polls, Jobs}, Table: Works, Archive: Reads, Secrets: Works},
	}
}
