package mastodon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/pattern"
	"rapport/shared/rest"
)

// kinds are the types of notifications that are read.
var kinds = []string{"mention", "status", "quote", "update"}

// pause is waited after a 429 that names no time.
const pause = time.Minute

// status is a post as the API gives it.
type status struct {
	ID            string  `json:"id"`
	URI           string  `json:"uri"`
	URL           string  `json:"url"`
	CreatedAt     string  `json:"created_at"`
	EditedAt      string  `json:"edited_at"`
	ParentID      string  `json:"in_reply_to_id"`
	ParentAccount string  `json:"in_reply_to_account_id"`
	Sensitive     bool    `json:"sensitive"`
	Spoiler       string  `json:"spoiler_text"`
	Visibility    string  `json:"visibility"`
	Language      string  `json:"language"`
	Replies       int     `json:"replies_count"`
	Reblogs       int     `json:"reblogs_count"`
	Favourites    int     `json:"favourites_count"`
	Quotes        int     `json:"quotes_count"`
	Content       string  `json:"content"`
	Account       account `json:"account"`
	Media         []media `json:"media_attachments"`
	Mentions      []struct {
		ID  string `json:"id"`
		URL string `json:"url"`
	} `json:"mentions"`
	Tags []struct {
		Name string `json:"name"`
	} `json:"tags"`
	Reblog *struct{} `json:"reblog"`
	Quote  *struct {
		Status *struct {
			URI string `json:"uri"`
		} `json:"quoted_status"`
	} `json:"quote"`
}

// account is a profile as the API gives it.
type account struct {
	ID        string `json:"id"`
	Username  string `json:"username"`
	Acct      string `json:"acct"`
	Display   string `json:"display_name"`
	Note      string `json:"note"`
	URL       string `json:"url"`
	URI       string `json:"uri"`
	Avatar    string `json:"avatar"`
	Bot       bool   `json:"bot"`
	NoIndex   bool   `json:"noindex"`
	Indexable *bool  `json:"indexable"`
	Limited   bool   `json:"limited"`
	CreatedAt string `json:"created_at"`
	Followers *int   `json:"followers_count"`
	Following *int   `json:"following_count"`
	Posts     *int   `json:"statuses_count"`
	Fields    []struct {
		Value    string `json:"value"`
		Verified string `json:"verified_at"`
	} `json:"fields"`
	Pleroma *struct {
		Actor string `json:"ap_id"`
	} `json:"pleroma"`
}

type media struct {
	Type        string `json:"type"`
	URL         string `json:"url"`
	Remote      string `json:"remote_url"`
	Description string `json:"description"`
}

// entry is an element of a list: a notification, or a status itself.
type entry struct {
	Type  string  `json:"type"`
	About *status `json:"status"`
	status
}

// post is the status that an entry brings; nil for what is no concern of ours: boosts, likes, follows, and kinds that
// later servers add.
func (e *entry) post() *status {
	st := &e.status
	if e.Type != "" {
		if st = e.About; st == nil || !slices.Contains(kinds, e.Type) {
			return nil
		}
	}
	if st.Reblog != nil {
		return nil
	}
	return st
}

// decode reads a body: a list, a search, or own posts with what they answer. parents are no events.
func decode(body []byte) (entries []entry, parents []status, err error) {
	switch b := bytes.TrimSpace(body); {
	case len(b) > 0 && b[0] == '[':
		err = json.Unmarshal(b, &entries)
	case len(b) > 0 && b[0] == '{':
		var found struct {
			Statuses *[]entry `json:"statuses"`
			Parents  []status `json:"parents"`
		}
		if err = json.Unmarshal(b, &found); err == nil && found.Statuses == nil {
			return nil, nil, fault.New(fault.Invalid, "an object without statuses is no list of the Mastodon API")
		}
		if found.Statuses != nil {
			entries, parents = *found.Statuses, found.Parents
		}
	default:
		return nil, nil, fault.New(fault.Invalid, "this is no list of the Mastodon API")
	}
	if err != nil {
		return nil, nil, fault.New(fault.Invalid, "this is no list of the Mastodon API: %w", err)
	}
	return entries, parents, nil
}

// address is the account's global name: the actor address, where the server tells it.
func (x account) address() string {
	if x.URI == "" && x.Pleroma != nil {
		return first(x.Pleroma.Actor, x.URL)
	}
	return first(x.URI, x.URL)
}

// is tells whether this is the account of a global name.
func (x account) is(actor string) bool {
	return actor != "" && (x.URI == actor || x.URL == actor || x.address() == actor)
}

// profiles are written as …/@name and actors as …/users/name.
var userPath = pattern.New(`/(?:@|users/)([^/@]+)$`)

// sameAccount tells whether a profile address and an actor address mean one account of one server.
func sameAccount(profile, actor string) bool {
	if profile == actor {
		return true
	}
	p, err1 := url.Parse(profile)
	q, err2 := url.Parse(actor)
	if err1 != nil || err2 != nil || p.Host != q.Host {
		return false
	}
	a, b := userPath().FindStringSubmatch(p.Path), userPath().FindStringSubmatch(q.Path)
	return a != nil && b != nil && strings.EqualFold(a[1], b[1])
}

// author says who it is in our words.
func (x account) author(origin string) flow.Author {
	bio, _ := plain(x.Note)
	out := flow.Author{ID: flow.MentionID(name, x.address()), Handle: x.handle(origin), Name: clean(x.Display), URL: x.URL, Bio: bio,
		Avatar: x.Avatar, Bot: x.Bot, NoIndex: x.NoIndex || x.Indexable != nil && !*x.Indexable}
	if x.Followers != nil && x.Following != nil && x.Posts != nil {
		out.Counted = true
		out.Followers, out.Following, out.Posts = max(0, *x.Followers), max(0, *x.Following), max(0, *x.Posts)
	}
	if t, err := when(x.CreatedAt); err == nil {
		out.Created = t
	}
	for _, f := range x.Fields {
		if f.Verified == "" {
			continue
		}
		text, links := plain(f.Value)
		if len(links) == 0 && strings.HasPrefix(text, "https://") {
			links = []string{text}
		}
		out.Proven = append(out.Proven, links...)
	}
	if x.Limited {
		out.Extra = map[string]any{"limited": true}
	}
	return out
}

// handle is user@host, also for the accounts of the polled server itself.
func (x account) handle(origin string) string {
	if x.Acct == "" || strings.Contains(x.Acct, "@") {
		return x.Acct
	}
	for _, address := range []string{origin, x.URL} {
		if u, err := url.Parse(address); err == nil && u.Host != "" {
			return x.Acct + "@" + u.Host
		}
	}
	return x.Acct
}

func (m media) media() flow.Media {
	kind := m.Type
	switch kind {
	case "image", "video", "audio":
	case "gifv":
		kind = "video"
	default:
		kind = "file"
	}
	return flow.Media{Kind: kind, URL: first(m.URL, m.Remote), Alt: clean(m.Description)}
}

func (st status) posted() network.Posted {
	at, _ := when(st.CreatedAt) // zero when the server does not tell
	return network.Posted{Native: first(st.URI, st.URL), Permalink: first(st.URL, st.URI), At: at}
}

// when reads a time of the API.
func when(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if t = t.UTC(); err != nil || t.Year() < 1970 || t.Year() > 9998 {
		return time.Time{}, fault.New(fault.Invalid, "%.40q is no time", text)
	}
	return t, nil
}

// language gives the ISO 639-1 part of a language tag.
func language(tag string) string {
	base, _, _ := strings.Cut(strings.ToLower(tag), "-")
	if len(base) != 2 {
		return ""
	}
	return base
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

func bearer(a network.Account) string {
	if a.Secret("token") == "" {
		return ""
	}
	return "Bearer " + a.Secret("token")
}

// get makes one reading call and decodes its answer into out, unless nil.
func get(ctx context.Context, a network.Account, address string, query url.Values, out any) (rest.Response, error) {
	resp, err := a.Do(ctx, rest.Request{URL: address, Query: query, Auth: bearer(a)})
	if err != nil {
		if fault.Is(err, fault.Ambiguous) { // nothing was written
			err = fault.New(fault.Transient, "%w", err)
		}
		return resp, err
	}
	if err := classify(resp, a.Now); err != nil {
		return resp, err
	}
	if out == nil {
		return resp, nil
	}
	if t := bytes.TrimSpace(resp.Body); len(t) == 0 || t[0] != '[' && t[0] != '{' {
		return resp, fault.New(fault.Transient, "the server's answer is no JSON")
	}
	return resp, resp.JSON(out)
}

// classify adds what is this API's own to the common table: the reset of the limit is an ISO time.
func classify(resp rest.Response, now time.Time) error {
	err := rest.Classify(resp, now)
	if !fault.Is(err, fault.RateLimited) || fault.After(err) > 0 {
		return err
	}
	after := pause
	if reset, bad := when(resp.Header.Get("X-RateLimit-Reset")); bad == nil && reset.After(now) {
		after = min(reset.Sub(now), 24*time.Hour)
	}
	return fault.Wait(fault.RateLimited, after, "the server's limit of calls is reached")
}

// said is the server's own text of a refusal.
func said(resp rest.Response) string {
	var x struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(resp.Body, &x) == nil && x.Error != "" {
		return rest.Snippet([]byte(x.Error))
	}
	return rest.Snippet(resp.Body)
}

// in names the stream where an error happened, and keeps its kind and wait.
func in(stream string, err error) error {
	var f *fault.Error
	if !errors.As(err, &f) { // the context's end
		return err
	}
	return &fault.Error{Kind: f.Kind, Msg: "stream " + stream, After: f.After, Fields: f.Fields, Err: err}
}

var link = pattern.New(`<([^<>]*)>\s*((?:;\s*[^;,<]+)*)`)

// links gives path and query of the pages with newer (rel=prev) and older (rel=next) things. A link to another host is
// Invalid: the credential would go there.
func links(a network.Account, h http.Header) (newer, older string, err error) {
	base, err := url.Parse(a.Origin)
	if err != nil {
		return "", "", fault.New(fault.Invalid, "account %s has no usable origin", a.Name)
	}
	for _, value := range h.Values("Link") {
		for _, m := range link().FindAllStringSubmatch(value, -1) {
			rel := strings.ReplaceAll(strings.ReplaceAll(m[2], `"`, ""), " ", "")
			if !strings.Contains(rel, "rel=prev") && !strings.Contains(rel, "rel=next") {
				continue
			}
			u, err := url.Parse(m[1])
			if err != nil || u.Host != "" && !strings.EqualFold(u.Host, base.Host) || !strings.HasPrefix(u.Path, "/") || strings.HasPrefix(u.Path, "//") {
				return "", "", fault.New(fault.Invalid, "the server's paging link leads to another host than the account's %s: set the account's address to where the server lives", base.Host)
			}
			if strings.Contains(rel, "rel=prev") {
				newer = u.RequestURI()
			} else {
				older = u.RequestURI()
			}
		}
	}
	return newer, older, nil
}

// myself reads the account that the token belongs to.
func myself(ctx context.Context, a network.Account) (account, error) {
	var me account
	_, err := get(ctx, a, "/api/v1/accounts/verify_credentials", nil, &me)
	if err == nil && me.ID == "" {
		err = fault.New(fault.Transient, "the server does not say whose token this is")
	}
	return me, err
}

// fetch reads statuses by local id, in one call where the server can; absent ones are left out.
func fetch(ctx context.Context, a network.Account, locals []string) ([]json.RawMessage, error) {
	var items []json.RawMessage
	_, err := get(ctx, a, "/api/v1/statuses", url.Values{"id[]": locals}, &items)
	if !fault.Is(err, fault.NotFound) {
		return items, err
	}
	// Servers before 4.3 and GoToSocial have no such list. A foreign or broken server would answer 404 to everything,
	// which must not look like deletions, so it has to know the account first.
	if _, err := myself(ctx, a); err != nil {
		return nil, err
	}
	for _, local := range locals {
		var item json.RawMessage
		_, err := get(ctx, a, "/api/v1/statuses/"+url.PathEscape(local), nil, &item)
		switch {
		case fault.Is(err, fault.NotFound), fault.Is(err, fault.Gone):
		case err != nil:
			return nil, err
		default:
			items = append(items, item)
		}
	}
	return items, nil
}
