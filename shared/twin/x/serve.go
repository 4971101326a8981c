package x

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"rapport/shared/direct"
	"rapport/shared/network"
)

type object = map[string]any

// ServeHTTP answers one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Date", s.o.Now().UTC().Format(http.TimeFormat))
	s.calls[r.Method+" "+r.URL.Path]++
	if len(s.forced) > 0 {
		status := s.forced[0]
		s.forced = s.forced[1:]
		refuse(w, status, "forced", "this answer was forced")
		return
	}
	if s.o.Quota > 0 && !s.allow(w) {
		return
	}
	s.mux.ServeHTTP(w, r)
}

// RoundTrip answers a call without a socket.
func (s *Server) RoundTrip(r *http.Request) (*http.Response, error) {
	return direct.Transport{Handler: s}.RoundTrip(r)
}

// allow counts a call against the quota. The reset is told in seconds since 1970, and Retry-After is not told at all.
func (s *Server) allow(w http.ResponseWriter) bool {
	const span = 15 * time.Minute
	if window := s.o.Now().Truncate(span); !window.Equal(s.window) {
		s.window, s.used = window, 0
	}
	s.used++
	h := w.Header()
	h.Set("X-Rate-Limit-Limit", strconv.Itoa(s.o.Quota))
	h.Set("X-Rate-Limit-Remaining", strconv.Itoa(max(0, s.o.Quota-s.used)))
	h.Set("X-Rate-Limit-Reset", strconv.FormatInt(s.window.Add(span).Unix(), 10))
	if s.used > s.o.Quota {
		refuse(w, 429, "rate-limit-exceeded", "Too Many Requests")
		return false
	}
	return true
}

func (s *Server) routes() {
	s.mux = http.NewServeMux()
	s.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, 404, "resource-not-found", "there is no such endpoint")
	})
	s.mux.HandleFunc("GET /i/oauth2/authorize", s.authorize)
	s.mux.HandleFunc("POST /2/oauth2/token", s.token)
	for pattern, f := range map[string]http.HandlerFunc{ // either access will do
		"GET /2/tweets/search/recent": s.search, "GET /2/tweets/search/all": s.search, "GET /2/users/{id}/mentions": s.mentions, "GET /2/users/{id}/tweets": s.timeline,
		"GET /2/tweets": s.lookup, "GET /2/users": s.people, "POST /2/activity/subscriptions": s.subscribe,
	} {
		s.mux.HandleFunc(pattern, s.with(f, true, true))
	}
	for pattern, f := range map[string]http.HandlerFunc{ // the app's
		"GET /2/tweets/counts/recent": s.counts, "GET /2/tweets/counts/all": s.counts, "GET /2/webhooks": s.listHooks, "POST /2/webhooks": s.createHook,
		"PUT /2/webhooks/{id}": s.checkHook, "GET /2/activity/subscriptions": s.listSubscriptions, "GET /2/usage/tweets": s.usage,
	} {
		s.mux.HandleFunc(pattern, s.with(f, true, false))
	}
	for pattern, f := range map[string]http.HandlerFunc{ // the user's
		"GET /2/users/me": s.me, "POST /2/tweets": s.create, "POST /2/dm_conversations/with/{id}/messages": s.sendMessage, "GET /2/dm_conversations/with/{id}/dm_events": s.listMessages,
	} {
		s.mux.HandleFunc(pattern, s.with(f, false, true))
	}
}

// with looks at the token, and whether the app can still pay.
func (s *Server) with(f http.HandlerFunc, app, user bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		g, known := s.tokens[token]
		fresh := known && (g.expires.IsZero() || s.o.Now().Before(g.expires))
		switch {
		case !ok || token != s.o.Bearer && !fresh:
			refuse(w, 401, "about:blank", "Unauthorized")
		case token == s.o.Bearer && !app, token != s.o.Bearer && !user:
			refuse(w, 403, "unsupported-authentication", "authenticating with this kind of token is forbidden for this endpoint")
		case s.o.Credits > 0 && s.usd >= s.o.Credits:
			refuse(w, 402, "credits", "your enrolled account does not have any credits to fulfill this request")
		case s.o.Cap > 0 && s.charged["post"] >= s.o.Cap:
			refuse(w, 429, "usage-capped", "usage cap exceeded: monthly product cap")
		default:
			f(w, r)
		}
	}
}

func reply(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // plain data
}

func refuse(w http.ResponseWriter, status int, kind, detail string) {
	if !strings.Contains(kind, ":") {
		kind = "https://api.twitter.com/2/problems/" + kind
	}
	reply(w, status, object{"type": kind, "title": http.StatusText(status), "detail": detail, "status": status})
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// page serves posts newest first: since_id, times, page tokens, and the charge for what is shown.
func (s *Server) page(w http.ResponseWriter, r *http.Request, list []*post, least, most int, token string) {
	q := r.URL.Query()
	n := 10
	if v := q.Get("max_results"); v != "" {
		n, _ = strconv.Atoi(v) // 0 is refused below
		if n < least || n > most {
			refuse(w, 400, "invalid-request", fmt.Sprintf("max_results must be between %d and %d", least, most))
			return
		}
	}
	n = min(n, s.o.Page)
	from, err1 := bound(q, "start_time")
	to, err2 := bound(q, "end_time")
	if err1 != nil || err2 != nil || !to.IsZero() && to.After(s.o.Now().Add(-10*time.Second)) || from.After(s.o.Now()) {
		refuse(w, 400, "invalid-request", "start_time or end_time is no time that can be asked for")
		return
	}
	if strings.HasSuffix(r.URL.Path, "/recent") {
		edge := s.o.Now().Add(-7 * 24 * time.Hour)
		id, _ := strconv.ParseInt(q.Get("since_id"), 10, 64) // 0 is no id
		if id > 0 && time.UnixMilli(id>>22+epoch).Before(edge) || !from.IsZero() && from.Before(edge) {
			refuse(w, 400, "invalid-request", "since_id or start_time must lie within the last seven days")
			return
		}
	}
	var hits []*post
	for i := len(list) - 1; i >= 0; i-- {
		p := list[i]
		id, _ := strconv.ParseInt(p.id, 10, 64)
		since, _ := strconv.ParseInt(q.Get("since_id"), 10, 64) // 0 = none
		if id > since && (from.IsZero() || !p.created.Before(from)) && (to.IsZero() || p.created.Before(to)) {
			hits = append(hits, p)
		}
	}
	if t := q.Get(token); t != "" { // a token names the post after which it goes on
		at := slices.IndexFunc(hits, func(p *post) bool { return "t"+p.id == t })
		if at < 0 {
			refuse(w, 400, "invalid-request", "the page token is not valid")
			return
		}
		hits = hits[at+1:]
	}
	meta := object{}
	if len(hits) > n {
		hits = hits[:n]
		meta["next_token"] = "t" + hits[n-1].id
	}
	meta["result_count"] = len(hits)
	out := object{"meta": meta}
	if len(hits) > 0 { // else data is absent
		meta["newest_id"], meta["oldest_id"] = hits[0].id, hits[len(hits)-1].id
		s.show(out, hits, q)
	}
	reply(w, 200, out)
}

func bound(q url.Values, name string) (time.Time, error) {
	if q.Get(name) == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339, q.Get(name))
}

// show writes posts and what they expand to, and charges for both.
func (s *Server) show(out object, hits []*post, q url.Values) {
	data, users, files := []object{}, []object{}, []object{}
	shown := map[string]bool{}
	for _, p := range hits {
		data = append(data, s.postJSON(p))
		s.charge("post", p.id)
		if strings.Contains(q.Get("expansions"), "author_id") && !shown[p.by] {
			shown[p.by] = true
			users = append(users, s.userJSON(s.users[p.by]))
			s.charge("user", p.by)
		}
		for i, m := range p.Media {
			files = append(files, object{"media_key": key(p, i), "type": m.Kind, "url": m.URL, "alt_text": m.Alt})
		}
	}
	out["data"] = data
	if len(users) > 0 {
		out["includes"] = object{"users": users, "media": files}
	}
}

// current leaves out what is deleted or hidden, and old versions.
func (s *Server) current(keep func(*post) bool) (out []*post) {
	for _, p := range s.posts {
		if s.alive(p.id) != nil && p.id == (*p.history)[len(*p.history)-1] && keep(p) {
			out = append(out, p)
		}
	}
	return out
}

func (s *Server) search(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query().Get("query")
	if query == "" || len([]rune(query)) > 512 {
		refuse(w, 400, "invalid-request", "query is required and has 512 characters at most")
		return
	}
	most := 100
	if strings.HasSuffix(r.URL.Path, "/all") {
		most = 500
	}
	s.page(w, r, s.current(func(p *post) bool { return p.Reposts == "" && s.matches(query, p) }), 10, most, "next_token")
}

func (s *Server) counts(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	from, err1 := bound(q, "start_time")
	to, err2 := bound(q, "end_time")
	recent := strings.HasSuffix(r.URL.Path, "/recent")
	edge := s.o.Now().Add(-7 * 24 * time.Hour)
	if err1 != nil || err2 != nil || q.Get("query") == "" || recent && !from.IsZero() && from.Before(edge) {
		refuse(w, 400, "invalid-request", "query, start_time or end_time is not valid")
		return
	}
	if from.IsZero() {
		from = edge
	}
	days := map[string]int{}
	total := 0
	for _, p := range s.current(func(p *post) bool { return s.matches(q.Get("query"), p) }) {
		if !p.created.Before(from) && (to.IsZero() || p.created.Before(to)) {
			days[p.created.Format(time.DateOnly)]++
			total++
		}
	}
	data := []object{}
	for d := from.Truncate(24 * time.Hour); d.Before(s.o.Now()); d = d.Add(24 * time.Hour) {
		data = append(data, object{"start": stamp(d), "end": stamp(d.Add(24 * time.Hour)), "tweet_count": days[d.Format(time.DateOnly)]})
	}
	if recent {
		s.charge("count", "")
	} else {
		s.charge("count_all", "")
	}
	reply(w, 200, object{"data": data, "meta": object{"total_tweet_count": total}})
}

func (s *Server) mentions(w http.ResponseWriter, r *http.Request) {
	u := s.users[r.PathValue("id")]
	if u == nil {
		refuse(w, 404, "resource-not-found", "there is no such user")
		return
	}
	s.page(w, r, s.current(func(p *post) bool {
		return p.by != u.ID && p.Reposts == "" && slices.Contains(handles(p.Text), strings.ToLower(u.Handle))
	}), 5, 100, "pagination_token")
}

func (s *Server) timeline(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	s.page(w, r, s.current(func(p *post) bool { return p.by == id }), 5, 100, "pagination_token")
}

// lookup answers 200 with errors beside data for what is not there; old versions are shown as they were.
func (s *Server) lookup(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	ids := strings.Split(q.Get("ids"), ",")
	if q.Get("ids") == "" || len(ids) > 100 {
		refuse(w, 400, "invalid-request", "ids takes 1 to 100 ids")
		return
	}
	var hits []*post
	errors := []object{}
	for _, id := range ids {
		p := s.find(id)
		switch {
		case s.alive(id) != nil:
			hits = append(hits, p)
		case p != nil && !p.deleted:
			errors = append(errors, object{"value": id, "resource_id": id, "resource_type": "tweet", "parameter": "ids", "title": "Authorization Error",
				"detail": "Sorry, you are not authorized to see the Tweet with ids: [" + id + "].", "type": "https://api.twitter.com/2/problems/not-authorized-for-resource"})
		default:
			errors = append(errors, object{"value": id, "resource_id": id, "resource_type": "tweet", "parameter": "ids", "title": "Not Found Error",
				"detail": "Could not find tweet with ids: [" + id + "].", "type": "https://api.twitter.com/2/problems/resource-not-found"})
		}
	}
	out := object{}
	if len(hits) > 0 {
		s.show(out, hits, q)
	}
	if len(errors) > 0 {
		out["errors"] = errors
	}
	reply(w, 200, out)
}

func (s *Server) people(w http.ResponseWriter, r *http.Request) {
	ids := strings.Split(r.URL.Query().Get("ids"), ",")
	if len(ids) > 100 {
		refuse(w, 400, "invalid-request", "ids takes 1 to 100 ids")
		return
	}
	data := []object{}
	for _, id := range ids {
		if u := s.users[id]; u != nil && !u.Suspended {
			data = append(data, s.userJSON(u))
			s.charge("user", id)
		}
	}
	reply(w, 200, object{"data": data})
}

func (s *Server) me(w http.ResponseWriter, _ *http.Request) {
	u := s.byHandle(s.o.Brand)
	s.charge("user", u.ID)
	reply(w, 200, object{"data": s.userJSON(u)})
}

func (s *Server) usage(w http.ResponseWriter, _ *http.Request) {
	most := s.o.Cap
	if most == 0 {
		most = 3_000_000
	}
	reply(w, 200, object{"data": object{"project_id": "1", "project_cap": strconv.Itoa(most), "project_usage": strconv.Itoa(s.charged["post"]), "cap_reset_day": 1}})
}

// create posts as the brand, where X permits it.
func (s *Server) create(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Text  string `json:"text"`
		Reply struct {
			To string `json:"in_reply_to_tweet_id"`
		} `json:"reply"`
	}
	if json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&in) != nil || strings.TrimSpace(in.Text) == "" {
		refuse(w, 400, "invalid-request", "text is required")
		return
	}
	me := s.byHandle(s.o.Brand)
	parent := s.alive(in.Reply.To)
	summoned := parent != nil && (parent.by == me.ID || slices.Contains(handles(parent.Text), me.Handle) || s.quotesBrand(parent))
	switch {
	case network.Weighted(in.Text) > 280:
		refuse(w, 403, "about:blank", "Your Tweet text is too long. For more information on how Twitter determines text length see https://github.com/twitter/twitter-text.")
	case in.Reply.To != "" && parent == nil:
		refuse(w, 403, "about:blank", "You attempted to reply to a Tweet that is deleted or not visible to you.")
	case parent != nil && (!summoned && !s.o.Enterprise || parent.Settings == "following"):
		refuse(w, 403, "about:blank", "You are not permitted to perform this action.")
	case slices.ContainsFunc(s.posts, func(p *post) bool {
		return p.by == me.ID && p.asked == in.Text && p.ReplyTo == in.Reply.To && !p.deleted
	}):
		refuse(w, 403, "about:blank", "You are not allowed to create a Tweet with duplicate content.")
	default:
		text := in.Text
		if parent != nil && parent.by != me.ID { // X puts whom it answers in front
			text = "@" + s.users[parent.by].Handle + " " + text
		}
		p := s.add(Post{Text: text, ReplyTo: in.Reply.To})
		p.byAPI, p.asked = true, in.Text
		switch {
		case network.HasAddress(in.Text):
			s.charge("create_address", "")
		case summoned:
			s.charge("create_summoned", "")
		default:
			s.charge("create", "")
		}
		reply(w, 201, object{"data": object{"id": p.id, "text": p.Text, "edit_history_tweet_ids": []string{p.id}}})
	}
}

func (s *Server) quotesBrand(p *post) bool {
	quoted := s.alive(p.Quotes)
	return quoted != nil && quoted.by == s.byHandle(s.o.Brand).ID
}

func (s *Server) sendMessage(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Text string `json:"text"`
	}
	me, to := s.byHandle(s.o.Brand), r.PathValue("id")
	if json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&in) != nil || in.Text == "" {
		refuse(w, 400, "invalid-request", "text is required")
		return
	}
	if s.users[to] == nil || !slices.ContainsFunc(s.notes, func(m *note) bool { return m.from == to && m.to == me.ID }) {
		refuse(w, 403, "about:blank", "You cannot send messages to this user.")
		return
	}
	m := s.message(me.ID, to, in.Text)
	m.byAPI = true
	s.charge("send", "")
	reply(w, 201, object{"data": object{"dm_conversation_id": to + "-" + me.ID, "dm_event_id": m.id}})
}

func (s *Server) listMessages(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	data := []object{}
	for i := len(s.notes) - 1; i >= 0 && len(data) < 20; i-- {
		if m := s.notes[i]; m.from == id || m.to == id {
			data = append(data, object{"id": m.id, "event_type": "MessageCreate", "text": escape(m.text), "sender_id": m.from, "created_at": stamp(m.at)})
			s.charge("message", m.id)
		}
	}
	reply(w, 200, object{"data": data, "meta": object{"result_count": len(data)}})
}

// authorize is the page on which the brand grants access: it goes back with a code at once.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("client_id") != s.o.Client || q.Get("code_challenge") == "" || q.Get("code_challenge_method") != "S256" {
		refuse(w, 400, "invalid-request", "client_id and code_challenge (S256) are required")
		return
	}
	code := "code-" + s.newID(s.o.Now())
	s.codes[code] = q.Get("code_challenge") + " " + q.Get("redirect_uri") + " " + q.Get("scope")
	back, _ := url.Parse(q.Get("redirect_uri")) // an empty one is a page of the twin's own
	if back == nil {
		back = &url.URL{Path: "/"}
	}
	back.RawQuery = url.Values{"code": {code}, "state": {q.Get("state")}}.Encode()
	w.Header().Set("Location", back.String())
	w.WriteHeader(http.StatusFound)
}

func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	data, _ := io.ReadAll(io.LimitReader(r.Body, 1<<16)) // what is missing is refused below
	form, _ := url.ParseQuery(string(data))
	user, secret, _ := r.BasicAuth()
	bad := func(say string) { reply(w, 400, object{"error": "invalid_request", "error_description": say}) }
	if user != s.o.Client || secret != s.o.Secret {
		reply(w, 401, object{"error": "unauthorized_client", "error_description": "Missing valid authorization header"})
		return
	}
	var scope string
	switch form.Get("grant_type") {
	case "authorization_code":
		kept, ok := s.codes[form.Get("code")]
		delete(s.codes, form.Get("code")) // good for one use
		sum := sha256.Sum256([]byte(form.Get("code_verifier")))
		challenge, redirect, _ := strings.Cut(kept, " ")
		redirect, scope, _ = strings.Cut(redirect, " ")
		if !ok || base64.RawURLEncoding.EncodeToString(sum[:]) != challenge || redirect != form.Get("redirect_uri") {
			bad("Value passed for the authorization code was invalid.")
			return
		}
	case "refresh_token":
		var ok bool
		if scope, ok = s.refresh[form.Get("refresh_token")]; !ok {
			bad("Value passed for the token was invalid.")
			return
		}
		delete(s.refresh, form.Get("refresh_token"))
	default:
		bad("grant_type is not supported")
		return
	}
	access := "access-" + s.newID(s.o.Now())
	s.tokens[access] = grant{expires: s.o.Now().Add(2 * time.Hour), scopes: scope}
	out := object{"token_type": "bearer", "expires_in": 7200, "access_token": access, "scope": scope}
	if strings.Contains(scope, "offline.access") {
		fresh := "refresh-" + s.newID(s.o.Now())
		s.refresh[fresh] = scope
		out["refresh_token"] = fresh
	}
	reply(w, 200, out)
}
