package bluesky

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"net/url"
	"strings"

	"github.com/rivo/uniseg"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
)

// Idempotent is true: the record's key is made of the reply, and a host keeps one record per key.
func (Network) Idempotent() bool { return true }

// Reply answers a post in public. The parent is read first: for its version, the start of the thread, and whether the brand
// may answer. A record of the same key that is there already is the answer of an earlier try.
func (Network) Reply(ctx context.Context, a network.Account, r flow.Reply, key string) (network.Posted, error) {
	switch graphemes := uniseg.GraphemeClusterCount(r.Text); {
	case r.Private:
		return network.Posted{}, fault.New(fault.Invalid, "private messages cannot be sent on Bluesky: answer in public")
	case graphemes > maxText || len(r.Text) > maxBytes:
		return network.Posted{}, fault.New(fault.Invalid, "the reply is too long: %d characters in %d bytes, Bluesky takes %d in %d", graphemes, len(r.Text), maxText, maxBytes)
	case strings.TrimSpace(r.Text) == "":
		return network.Posted{}, fault.New(fault.Invalid, "the reply is empty")
	}
	did, err := self(ctx, a)
	if err != nil {
		return network.Posted{}, err
	}
	thread, err := below(ctx, a, r)
	if err != nil {
		return network.Posted{}, err
	}
	marked, err := facets(ctx, a, r.Text)
	if err != nil {
		return network.Posted{}, err
	}
	rkey := recordKey(r, key)
	// A null swapRecord means: only where there is none.
	in := map[string]any{"repo": did, "collection": collection, "rkey": rkey, "swapRecord": nil,
		"record": record{Type: collection, Text: r.Text, Facets: marked, Reply: &thread, CreatedAt: a.Now.UTC().Format("2006-01-02T15:04:05.000Z")}}
	var made ref
	err = post(ctx, a, "com.atproto.repo.putRecord", a.Secret("token"), in, &made)
	switch {
	case word(err) == "InvalidSwap":
		return earlier(ctx, a, "at://"+did+"/"+collection+"/"+rkey, thread)
	case fault.Is(err, fault.Invalid):
		return network.Posted{}, fault.New(fault.Invalid, "the server refuses this reply: %w", err)
	case err != nil:
		return network.Posted{}, err
	}
	if _, _, ok := split(made.URI); !ok {
		return network.Posted{}, fault.New(fault.Ambiguous, "the server's answer to the reply names no post; it may be posted")
	}
	return network.Posted{Native: made.URI, Permalink: permalink(a, made.URI), At: a.Now}, nil
}

// below reads what a reply has to name: the parent's version and the start of its thread.
func below(ctx context.Context, a network.Account, r flow.Reply) (answers, error) {
	uri := flow.Native(r.Mention)
	items, err := getPosts(ctx, a, []string{uri})
	if err != nil {
		return answers{}, err
	}
	if len(items) == 0 {
		return answers{}, fault.New(fault.Gone, "the post %s is gone, or its author blocks this account", uri)
	}
	var parent view
	var rec record
	if json.Unmarshal(items[0], &parent) != nil || json.Unmarshal(parent.Record, &rec) != nil || parent.URI != uri || parent.CID == "" {
		return answers{}, fault.New(fault.Transient, "the server's answer holds another post than %s", uri)
	}
	if parent.Viewer.Closed {
		return answers{}, fault.New(fault.Invalid, "the author of the post does not let this account answer")
	}
	out := answers{Parent: ref{parent.URI, parent.CID}, Root: ref{parent.URI, parent.CID}}
	if rec.Reply != nil && rec.Reply.Root.URI != "" {
		out.Root = rec.Reply.Root
	}
	return out, nil
}

// earlier gives the record that an earlier try left.
func earlier(ctx context.Context, a network.Account, uri string, thread answers) (network.Posted, error) {
	old, err := getRecord(ctx, a, uri)
	if err != nil {
		return network.Posted{}, fault.New(fault.Ambiguous, "the reply was posted before, but cannot be read: %w", err)
	}
	if old.Value.Reply == nil || old.Value.Reply.Parent.URI != thread.Parent.URI {
		return network.Posted{}, fault.New(fault.Invalid, "the place of this reply is taken by %s", uri)
	}
	return old.posted(a), nil
}

func (s stored) posted(a network.Account) network.Posted {
	at, _ := when(s.Value.CreatedAt) // ours, unless another tool wrote it
	return network.Posted{Native: s.URI, Permalink: permalink(a, s.URI), At: at}
}

func permalink(a network.Account, uri string) string {
	did, rkey, _ := split(uri)
	return page(a.Settings, did) + "/post/" + rkey
}

// FindReply looks in the account's own repository for an answer of the same words to the same post: the index may not
// know it yet.
func (Network) FindReply(ctx context.Context, a network.Account, r flow.Reply) (network.Posted, error) {
	did, err := self(ctx, a)
	if err != nil {
		return network.Posted{}, err
	}
	var found struct {
		Records []stored `json:"records"`
	}
	if err := get(ctx, a, "com.atproto.repo.listRecords", url.Values{"repo": {did}, "collection": {collection}, "limit": {"100"}}, &found); err != nil {
		return network.Posted{}, err
	}
	for _, x := range found.Records {
		if x.Value.Reply != nil && x.Value.Reply.Parent.URI == flow.Native(r.Mention) && x.Value.Text == r.Text {
			return x.posted(a), nil
		}
	}
	return network.Posted{}, fault.New(fault.NotFound, "no answer of ours with this text is below %s", flow.Native(r.Mention))
}

// recordKey makes the key of a reply's record, in the form that the protocol wants of posts: 53 bits of microseconds and
// 10 bits that tell clocks apart. The time is when the reply was asked for; the rest is the reply's own key.
func recordKey(r flow.Reply, key string) string {
	sum := sha256.Sum256([]byte(r.Account + "\x00" + r.Mention + "\x00" + key))
	n := binary.BigEndian.Uint64(sum[:8])
	micros := n >> 14 & (1<<50 - 1)
	if ms := r.Asked.UnixMilli(); !r.Asked.IsZero() && ms > 0 && ms < 1<<53/1000 {
		micros = uint64(ms)*1000 + n>>10%1000
	}
	return tid(micros, n&1023)
}

// tid writes a time and a clock's number as the protocol's sortable key.
func tid(micros, clock uint64) string {
	const letters = "234567abcdefghijklmnopqrstuvwxyz"
	v := micros&(1<<53-1)<<10 | clock&1023
	out := make([]byte, 13)
	for i := 12; i >= 0; i-- {
		out[i] = letters[v&31]
		v >>= 5
	}
	return string(out)
}
