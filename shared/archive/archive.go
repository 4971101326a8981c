// Package archive is the contract of the archive: raw events, Inputs and Decisions, kept by batch for replay, receipts
// and previous values. It is written once per enrich batch and read rarely.
package archive

import (
	"context"
	"iter"
	"time"
)

// Entry is what is kept of one received thing.
type Entry struct {
	Line     string    `json:"line"` // its ledger line: receipt id and index
	Account  string    `json:"account"`
	At       time.Time `json:"at"` // received
	Mention  string    `json:"mention,omitempty"`
	Author   string    `json:"author,omitempty"`
	Raw      []byte    `json:"raw,omitempty"` // as the vendor sent it; of an array only at the first entry
	Headers  []string  `json:"headers,omitempty"`
	Inputs   []byte    `json:"inputs,omitempty"`   // JSON of decide.Inputs
	Decision []byte    `json:"decision,omitempty"` // JSON of decide.Decision
	Previous []byte    `json:"previous,omitempty"` // JSON: field values that a write replaced
}

// Batch is one object of the archive. All entries are of one account.
type Batch struct {
	Account string    `json:"account"`
	At      time.Time `json:"at"`
	ID      string    `json:"id"` // unique; the same batch written again under it replaces itself
	Entries []Entry   `json:"entries"`
}

// Archive keeps batches. Safe for concurrent use.
type Archive interface {
	// Write stores a batch durably and answers its reference: account, day and id. Writing the same ID again is fine.
	Write(ctx context.Context, b Batch) (ref string, err error)
	// Read gives a batch back; NotFound where there is none.
	Read(ctx context.Context, ref string) (Batch, error)
	// List walks references of an account whose batch time is in [from, to), oldest first.
	List(ctx context.Context, account string, from, to time.Time) iter.Seq2[string, error]
	// Rewrite removes the entries for which drop is true, for good; an emptied batch is removed. NotFound is no error.
	Rewrite(ctx context.Context, ref string, drop func(Entry) bool) error
}
