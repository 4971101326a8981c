// Package mastodon connects Rapport with servers of the Mastodon API: Mastodon, GoToSocial, Pleroma and Akkoma.
//
// What is odd: every server is a vendor of its own, with its own app registration. Ids are opaque and local (snowflakes,
// ULIDs, base62), so mentions and authors are known by their global addresses instead. Lists may be paged by hidden
// numbers, so that only the server's Link headers are followed; search has none and is paged by ids. min_id walks forward without
// gaps, since_id does not. Mentions by strangers are held back unless include_filtered is asked for. The limit's reset is
// an ISO time. A status names what it answers by local id only. Absence from a batch means deletion. Idempotency keys
// live for an hour and GoToSocial ignores them, so replies are looked for before they are repeated.
//
// Documentation: https://docs.joinmastodon.org/ and https://docs.gotosocial.org/
package mastodon

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
	"rapport/shared/rest"
)

var (
	_ network.Parser      = Network{}
	_ network.Poller      = Network{}
	_ network.Ranger      = Network{}
	_ network.Checker     = Network{}
	_ network.Replier     = Network{}
	_ network.ReplyFinder = Network{}
	_ network.Registrar   = Network{}
	_ network.Authorizer  = Network{}
	_ network.Prober      = Network{}
)

const (
	name       = "mastodon"
	maxText    = 500 // characters, unless the server allows another number
	checkBatch = 20  // statuses of one call; servers cut longer lists silently
	scopes     = "read:notifications read:statuses read:search read:accounts write:statuses"

	// What a stream is called in the configuration.
	notifications = "notifications"
	own           = "own"     // what the brand's account says itself
	tag           = "tag:"    // a hashtag
	search        = "search:" // words in public posts, where the server and the author allow it
)

// Network is the connector. It has no state.
type Network struct{}

// New gives the connector.
func New() Network { return Network{} }

// Info describes it.
func (Network) Info() network.Info {
	return network.Info{
		Name: name, Title: "Mastodon", Docs: "https://docs.joinmastodon.org/client/intro/",
		Settings: []network.Field{
			{Name: "streams", Title: "Streams", Type: "list", Help: "notifications, own, tag:<hashtag>, search:<words>", Default: []string{notifications, own}},
			{Name: "max_text", Title: "Longest status", Type: "number", Default: maxText, Help: "in characters, as the server's About page says"},
			{Name: "idempotent", Title: "Server honours Idempotency-Key", Type: "flag", Default: true, Help: "switch off for GoToSocial"},
		},
		Secrets: []network.Field{
			{Name: "token", Title: "Access token", Type: "text", Help: "from Preferences > Development of the brand's account; Connect keeps one of its own"},
			{Name: "client_id", Title: "Client id", Type: "text", Help: "of our app on this server; Connect registers it"},
			{Name: "client_secret", Title: "Client secret", Type: "text", Help: "of our app on this server; Connect registers it"},
		},
		Poll:    time.Minute,
		Buckets: []network.Bucket{{Name: "default", Calls: 300, Per: 5 * time.Minute, Shared: "account", Reserve: 20}},
		Rules: network.Rules{MayMatch: "yes", MayScore: true, MayStore: true, OnDelete: "blank", DeleteBy: 24 * time.Hour,
			Source: "https://docs.joinmastodon.org/user/privacy/ and the rules on each server's About page"},
		MaxText: maxText, Unit: "graphemes", Private: true,
		Needs: []network.Need{
			{What: "an account on a Mastodon, GoToSocial, Pleroma or Akkoma server", Who: "the server's admin, where sign-up is not open", Takes: "minutes to a day", Before: "everything with the demo's twin"},
			{What: "a token of that account with the scopes " + scopes, Who: "you: Connect, or Preferences > Development", Takes: "a minute"},
			{What: "full-text search, for search: streams", Who: "the server's admin; only public posts of authors who allow it are found", Takes: "depends on the server", Before: "notifications and tags"},
		},
		FirstStreams: []string{notifications, own},
	}
}

// Parse reads lists of notifications or statuses, search results, and own posts with what they answer. Own posts are those of Raw.Account (the actor
// address) and of the stream "own".
func (Network) Parse(raw network.Raw) ([]flow.Event, error) {
	entries, parents, err := decode(raw.Body)
	if err != nil {
		return nil, err
	}
	byID := map[string]*status{}
	for i := range parents {
		byID[parents[i].ID] = &parents[i]
	}
	for i := range entries {
		if st := entries[i].post(); st != nil {
			byID[st.ID] = st
		}
	}
	var events []flow.Event
	seen := map[string]bool{}
	for i := range entries {
		st := entries[i].post()
		if st == nil {
			continue
		}
		e, err := st.event(raw, byID)
		if err != nil {
			return nil, err
		}
		if !seen[e.ID()] { // one status may be told twice, as mention and as new post
			seen[e.ID()] = true
			events = append(events, e)
		}
	}
	return events, nil
}

// event says what a status is in our words.
func (st *status) event(raw network.Raw, byID map[string]*status) (flow.Event, error) {
	uri, author := first(st.URI, st.URL), st.Account.address()
	created, err := when(st.CreatedAt)
	if uri == "" || author == "" || err != nil {
		return flow.Event{}, fault.New(fault.Invalid, "a status has no address, account or time: this is no answer of the Mastodon API")
	}
	text, links := plain(st.Content)
	if st.Spoiler != "" {
		text = strings.TrimSpace(clean(st.Spoiler) + "\n\n" + text)
	}
	m := flow.Mention{
		ID: flow.MentionID(name, uri), Network: name, Kind: flow.Post, Direction: flow.In, Text: text, Lang: language(st.Language),
		Permalink: first(st.URL, st.URI), Author: st.Account.author(raw.Origin), Created: created, Links: links,
		Likes: max(0, st.Favourites), Shares: max(0, st.Reblogs) + max(0, st.Quotes), Comments: max(0, st.Replies),
		Extra: map[string]any{"local_id": st.ID, "visibility": st.Visibility},
	}
	if raw.Stream == own || st.Account.is(raw.Account) {
		m.Direction = flow.Out
	}
	if st.ParentID != "" {
		m.Kind = flow.ReplyTo
		m.Extra["parent_local_id"] = st.ParentID
		m.Parent, m.Root = st.thread(raw, byID)
	}
	if st.Visibility == "direct" {
		m.Kind, m.Private = flow.Message, true
	}
	if st.Quote != nil && st.Quote.Status != nil {
		m.Extra["quotes"] = st.Quote.Status.URI
	}
	if st.Sensitive {
		m.Extra["sensitive"] = true
	}
	for _, t := range st.Tags {
		m.Tags = append(m.Tags, clean(t.Name))
	}
	for _, x := range st.Media {
		m.Media = append(m.Media, x.media())
	}
	e := flow.Event{Verb: flow.New, At: created, Mention: m}
	if st.EditedAt != "" {
		edited, err := when(st.EditedAt)
		if err != nil {
			return flow.Event{}, err
		}
		e.Verb, e.At, e.Mention.Edited = flow.Edit, edited, edited
	}
	return e, nil
}

// thread gives parent and start of the thread as far as the body tells: a status names what it answers by local id. Of
// answers to the brand itself the address follows from the account's, as all servers but Pleroma build it.
func (st *status) thread(raw network.Raw, byID map[string]*status) (parent, root string) {
	if p := byID[st.ParentID]; p != nil {
		if first(p.URI, p.URL) == "" {
			return "", ""
		}
		parent = flow.MentionID(name, first(p.URI, p.URL))
		for range len(byID) {
			if p.ParentID == "" {
				return parent, flow.MentionID(name, first(p.URI, p.URL))
			}
			if p = byID[p.ParentID]; p == nil {
				break
			}
		}
		return parent, ""
	}
	for _, x := range st.Mentions {
		if x.ID == st.ParentAccount && x.ID != "" && strings.HasPrefix(raw.Account, "http") && sameAccount(x.URL, raw.Account) {
			return flow.MentionID(name, raw.Account+"/statuses/"+st.ParentID), ""
		}
	}
	return "", ""
}

// Poll makes one call: it reads the next page of one stream, in turn, until all streams have nothing new.
func (Network) Poll(ctx context.Context, a network.Account, at string) (network.Page, error) {
	var c cursor
	if err := network.ReadCursor(at, "account", &c); err != nil {
		return network.Page{}, err
	}
	streams := streamsOf(a)
	stream := c.Next(streams)
	var body []byte
	var err error
	switch {
	case stream == own && c.Self == "":
		me, err := myself(ctx, a)
		if err != nil {
			return network.Page{}, err
		}
		c.Self = me.ID
		return c.page(stream, nil, true)
	case strings.HasPrefix(stream, search):
		body, err = c.pollSearch(ctx, a, stream)
	default:
		body, err = c.pollList(ctx, a, stream)
	}
	if err != nil {
		return network.Page{}, err
	}
	return c.page(stream, body, c.Took(stream, network.Place(&c.Streams, stream).done, streams))
}

// Check reads statuses by their local ids, which Parse left in Mention.Extra; what the server leaves out is gone. A
// mention without such an id is not judged.
func (Network) Check(ctx context.Context, a network.Account, mentions []flow.Mention) ([]network.Body, []string, error) {
	byLocal := map[string]string{}
	query := url.Values{}
	for _, m := range mentions {
		if local, _ := m.Extra["local_id"].(string); local != "" {
			byLocal[local] = m.ID
			query.Add("id[]", local)
		}
	}
	if len(byLocal) == 0 {
		return nil, nil, nil
	}
	items, err := fetch(ctx, a, query["id[]"])
	if err != nil {
		return nil, nil, err
	}
	for _, item := range items {
		var x struct {
			ID string `json:"id"`
		}
		if err := json.Unmarshal(item, &x); err != nil || x.ID == "" {
			return nil, nil, fault.New(fault.Transient, "the server's batch of statuses holds something else")
		}
		delete(byLocal, x.ID)
	}
	var bodies []network.Body
	if len(items) > 0 {
		body, err := json.Marshal(items)
		if err != nil {
			return nil, nil, fault.New(fault.Transient, "the server's batch of statuses cannot be kept: %w", err)
		}
		bodies = []network.Body{{Stream: "statuses", Data: body}}
	}
	return bodies, missing(query["id[]"], byLocal), nil
}

// missing gives the mention ids that are left, in the order they were asked for.
func missing(locals []string, byLocal map[string]string) (gone []string) {
	for _, local := range locals {
		if id, ok := byLocal[local]; ok {
			gone = append(gone, id)
		}
	}
	return gone
}

// CheckBatch is the most mentions of one call.
func (Network) CheckBatch() int { return checkBatch }

// Idempotent is false: keys live for an hour and not all servers honour them, so FindReply is asked first.
func (Network) Idempotent() bool { return false }

// Reply answers a status in its own visibility, or privately. The parent is looked up first, because replies name it by
// local id: Gone when it is not there any more.
func (Network) Reply(ctx context.Context, a network.Account, r flow.Reply, key string) (network.Posted, error) {
	parent, err := lookup(ctx, a, r)
	if err != nil {
		return network.Posted{}, err
	}
	text := addressed(r.Text, parent.Account)
	if n, most := length(text), a.Int("max_text", maxText); n > most {
		return network.Posted{}, fault.New(fault.Invalid, "the reply is too long: %d characters with the handle in front, this server takes %d", n, most)
	}
	visibility := parent.Visibility
	if r.Private || visibility == "" {
		visibility = "direct"
	}
	header := http.Header{}
	if on, set := a.Settings["idempotent"].(bool); on || !set {
		// Not sent to servers that ignore it, because HTTP transports repeat calls that carry it.
		header.Set("Idempotency-Key", key)
	}
	return post(ctx, a, header, map[string]string{"status": text, "in_reply_to_id": parent.ID, "visibility": visibility})
}

// FindReply looks below the parent for an answer of ours with the same text.
func (Network) FindReply(ctx context.Context, a network.Account, r flow.Reply) (network.Posted, error) {
	parent, err := lookup(ctx, a, r)
	if err != nil {
		return network.Posted{}, err
	}
	self := a.ID
	if self == "" {
		me, err := myself(ctx, a)
		if err != nil {
			return network.Posted{}, err
		}
		self = me.address()
	}
	var thread struct {
		Descendants []status `json:"descendants"`
	}
	if _, err := get(ctx, a, "/api/v1/statuses/"+url.PathEscape(parent.ID)+"/context", nil, &thread); err != nil {
		return network.Posted{}, err
	}
	wanted := wording(r.Text)
	for _, st := range thread.Descendants {
		if text, _ := plain(st.Content); st.ParentID == parent.ID && st.Account.is(self) && wording(text) == wanted {
			return st.posted(), nil
		}
	}
	return network.Posted{}, fault.New(fault.NotFound, "no answer of ours with this text is below %s", flow.Native(r.Mention))
}

// lookup finds the parent of a reply on this server.
func lookup(ctx context.Context, a network.Account, r flow.Reply) (status, error) {
	var found struct {
		Statuses []status `json:"statuses"`
	}
	uri := flow.Native(r.Mention)
	query := url.Values{"q": {uri}, "type": {"statuses"}, "resolve": {"true"}, "limit": {"5"}}
	if _, err := get(ctx, a, "/api/v2/search", query, &found); err != nil {
		return status{}, err
	}
	for _, st := range found.Statuses {
		if st.URI == uri || st.URL == uri {
			return st, nil
		}
	}
	return status{}, fault.New(fault.Gone, "the post %s is gone, or this account may not see it any more", uri)
}

func post(ctx context.Context, a network.Account, header http.Header, body map[string]string) (network.Posted, error) {
	resp, err := a.Do(ctx, rest.Request{Method: http.MethodPost, URL: "/api/v1/statuses", Auth: bearer(a), Header: header, JSON: body})
	if err != nil {
		return network.Posted{}, err
	}
	switch err := classify(resp, a.Now); {
	case resp.Status == http.StatusNotFound:
		return network.Posted{}, fault.New(fault.Gone, "the post that was answered is gone")
	case resp.Status == http.StatusForbidden:
		return network.Posted{}, fault.New(fault.Invalid, "the server does not permit this reply: %s", said(resp))
	case resp.Status == http.StatusUnprocessableEntity:
		return network.Posted{}, fault.New(fault.Invalid, "the server refuses this reply: %s", said(resp))
	case resp.Status >= 500:
		return network.Posted{}, fault.Wait(fault.Ambiguous, fault.After(err), "the server answered %d; the reply may be posted or not", resp.Status)
	case err != nil:
		return network.Posted{}, err
	}
	var st status
	if err := json.Unmarshal(resp.Body, &st); err != nil || st.ID == "" {
		return network.Posted{}, fault.New(fault.Ambiguous, "the server's answer to the reply cannot be read; it may be posted")
	}
	return st.posted(), nil
}
