package x

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/pattern"
	"rapport/shared/rest"
)

// Idempotent is false: X knows no keys, so FindReply is asked first.
func (Network) Idempotent() bool { return false }

var cashtag = pattern.New(`(?:^|\s)\$[A-Za-z]{1,6}\b`)

// Reply answers a post in public, or its author by direct message. Before anything is written it looks whether the post is
// still there and whether X permits the account to answer.
func (Network) Reply(ctx context.Context, a network.Account, r flow.Reply, _ string) (network.Posted, error) {
	if n := network.Weighted(r.Text); n > maxText {
		return network.Posted{}, fault.New(fault.Invalid, "the reply is too long: %d weighted characters, X takes %d; an address counts 23, an emoji 2", n, maxText)
	}
	native := flow.Native(r.Mention)
	if r.Private || strings.HasPrefix(native, message) {
		return send(ctx, a, r)
	}
	if len(cashtag().FindAllString(r.Text, 2)) > 1 && selfServe(a) {
		return network.Posted{}, fault.New(fault.Invalid, "the reply has more than one cashtag ($…); X takes one")
	}
	parent, err := lookup(ctx, a, native)
	if err != nil {
		return network.Posted{}, err
	}
	asked, err := summoned(ctx, a, parent)
	if err != nil {
		return network.Posted{}, err
	}
	if !asked && selfServe(a) {
		return network.Posted{}, fault.New(fault.Invalid, "X permits no reply here: its author neither mentioned nor quoted the account; answer by hand at %s", "https://x.com/i/status/"+native)
	}
	price := createPost
	switch {
	case network.HasAddress(r.Text):
		price = createLink
	case asked:
		price = createAsked
	}
	return write(ctx, a, rest.Request{URL: "/2/tweets", Paid: map[string]int{price: 1},
		JSON: map[string]any{"text": r.Text, "reply": map[string]string{"in_reply_to_tweet_id": native}}})
}

func selfServe(a network.Account) bool { return a.Text("plan") != "enterprise" }

// lookup finds the parent of a reply.
func lookup(ctx context.Context, a network.Account, id string) (post, error) {
	if !number(id) {
		return post{}, fault.New(fault.Invalid, "%.40q is no post of X", id)
	}
	_, l, err := readPosts(ctx, a, []string{id}, false)
	if err != nil {
		return post{}, err
	}
	for _, p := range l.posts {
		if p.ID == id {
			return p, nil
		}
	}
	return post{}, fault.New(fault.Gone, "the post %s is gone, or its author is suspended or protected", id)
}

// summoned tells whether the author of a post mentioned the account or quoted a post of it: who neither did must not be answered.
func summoned(ctx context.Context, a network.Account, p post) (bool, error) {
	id, err := self(a)
	if err != nil {
		return false, err
	}
	quoted := p.refers("quoted")
	if p.mentioned(id) || p.AuthorID == id || quoted == "" {
		return p.mentioned(id) || p.AuthorID == id, nil
	}
	_, l, err := readPosts(ctx, a, []string{quoted}, false)
	return len(l.posts) == 1 && l.posts[0].AuthorID == id, err
}

// send answers by direct message.
func send(ctx context.Context, a network.Account, r flow.Reply) (network.Posted, error) {
	to := flow.Native(r.Author.ID)
	switch {
	case !a.Bool("messages"):
		return network.Posted{}, fault.New(fault.Invalid, "direct messages are switched off for account %s: set messages and connect it again", a.Name)
	case !number(to):
		return network.Posted{}, fault.New(fault.Invalid, "nobody is named to whom the message goes")
	}
	return write(ctx, a, rest.Request{URL: "/2/dm_conversations/with/" + to + "/messages", Paid: map[string]int{createDM: 1}, JSON: map[string]string{"text": r.Text}})
}

// write posts once as the brand's account.
func write(ctx context.Context, a network.Account, r rest.Request) (network.Posted, error) {
	if r.Auth = bearer(a, "token"); r.Auth == "" {
		return network.Posted{}, fault.New(fault.Unauthorized, "account %s has no user token: run `rapport connect %s`", a.Name, a.Name)
	}
	r.Method = http.MethodPost
	resp, err := a.Do(ctx, r)
	if err != nil {
		return network.Posted{}, err
	}
	switch err := classify(resp, a.Now); {
	case resp.Status == http.StatusForbidden && !blocked(resp):
		return network.Posted{}, fault.New(fault.Invalid, "X does not permit this reply: %s", said(resp))
	case resp.Status == http.StatusNotFound:
		return network.Posted{}, fault.New(fault.Gone, "what was answered is gone")
	case resp.Status == http.StatusBadRequest:
		return network.Posted{}, fault.New(fault.Invalid, "X refuses this reply: %s", said(resp))
	case resp.Status >= 500:
		return network.Posted{}, fault.Wait(fault.Ambiguous, fault.After(err), "X answered %d; the reply may be posted or not", resp.Status)
	case err != nil:
		return network.Posted{}, err
	}
	var made struct {
		Data struct {
			ID      string `json:"id"`
			Message string `json:"dm_event_id"`
		} `json:"data"`
	}
	if err := json.Unmarshal(resp.Body, &made); err != nil || made.Data.ID+made.Data.Message == "" {
		return network.Posted{}, fault.New(fault.Ambiguous, "X's answer to the reply cannot be read; it may be posted")
	}
	if made.Data.Message != "" {
		return network.Posted{Native: message + made.Data.Message, At: a.Now}, nil
	}
	return posted(made.Data.ID, a.Now), nil
}

// blocked tells that not this reply but the whole app is refused.
func blocked(resp rest.Response) bool {
	var p problem
	return json.Unmarshal(resp.Body, &p) == nil && p.is("client-forbidden")
}

func posted(id string, at time.Time) network.Posted {
	if t, ok := born(id); ok {
		at = t
	}
	return network.Posted{Native: id, Permalink: "https://x.com/i/status/" + id, At: at}
}

// maxFound bounds how many pages of own posts are looked through for a reply.
const maxFound = 5

// FindReply looks through what the account said since the parent for an answer to it with the same text.
func (Network) FindReply(ctx context.Context, a network.Account, r flow.Reply) (network.Posted, error) {
	native := flow.Native(r.Mention)
	if r.Private || strings.HasPrefix(native, message) {
		return findMessage(ctx, a, r)
	}
	s, err := sourceOf(a, own, false)
	if err != nil {
		return network.Posted{}, err
	}
	wanted := wording(r.Text)
	q := url.Values{"since_id": {native}, "tweet.fields": {"created_at,entities,note_tweet,referenced_tweets"}}
	for range maxFound {
		l, _, err := s.read(ctx, a, q, batch, false)
		if err != nil {
			return network.Posted{}, err
		}
		for _, p := range l.posts {
			if text, _ := p.plain(); p.refers("replied_to") == native && wording(text) == wanted {
				at, _ := moment(p)
				return posted(p.ID, at), nil
			}
		}
		if l.Meta.Next == "" {
			return network.Posted{}, fault.New(fault.NotFound, "no answer of ours with this text is below %s", native)
		}
		q.Set(s.next, l.Meta.Next)
	}
	return network.Posted{}, fault.New(fault.Ambiguous, "the account said too much since to find out whether it answered %s", native)
}

func findMessage(ctx context.Context, a network.Account, r flow.Reply) (network.Posted, error) {
	var told struct {
		Data []struct {
			ID     string `json:"id"`
			Sender string `json:"sender_id"`
			Text   string `json:"text"`
			At     string `json:"created_at"`
		} `json:"data"`
	}
	id, err := self(a)
	if err != nil {
		return network.Posted{}, err
	}
	const page = 20
	most := map[string]int{readMessage: page}
	req := rest.Request{URL: "/2/dm_conversations/with/" + url.PathEscape(flow.Native(r.Author.ID)) + "/dm_events", Paid: most,
		Query: url.Values{"max_results": {"20"}, "event_types": {"MessageCreate"}, "dm_event.fields": {"id,text,sender_id,created_at"}}}
	req.Came = func(resp rest.Response) map[string]int {
		var l struct {
			Data []json.RawMessage `json:"data"`
		}
		if json.Unmarshal(resp.Body, &l) != nil {
			return most
		}
		return map[string]int{readMessage: len(l.Data)}
	}
	if _, err := get(ctx, a, bearer(a, "token"), req, &told); err != nil {
		return network.Posted{}, err
	}
	for _, m := range told.Data {
		at, _ := when(m.At) // zero when X does not tell
		if m.Sender == id && wording(m.Text) == wording(r.Text) && !at.Before(r.Asked.Truncate(time.Second)) {
			return network.Posted{Native: message + m.ID, At: at}, nil
		}
	}
	return network.Posted{}, fault.New(fault.NotFound, "no message of ours with this text went to %s", flow.Native(r.Author.ID))
}

var (
	leading = pattern.New(`^(?:\s*@\w+)+\s*`)
	blanks  = pattern.New(`\s+`)
)

// wording is what two forms of one text share: X puts handles in front of replies and may change blanks.
func wording(text string) string {
	text, _ = expand(text, entities{})
	return strings.TrimSpace(blanks().ReplaceAllString(leading().ReplaceAllString(text, ""), " "))
}
