package bluesky

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rivo/uniseg"

	"rapport/shared/direct"
)

const (
	collection = "app.bsky.feed.post"
	batch      = 25
)

// ServeHTTP answers one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Date", s.o.Now().UTC().Format(http.TimeFormat))
	if s.edge {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "<html><body>Forbidden</body></html>") // a client that went away is no concern of the server
		return
	}
	if s.o.Quota > 0 && !s.allow(w, s.o.Quota) {
		return
	}
	s.mux.ServeHTTP(w, r)
}

// RoundTrip answers a call without a socket.
func (s *Server) RoundTrip(r *http.Request) (*http.Response, error) {
	return direct.Transport{Handler: s}.RoundTrip(r)
}

// allow counts a call against the quota. The reset is told as Unix seconds, and Retry-After is not told at all.
func (s *Server) allow(w http.ResponseWriter, quota int) bool {
	const span = 5 * time.Minute
	if window := s.o.Now().Truncate(span); !window.Equal(s.window) {
		s.window, s.used = window, 0
	}
	s.used++
	limits(w, quota, s.used, s.window.Add(span))
	if s.used > quota {
		fail(w, http.StatusTooManyRequests, "RateLimitExceeded", "Rate Limit Exceeded")
		return false
	}
	return true
}

func limits(w http.ResponseWriter, quota, used int, reset time.Time) {
	h := w.Header()
	h.Set("RateLimit-Limit", strconv.Itoa(quota))
	h.Set("RateLimit-Remaining", strconv.Itoa(max(0, quota-used)))
	h.Set("RateLimit-Reset", strconv.FormatInt(reset.Unix(), 10))
	h.Set("RateLimit-Policy", fmt.Sprintf("%d;w=300", quota))
}

func (s *Server) routes() {
	s.mux = http.NewServeMux()
	s.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fail(w, 404, "XRPCNotSupported", "XRPCNotSupported") })
	s.mux.HandleFunc("GET /xrpc/com.atproto.server.describeServer", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, object{"did": "did:web:twin.example", "availableUserDomains": []string{"." + s.o.Domain}})
	})
	s.mux.HandleFunc("POST /xrpc/com.atproto.server.createSession", s.logIn)
	s.mux.HandleFunc("POST /xrpc/com.atproto.server.refreshSession", s.renew)
	s.mux.HandleFunc("GET /xrpc/com.atproto.identity.resolveHandle", s.resolve)
	for method, f := range map[string]http.HandlerFunc{
		"GET com.atproto.server.getSession": s.whoami, "GET com.atproto.repo.getRecord": s.record, "GET com.atproto.repo.listRecords": s.records,
		"POST com.atproto.repo.putRecord": s.put, "POST com.atproto.repo.deleteRecord": s.remove,
		"GET app.bsky.notification.listNotifications": s.notifications, "GET app.bsky.feed.getAuthorFeed": s.authorFeed,
		"GET app.bsky.feed.searchPosts": s.search, "GET app.bsky.feed.getPosts": s.getPosts, "GET app.bsky.actor.getProfiles": s.profiles,
	} {
		verb, name, _ := strings.Cut(method, " ")
		s.mux.HandleFunc(verb+" /xrpc/"+name, func(w http.ResponseWriter, r *http.Request) {
			if s.authorised(w, r, false) != nil {
				f(w, r)
			}
		})
	}
}

// authorised gives the token of a call; otherwise it has answered.
func (s *Server) authorised(w http.ResponseWriter, r *http.Request, refresh bool) *token {
	text, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	t := s.tokens[text]
	switch {
	case !ok:
		fail(w, 401, "AuthMissing", "Authentication Required")
	case t == nil:
		fail(w, 400, "InvalidToken", "Token could not be verified")
	case t.refresh != refresh:
		fail(w, 400, "InvalidToken", "Bad token scope")
	case t.used:
		fail(w, 400, "ExpiredToken", "Token has been revoked")
	case !s.o.Now().Before(t.until):
		fail(w, 400, "ExpiredToken", "Token has expired")
	default:
		return t
	}
	return nil
}

func (s *Server) logIn(w http.ResponseWriter, r *http.Request) {
	var in struct{ Identifier, Password string }
	if !read(w, r, &in) {
		return
	}
	s.logins++
	brand := s.handles[s.o.Brand]
	switch {
	case s.logins > s.o.LogIns:
		limits(w, s.o.LogIns, s.logins, s.o.Now().Truncate(24*time.Hour).Add(24*time.Hour))
		fail(w, 429, "RateLimitExceeded", "Rate Limit Exceeded")
	case !slices.Contains([]string{brand.did, brand.Handle, s.o.Email}, in.Identifier), in.Password != s.o.Password:
		fail(w, 401, "AuthenticationRequired", "Invalid identifier or password")
	case brand.taken:
		fail(w, 401, "AccountTakedown", "Account has been taken down")
	case s.o.Factor:
		fail(w, 401, "AuthFactorTokenRequired", "A sign in code has been sent to your email address")
	default:
		s.granted(w, r)
	}
}

func (s *Server) granted(w http.ResponseWriter, r *http.Request) {
	brand := s.handles[s.o.Brand]
	access, refresh := s.session()
	reply(w, object{"did": brand.did, "handle": brand.Handle, "accessJwt": access, "refreshJwt": refresh, "active": true,
		"didDoc": object{"id": brand.did, "service": []object{{"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": "http://" + r.Host}}}})
}

func (s *Server) renew(w http.ResponseWriter, r *http.Request) {
	if t := s.authorised(w, r, true); t != nil {
		t.used = true
		s.granted(w, r)
	}
}

func (s *Server) whoami(w http.ResponseWriter, _ *http.Request) {
	brand := s.handles[s.o.Brand]
	reply(w, object{"did": brand.did, "handle": brand.Handle, "active": true})
}

func (s *Server) resolve(w http.ResponseWriter, r *http.Request) {
	if a := s.handles[r.URL.Query().Get("handle")]; a != nil && !a.taken {
		reply(w, object{"did": a.did})
		return
	}
	fail(w, 400, "InvalidRequest", "Unable to resolve handle")
}

// record is the one read that also knows what the index hides from the brand because of a block.
func (s *Server) record(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	p := s.find("at://" + q.Get("repo") + "/" + q.Get("collection") + "/" + q.Get("rkey"))
	if p == nil || p.by.taken || p.hidden && p.by.Handle != s.o.Brand {
		fail(w, 400, "RecordNotFound", "Could not locate record: at://"+q.Get("repo"))
		return
	}
	reply(w, object{"uri": p.uri, "cid": p.cid, "value": p.record})
}

// records lists a repository, newest record key first.
func (s *Server) records(w http.ResponseWriter, r *http.Request) {
	out := []object{}
	limit := s.limit(r)
	for _, p := range slices.Backward(s.posts) {
		if !p.deleted && p.by.did == r.URL.Query().Get("repo") && len(out) < limit {
			out = append(out, object{"uri": p.uri, "cid": p.cid, "value": p.record})
		}
	}
	reply(w, object{"records": out})
}

var tid = regexp.MustCompile(`^[234567abcdefghij][2-7a-z]{12}$`)

func (s *Server) put(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Repo, Collection, Rkey string
		Record                 object
		Swap                   json.RawMessage `json:"swapRecord"`
	}
	if !read(w, r, &in) {
		return
	}
	brand := s.handles[s.o.Brand]
	text, _ := in.Record["text"].(string)
	at, _ := in.Record["createdAt"].(string)
	_, badTime := time.Parse(time.RFC3339, at)
	switch old := s.find("at://" + brand.did + "/" + collection + "/" + in.Rkey); {
	case in.Repo != brand.did:
		fail(w, 401, "AuthMissing", "Authentication Required")
	case in.Collection != collection || !tid.MatchString(in.Rkey):
		fail(w, 400, "InvalidRequest", "Invalid record key for this collection")
	case uniseg.GraphemeClusterCount(text) > 300 || len(text) > 3000:
		fail(w, 400, "InvalidRequest", "Invalid app.bsky.feed.post record: Record/text must not be longer than 300 graphemes")
	case badTime != nil || in.Record["$type"] != collection:
		fail(w, 400, "InvalidRequest", "Invalid app.bsky.feed.post record: Record/createdAt must be an valid atproto datetime")
	case old != nil && !s.o.Blind && string(in.Swap) == "null":
		fail(w, 400, "InvalidSwap", "Record was at "+old.cid)
	case old != nil:
		old.record = typed(in.Record)
		reply(w, object{"uri": old.uri, "cid": old.cid})
	default:
		p := s.add(brand, in.Rkey, typed(in.Record))
		p.byAPI, p.hidden = true, s.o.Lag
		reply(w, object{"uri": p.uri, "cid": p.cid, "validationStatus": "valid"})
	}
}

// typed turns what JSON gave into the shapes that the server's own records have.
func typed(record object) object {
	if list, ok := record["facets"].([]any); ok {
		facets := []object{}
		for _, f := range list {
			facet, _ := f.(object)
			features := []object{}
			list, _ := facet["features"].([]any)
			for _, x := range list {
				feature, _ := x.(object)
				features = append(features, feature)
			}
			facets = append(facets, object{"index": facet["index"], "features": features})
		}
		record["facets"] = facets
	}
	return record
}

func (s *Server) remove(w http.ResponseWriter, r *http.Request) {
	var in struct{ Repo, Collection, Rkey string }
	if read(w, r, &in) {
		if p := s.find("at://" + in.Repo + "/" + in.Collection + "/" + in.Rkey); p != nil && p.by.Handle == s.o.Brand {
			p.deleted = true
		}
		reply(w, object{})
	}
}

func (s *Server) limit(r *http.Request) int {
	limit := 50
	if n, err := strconv.Atoi(r.URL.Query().Get("limit")); err == nil && n > 0 {
		limit = min(n, 100)
	}
	return min(limit, s.o.Page)
}

// element is a thing in a list: its order, and how it is shown.
type element struct {
	sort time.Time
	n    int
	show func() object
}

// page answers a list, newest first; the cursor names a time and a place and leads back only.
func (s *Server) page(w http.ResponseWriter, r *http.Request, name string, all []element) {
	slices.SortFunc(all, func(a, b element) int {
		if c := b.sort.Compare(a.sort); c != 0 {
			return c
		}
		return b.n - a.n
	})
	if c := r.URL.Query().Get("cursor"); c != "" {
		var ms int64
		var n int
		raw, _ := base64.RawURLEncoding.DecodeString(c)
		if _, err := fmt.Sscanf(string(raw), "%d::%d", &ms, &n); err != nil {
			fail(w, 400, "InvalidRequest", "Malformed cursor")
			return
		}
		all = slices.DeleteFunc(all, func(e element) bool {
			at := e.sort.UnixMilli()
			return at > ms || at == ms && e.n >= n
		})
	}
	out, answer := []object{}, object{}
	for _, e := range all[:min(len(all), s.limit(r))] {
		out = append(out, e.show())
		answer["cursor"] = code(fmt.Appendf(nil, "%d::%d", e.sort.UnixMilli(), e.n))
	}
	answer[name] = out
	reply(w, answer)
}

func (s *Server) notifications(w http.ResponseWriter, r *http.Request) {
	wanted := r.URL.Query()["reasons"]
	var all []element
	for _, x := range s.notices {
		if x.post.deleted || x.by.taken || x.by.blocks || len(wanted) > 0 && !slices.Contains(wanted, x.reason) {
			continue
		}
		all = append(all, element{x.sort, x.n, func() object {
			v := object{"uri": x.post.uri, "cid": x.post.cid, "author": s.profile(x.by, false), "reason": x.reason, "record": x.post.record,
				"isRead": false, "indexedAt": stamp(x.sort), "labels": labels(x.post.labels, x.post.uri)}
			if x.about != "" {
				v["reasonSubject"] = x.about
			}
			return v
		}})
	}
	s.page(w, r, "notifications", all)
}

func (s *Server) authorFeed(w http.ResponseWriter, r *http.Request) {
	actor := r.URL.Query().Get("actor")
	var all []element
	for _, p := range s.posts {
		if (p.by.did == actor || p.by.Handle == actor) && s.seen(p) {
			all = append(all, element{p.sort, p.n, func() object { return object{"post": s.view(p)} }})
		}
	}
	for i, p := range s.reposts {
		if s.seen(p) {
			all = append(all, element{p.sort, -i - 1, func() object {
				return object{"post": s.view(p), "reason": object{"$type": "app.bsky.feed.defs#reasonRepost", "indexedAt": stamp(p.sort)}}
			}})
		}
	}
	s.page(w, r, "feed", all)
}

// search answers newest first; its cursor is a number of hits to leave out.
func (s *Server) search(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	since, _ := time.Parse(time.RFC3339, q.Get("since"))
	until, _ := time.Parse(time.RFC3339, q.Get("until"))
	var hits []*post
	for _, p := range s.posts {
		text, _ := p.record["text"].(string)
		match := s.seen(p) && !p.sort.Before(since) && (until.IsZero() || p.sort.Before(until))
		for _, word := range strings.Fields(strings.ToLower(q.Get("q"))) {
			match = match && (strings.Contains(strings.ToLower(text), strings.Trim(word, `"`)) || word[0] == '#' && tagged(p.record, word[1:]))
		}
		for _, tag := range q["tag"] {
			match = match && tagged(p.record, tag)
		}
		if match {
			hits = append(hits, p)
		}
	}
	slices.SortStableFunc(hits, func(a, b *post) int {
		if c := b.sort.Compare(a.sort); c != 0 {
			return c
		}
		return b.n - a.n
	})
	skip, _ := strconv.Atoi(q.Get("cursor"))
	hits = hits[min(max(skip, 0), len(hits)):]
	out, answer := []object{}, object{}
	for _, p := range hits[:min(len(hits), s.limit(r))] {
		out = append(out, s.view(p))
	}
	if len(out) < len(hits) {
		answer["cursor"] = strconv.Itoa(skip + len(out))
	}
	answer["posts"] = out
	reply(w, answer)
}

func (s *Server) getPosts(w http.ResponseWriter, r *http.Request) {
	uris := r.URL.Query()["uris"]
	if len(uris) > batch {
		fail(w, 400, "InvalidRequest", "Error: uris must not have more than 25 elements")
		return
	}
	out := []object{}
	for _, uri := range uris {
		if p := s.find(uri); s.seen(p) {
			out = append(out, s.view(p))
		}
	}
	reply(w, object{"posts": out})
}

func (s *Server) profiles(w http.ResponseWriter, r *http.Request) {
	actors := r.URL.Query()["actors"]
	if len(actors) > batch {
		fail(w, 400, "InvalidRequest", "Error: actors must not have more than 25 elements")
		return
	}
	out := []object{}
	for _, actor := range actors {
		a := s.people[actor]
		if a == nil {
			a = s.handles[actor]
		}
		if a != nil && !a.taken {
			out = append(out, s.profile(a, true))
		}
	}
	reply(w, object{"profiles": out})
}

// profile shows somebody; counts are in the detailed view alone.
func (s *Server) profile(a *account, detailed bool) object {
	v := object{"did": a.did, "handle": a.Handle, "displayName": a.Display, "avatar": "https://cdn.twin.example/avatar/" + a.did,
		"createdAt": stamp(a.Created), "labels": labels(a.Labels, a.did)}
	if a.Verified {
		v["verification"] = object{"verifiedStatus": "valid", "trustedVerifierStatus": "none", "verifications": []object{}}
	}
	if detailed {
		v["description"] = a.Bio
		v["followersCount"], v["followsCount"], v["postsCount"] = a.Followers, a.Following, a.Posts
	}
	return v
}

func (s *Server) view(p *post) object {
	v := object{"uri": p.uri, "cid": p.cid, "author": s.profile(p.by, false), "record": p.record, "indexedAt": stamp(p.indexed),
		"replyCount": 0, "repostCount": 0, "likeCount": p.likes, "quoteCount": 0, "labels": labels(p.labels, p.uri), "viewer": object{"replyDisabled": p.gated}}
	if e, ok := p.record["embed"].(object); ok && e["$type"] == "app.bsky.embed.images" {
		shown := []object{}
		images, _ := e["images"].([]object)
		for i, x := range images {
			address := "https://cdn.twin.example/full/" + p.cid + "/" + strconv.Itoa(i)
			shown = append(shown, object{"alt": x["alt"], "thumb": address, "fullsize": address})
		}
		v["embed"] = object{"$type": "app.bsky.embed.images#view", "images": shown}
	}
	return v
}

func labels(values []string, uri string) []object {
	out := []object{}
	for _, v := range values {
		out = append(out, object{"src": "did:plc:labeller", "uri": uri, "val": v})
	}
	return out
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // a client that went away is no concern of the server
}

func fail(w http.ResponseWriter, status int, name, say string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(object{"error": name, "message": say})
}

func read(w http.ResponseWriter, r *http.Request, v any) bool {
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(v); err != nil {
		fail(w, 400, "InvalidRequest", "Request body is no JSON")
		return false
	}
	return true
}
