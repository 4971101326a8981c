package bluesky

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/rest"
)

const collection = "app.bsky.feed.post"

// reasons are the notifications that are posts about the brand.
var reasons = []string{"mention", "reply", "quote"}

// pause is waited after a 429 that names no time.
const pause = time.Minute

// view is a post as lists show it; a notification has the same shape with a reason.
type view struct {
	URI       string          `json:"uri"`
	CID       string          `json:"cid"`
	Author    profile         `json:"author"`
	Reason    string          `json:"reason"`
	Record    json.RawMessage `json:"record"`
	Embed     *embed          `json:"embed"`
	IndexedAt string          `json:"indexedAt"`
	Likes     int             `json:"likeCount"`
	Reposts   int             `json:"repostCount"`
	Quotes    int             `json:"quoteCount"`
	Replies   int             `json:"replyCount"`
	Labels    []label         `json:"labels"`
	Viewer    struct {
		Closed bool `json:"replyDisabled"`
	} `json:"viewer"`
	noticed bool // it came as a notification
}

type label struct {
	Value string `json:"val"`
	Neg   bool   `json:"neg"`
}

// record is the content of a post, as its author wrote it.
type record struct {
	Type      string   `json:"$type"`
	Text      string   `json:"text"`
	Facets    []facet  `json:"facets,omitempty"`
	Reply     *answers `json:"reply,omitempty"`
	Embed     *embed   `json:"embed,omitempty"`
	Langs     []string `json:"langs,omitempty"`
	Tags      []string `json:"tags,omitempty"`
	CreatedAt string   `json:"createdAt"`
}

type answers struct {
	Root   ref `json:"root"`
	Parent ref `json:"parent"`
}

// ref names one version of a record.
type ref struct {
	URI string `json:"uri"`
	CID string `json:"cid"`
}

// embed is an attachment, in a record or, with addresses, in a view.
type embed struct {
	Type     string          `json:"$type"`
	Images   []image         `json:"images"`
	Alt      string          `json:"alt"`      // of a video
	Playlist string          `json:"playlist"` // of a video, in a view
	Record   json.RawMessage `json:"record"`   // quoted: a ref, or a ref in a ref
	Media    *embed          `json:"media"`    // beside a quote
	External struct {
		URI string `json:"uri"`
	} `json:"external"`
}

// UnmarshalJSON reads what it can: authors may attach kinds of their own, with other shapes under the same names, and one
// such post must not cost the page it is on.
func (e *embed) UnmarshalJSON(data []byte) error {
	type plain embed
	var x plain
	if json.Unmarshal(data, &x) == nil {
		*e = embed(x)
	}
	return nil
}

type image struct {
	Alt  string `json:"alt"`
	Full string `json:"fullsize"`
}

// profile is an account as lists show it; counts are in the detailed form alone.
type profile struct {
	DID          string  `json:"did"`
	Handle       string  `json:"handle"`
	Display      string  `json:"displayName"`
	Description  string  `json:"description"`
	Avatar       string  `json:"avatar"`
	CreatedAt    string  `json:"createdAt"`
	Followers    *int    `json:"followersCount"`
	Follows      *int    `json:"followsCount"`
	Posts        *int    `json:"postsCount"`
	Labels       []label `json:"labels"`
	Verification struct {
		Status  string `json:"verifiedStatus"`
		Trusted string `json:"trustedVerifierStatus"`
	} `json:"verification"`
}

// decode reads a list of notifications, a feed or a list of posts.
func decode(body []byte) ([]view, error) {
	var lists struct {
		Notices *[]view `json:"notifications"`
		Feed    *[]struct {
			Post   view      `json:"post"`
			Reason *struct{} `json:"reason"`
		} `json:"feed"`
		Posts *[]view `json:"posts"`
	}
	if t := bytes.TrimSpace(body); len(t) == 0 || t[0] != '{' {
		return nil, fault.New(fault.Invalid, "this is no list of the AT Protocol")
	}
	if err := json.Unmarshal(body, &lists); err != nil {
		return nil, fault.New(fault.Invalid, "this is no list of the AT Protocol: %w", err)
	}
	switch {
	case lists.Notices != nil:
		for i := range *lists.Notices {
			(*lists.Notices)[i].noticed = true
		}
		return *lists.Notices, nil
	case lists.Feed != nil:
		var out []view
		for _, x := range *lists.Feed {
			if x.Reason == nil { // else a repost or a pinned post
				out = append(out, x.Post)
			}
		}
		return out, nil
	case lists.Posts != nil:
		return *lists.Posts, nil
	}
	return nil, fault.New(fault.Invalid, "an object without notifications, feed or posts is no list of the AT Protocol")
}

// concerns tells whether this is a post; likes, follows and kinds that later servers add are no concern of ours.
func (p *view) concerns() bool {
	if p.noticed && !slices.Contains(reasons, p.Reason) {
		return false
	}
	return strings.Contains(p.URI, "/"+collection+"/") || p.URI == ""
}

// at is the time by which the index orders, or else what the author says.
func (p *view) at() time.Time {
	if at, err := when(p.IndexedAt); err == nil {
		return at
	}
	var rec struct {
		CreatedAt string `json:"createdAt"`
	}
	_ = json.Unmarshal(p.Record, &rec) // whoever reads the record whole says what is wrong with it
	at, _ := when(rec.CreatedAt)
	return at
}

// removed tells whether moderators took a post out of view.
func (p *view) removed() bool {
	return slices.ContainsFunc(p.Labels, func(l label) bool { return !l.Neg && (l.Value == "!takedown" || l.Value == "!hide") })
}

// media gives the attachments that the record names; the view has the addresses.
func (r record) media(shown *embed) (out []flow.Media) {
	e := r.Embed
	if e != nil && e.Media != nil {
		e = e.Media
	}
	if shown != nil && shown.Media != nil {
		shown = shown.Media
	}
	if e == nil {
		return nil
	}
	for i, x := range e.Images {
		m := flow.Media{Kind: "image", Alt: clean(x.Alt)}
		if shown != nil && i < len(shown.Images) {
			m.URL = shown.Images[i].Full
		}
		out = append(out, m)
	}
	if e.Type == "app.bsky.embed.video" {
		m := flow.Media{Kind: "video", Alt: clean(e.Alt)}
		if shown != nil {
			m.URL = shown.Playlist
		}
		out = append(out, m)
	}
	return out
}

// quoted is the address of the post that a post quotes.
func (r record) quoted() string {
	if r.Embed == nil {
		return ""
	}
	var x struct {
		ref
		Record ref `json:"record"`
	}
	if json.Unmarshal(r.Embed.Record, &x) != nil {
		return ""
	}
	return first(x.URI, x.Record.URI)
}

// language gives the ISO 639-1 part of the first language.
func (r record) language() string {
	if len(r.Langs) == 0 {
		return ""
	}
	base, _, _ := strings.Cut(strings.ToLower(r.Langs[0]), "-")
	if len(base) != 2 {
		return ""
	}
	return base
}

// split takes the address of a post apart.
func split(uri string) (did, rkey string, ok bool) {
	rest, ok := strings.CutPrefix(uri, "at://")
	did, rest, cut := strings.Cut(rest, "/")
	rkey, is := strings.CutPrefix(rest, collection+"/")
	ok = ok && cut && is && strings.HasPrefix(did, "did:") && rkey != "" && !strings.ContainsAny(rkey, "/?# ") && clean(uri) == uri
	return did, rkey, ok
}

// when reads a time of the protocol.
func when(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if t = t.UTC(); err != nil || t.Year() < 1970 || t.Year() > 9998 {
		return time.Time{}, fault.New(fault.Invalid, "%.40q is no time", text)
	}
	return t, nil
}

func first(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// get makes one reading call and decodes its answer into out.
func get(ctx context.Context, a network.Account, method string, query url.Values, out any) error {
	if a.Secret("token") == "" {
		return fault.New(fault.Unauthorized, "account %s has no session: connect it, or name its app password as secret \"password\"", a.Name)
	}
	resp, err := a.Do(ctx, rest.Request{URL: "/xrpc/" + method, Query: query, Auth: "Bearer " + a.Secret("token"), Header: proxied(a, method)})
	if err != nil {
		if fault.Is(err, fault.Ambiguous) { // nothing was written
			err = fault.New(fault.Transient, "%w", err)
		}
		return err
	}
	if err := classify(resp, a.Now); err != nil {
		return err
	}
	if t := bytes.TrimSpace(resp.Body); len(t) == 0 || t[0] != '{' {
		return fault.New(fault.Transient, "the server's answer is no JSON")
	}
	return resp.JSON(out)
}

// post makes one writing call. auth is the token to use, "" = none.
func post(ctx context.Context, a network.Account, method, auth string, in, out any) error {
	if auth != "" {
		auth = "Bearer " + auth
	}
	resp, err := a.Do(ctx, rest.Request{Method: http.MethodPost, URL: "/xrpc/" + method, Auth: auth, JSON: in})
	if err != nil {
		return err
	}
	if err := classify(resp, a.Now); err != nil {
		return err
	}
	if err := json.Unmarshal(resp.Body, out); err != nil {
		return fault.New(fault.Ambiguous, "the server's answer to %s cannot be read: %w", method, err)
	}
	return nil
}

// proxied names the index that answers, where the account chose one.
func proxied(a network.Account, method string) http.Header {
	if index := a.Text("appview"); index != "" && strings.HasPrefix(method, "app.bsky.") {
		return http.Header{"Atproto-Proxy": {index}}
	}
	return nil
}

// refusal is an error as the protocol says it.
type refusal struct {
	Name    string `json:"error"`
	Message string `json:"message"`
}

func refused(resp rest.Response) refusal {
	var x refusal
	_ = json.Unmarshal(resp.Body, &x) // the edge says it in HTML
	return x
}

// named keeps the protocol's word for an error, on which some callers act.
type named struct {
	word string
	err  error
}

func (e named) Error() string { return e.err.Error() }
func (e named) Unwrap() error { return e.err }

func word(err error) string {
	var n named
	if errors.As(err, &n) {
		return n.word
	}
	return ""
}

// classify adds what is the protocol's own to the common table: refused tokens are a 400, the reset of a limit is in Unix
// seconds, and a 403 comes from the network's edge, not from the account's host.
func classify(resp rest.Response, now time.Time) error {
	err := rest.Classify(resp, now)
	if err == nil {
		return nil
	}
	x := refused(resp)
	switch {
	case slices.Contains([]string{"ExpiredToken", "InvalidToken", "AuthMissing", "AuthenticationRequired"}, x.Name):
		err = fault.New(fault.Unauthorized, "the server refuses the session: %s", rest.Snippet([]byte(first(x.Message, x.Name))))
	case slices.Contains([]string{"AccountTakedown", "AccountDeactivated", "AccountSuspended", "RepoTakendown", "RepoDeactivated"}, x.Name):
		err = fault.New(fault.Unauthorized, "the account is not active (%s): look into the app", x.Name)
	case resp.Status == http.StatusForbidden:
		err = fault.New(fault.Unavailable, "the network's edge turns our calls away (403): too many from this address, or the address is barred")
	case resp.Status == http.StatusTooManyRequests && fault.After(err) == 0:
		after := pause
		if reset, bad := strconv.ParseInt(resp.Header.Get("RateLimit-Reset"), 10, 64); bad == nil && reset > now.Unix() {
			after = min(time.Unix(reset, 0).Sub(now), 24*time.Hour)
		}
		err = fault.Wait(fault.RateLimited, after, "the server's limit of calls is reached")
	}
	if x.Name != "" {
		return named{x.Name, err}
	}
	return err
}

// in names the stream where an error happened, and keeps its kind and wait.
func in(stream string, err error) error {
	var f *fault.Error
	if !errors.As(err, &f) { // the context's end
		return err
	}
	return &fault.Error{Kind: f.Kind, Msg: "stream " + stream, After: f.After, Fields: f.Fields, Err: err}
}

// getPosts reads posts by address; absent ones are left out.
func getPosts(ctx context.Context, a network.Account, uris []string) ([]json.RawMessage, error) {
	var found struct {
		Posts *[]json.RawMessage `json:"posts"`
	}
	if err := get(ctx, a, "app.bsky.feed.getPosts", url.Values{"uris": uris}, &found); err != nil {
		return nil, err
	}
	if found.Posts == nil {
		return nil, fault.New(fault.Transient, "the server's answer holds no posts")
	}
	return *found.Posts, nil
}

// stored is a record with its address.
type stored struct {
	URI   string `json:"uri"`
	CID   string `json:"cid"`
	Value record `json:"value"`
}

// getRecord reads one record; Gone if it is not there.
func getRecord(ctx context.Context, a network.Account, uri string) (stored, error) {
	did, rkey, ok := split(uri)
	if !ok {
		return stored{}, fault.New(fault.Invalid, "%.80q is no address of a post", uri)
	}
	var out stored
	err := get(ctx, a, "com.atproto.repo.getRecord", url.Values{"repo": {did}, "collection": {collection}, "rkey": {rkey}}, &out)
	if word(err) == "RecordNotFound" || err != nil && strings.Contains(err.Error(), "Could not locate record") {
		return out, fault.New(fault.Gone, "the post %s is gone", uri)
	}
	return out, err
}

// resolve gives the DID of a handle; NotFound if nobody has it.
func resolve(ctx context.Context, a network.Account, handle string) (string, error) {
	var out struct {
		DID string `json:"did"`
	}
	err := get(ctx, a, "com.atproto.identity.resolveHandle", url.Values{"handle": {handle}}, &out)
	if fault.Is(err, fault.Invalid) || err == nil && out.DID == "" {
		return "", fault.New(fault.NotFound, "nobody has the handle %s", handle)
	}
	return out.DID, err
}

// self is the DID of the account.
func self(ctx context.Context, a network.Account) (string, error) {
	if strings.HasPrefix(a.ID, "did:") {
		return a.ID, nil
	}
	s, err := whoami(ctx, a)
	return s.DID, err
}
