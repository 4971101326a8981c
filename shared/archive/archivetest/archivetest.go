// Package archivetest is the conformance suite of package archive. Every driver runs it.
//
// A check gets an archive and says in an error what is wrong with it. It uses accounts of its own, so that a driver may
// give the same (even a used) archive to all checks. The suite itself is tested with broken archives: each must be found out.
package archivetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"rapport/shared/archive"
	"rapport/shared/fault"
)

// Harness tells the suite how to make an archive.
type Harness struct {
	// New gives an archive; it may be the same for every check. Cleaning up belongs to t.Cleanup.
	New func(t testing.TB) archive.Archive
	// Patience bounds one check; 0 = one minute.
	Patience time.Duration
}

// Failure is a check that an archive does not pass.
type Failure struct {
	Check string
	Err   error
}

// Run runs every check as a subtest.
func Run(t *testing.T, h Harness) {
	t.Helper()
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			if err := h.run(t, c); err != nil {
				t.Error(err)
			}
		})
	}
}

// Failures runs every check and gives those that fail, in order; t is only for making archives.
func Failures(t testing.TB, h Harness) []Failure {
	t.Helper()
	var failed []Failure
	for _, c := range checks {
		if err := h.run(t, c); err != nil {
			failed = append(failed, Failure{c.name, err})
		}
	}
	return failed
}

func (h Harness) run(t testing.TB, c check) error {
	patience := h.Patience
	if patience == 0 {
		patience = time.Minute
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return c.run(ctx, bench{h.New(t), c.name + " " + rand.Text()})
}

type check struct {
	name string
	run  func(ctx context.Context, b bench) error
}

var checks = []check{
	{"write and read", writeAndRead},
	{"bytes as they are", bytesAsTheyAre},
	{"written again", writtenAgain},
	{"what is not there", notThere},
	{"impossible batches", impossible},
	{"any text as name", anyName},
	{"accounts are apart", accountsApart},
	{"list in time order", listInOrder},
	{"list a range", listRange},
	{"list ends early", listEndsEarly},
	{"rewrite", rewrite},
	{"rewrite to nothing", rewriteToNothing},
	{"rewrite without need", rewriteWithoutNeed},
	{"rewrites at once", rewritesAtOnce},
	{"writes at once", writesAtOnce},
	{"data is the archive's own", ownData},
	{"large batch", largeBatch},
	{"cancelled context", cancelled},
}

// bench is what a check works with.
type bench struct {
	archive.Archive
	account string // an account nobody else uses; more of them by appending
}

// noon is when the checks' batches begin.
var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// batch makes a batch of n full entries.
func (b bench) batch(id string, at time.Time, n int) archive.Batch {
	out := archive.Batch{Account: b.account, At: at, ID: id}
	for i := range n {
		out.Entries = append(out.Entries, archive.Entry{
			Line: fmt.Sprintf("%s-%d", id, i), Account: b.account, At: at.Add(-time.Duration(i) * time.Second),
			Mention: fmt.Sprintf("mastodon:%d", i), Author: fmt.Sprintf("mastodon:author-%d", i%3),
			Raw: fmt.Appendf(nil, `{"id":%d,"text":"Grüße 👋"}`, i), Headers: []string{"X-Signature: abc", "X-Topic: new"},
			Inputs: fmt.Appendf(nil, `{"now": %d}`, i), Decision: []byte(`{"outcome":"mention"}`), Previous: []byte(`{"Status":"New"}`),
		})
	}
	return out
}

// write stores a batch that must be accepted.
func (b bench) write(ctx context.Context, batch archive.Batch) (string, error) {
	ref, err := b.Write(ctx, batch)
	if err != nil {
		return "", fmt.Errorf("write of %q: %w", batch.ID, err)
	}
	if ref == "" {
		return "", fmt.Errorf("write of %q gave no reference", batch.ID)
	}
	return ref, nil
}

// holds checks what is archived under a reference.
func (b bench) holds(ctx context.Context, ref string, want archive.Batch) error {
	got, err := b.Read(ctx, ref)
	if err != nil {
		return fmt.Errorf("read of %q: %w", ref, err)
	}
	return same(got, want)
}

// absent checks that nothing is archived under a reference.
func (b bench) absent(ctx context.Context, ref string) error {
	if got, err := b.Read(ctx, ref); err == nil {
		return fmt.Errorf("%q is there with %d entries, want NotFound", ref, len(got.Entries))
	} else if !fault.Is(err, fault.NotFound) {
		return fmt.Errorf("read of %q failed as %v (%w), want NotFound", ref, fault.Of(err), err)
	}
	return nil
}

// lists checks the references of an account and a range.
func (b bench) lists(ctx context.Context, from, to time.Time, want ...string) error {
	var got []string
	for ref, err := range b.List(ctx, b.account, from, to) {
		if err != nil {
			return fmt.Errorf("list: %w", err)
		}
		got = append(got, ref)
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("list from %v to %v gave %q, want %q", from, to, got, want)
	}
	return nil
}

func same(got, want archive.Batch) error {
	if got.Account != want.Account || got.ID != want.ID || !got.At.Equal(want.At) {
		return fmt.Errorf("batch is %q %q %v, want %q %q %v", got.Account, got.ID, got.At, want.Account, want.ID, want.At)
	}
	if len(got.Entries) != len(want.Entries) {
		return fmt.Errorf("batch %q holds %d entries, want %d", want.ID, len(got.Entries), len(want.Entries))
	}
	for i := range want.Entries {
		if err := sameEntry(got.Entries[i], want.Entries[i]); err != nil {
			return fmt.Errorf("entry %d of batch %q: %w", i, want.ID, err)
		}
	}
	return nil
}

func sameEntry(got, want archive.Entry) error {
	if got.Line != want.Line || got.Account != want.Account || got.Mention != want.Mention || got.Author != want.Author || !got.At.Equal(want.At) {
		return fmt.Errorf("is %q %q %q %q %v, want %q %q %q %q %v", got.Line, got.Account, got.Mention, got.Author, got.At,
			want.Line, want.Account, want.Mention, want.Author, want.At)
	}
	if !slices.Equal(got.Headers, want.Headers) {
		return fmt.Errorf("headers are %q, want %q", got.Headers, want.Headers)
	}
	for _, part := range []struct {
		name      string
		got, want []byte
	}{{"raw", got.Raw, want.Raw}, {"inputs", got.Inputs, want.Inputs}, {"decision", got.Decision, want.Decision}, {"previous", got.Previous, want.Previous}} {
		if !bytes.Equal(part.got, part.want) {
			return fmt.Errorf("%s is %d bytes (%.30q), want %d (%.30q)", part.name, len(part.got), part.got, len(part.want), part.want)
		}
	}
	return nil
}

var errNoFault = errors.New("was accepted")

// refused checks that an error is of a kind.
func refused(what string, err error, kind fault.Kind) error {
	if err == nil {
		err = errNoFault
	}
	if !fault.Is(err, kind) {
		return fmt.Errorf("%s: %w, want %v", what, err, kind)
	}
	return nil
}
