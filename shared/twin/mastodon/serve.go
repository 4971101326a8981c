package mastodon

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"rapport/shared/direct"
)

// ServeHTTP answers one call.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Date", s.o.Now().UTC().Format(http.TimeFormat))
	if s.o.Quota > 0 && !s.allow(w) {
		return
	}
	s.mux.ServeHTTP(w, r)
}

// RoundTrip answers a call without a socket.
func (s *Server) RoundTrip(r *http.Request) (*http.Response, error) {
	return direct.Transport{Handler: s}.RoundTrip(r)
}

// allow counts a call against the quota. The reset is told as ISO time, and Retry-After is not told at all.
func (s *Server) allow(w http.ResponseWriter) bool {
	const span = 5 * time.Minute
	now := s.o.Now()
	if window := now.Truncate(span); !window.Equal(s.window) {
		s.window, s.used = window, 0
	}
	s.used++
	h := w.Header()
	h.Set("X-RateLimit-Limit", strconv.Itoa(s.o.Quota))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(max(0, s.o.Quota-s.used)))
	h.Set("X-RateLimit-Reset", s.window.Add(span).UTC().Format("2006-01-02T15:04:05.000000Z"))
	if s.used > s.o.Quota {
		fail(w, http.StatusTooManyRequests, "Too many requests")
		return false
	}
	return true
}

func (s *Server) routes() {
	s.mux = http.NewServeMux()
	open := map[string]http.HandlerFunc{
		"GET /api/v1/instance": s.instance1, "GET /api/v2/instance": s.instance2,
		"POST /api/v1/apps": s.register, "GET /oauth/authorize": s.authorize, "POST /oauth/token": s.token,
	}
	for pattern, f := range open {
		s.mux.HandleFunc(pattern, f)
	}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { fail(w, 404, "Record not found") })
	closed := []struct {
		pattern, scope string
		f              http.HandlerFunc
	}{
		{"GET /api/v1/apps/verify_credentials", "", s.app},
		{"GET /api/v1/accounts/verify_credentials", "read:accounts", s.me},
		{"GET /api/v1/accounts/{id}/statuses", "read:statuses", s.byAccount},
		{"GET /api/v1/notifications", "read:notifications", s.notifications},
		{"GET /api/v1/timelines/tag/{tag}", "read:statuses", s.tag},
		{"GET /api/v2/search", "read:search", s.search},
		{"GET /api/v1/statuses", "read:statuses", s.batch},
		{"GET /api/v1/statuses/{id}", "read:statuses", s.one},
		{"GET /api/v1/statuses/{id}/context", "read:statuses", s.context},
		{"POST /api/v1/statuses", "write:statuses", s.post},
		{"DELETE /api/v1/statuses/{id}", "write:statuses", s.remove},
	}
	for _, route := range closed {
		s.mux.HandleFunc(route.pattern, func(w http.ResponseWriter, r *http.Request) {
			granted, ok := s.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
			wide, _, _ := strings.Cut(route.scope, ":")
			switch list := strings.Fields(granted); {
			case !ok:
				fail(w, 401, "The access token is invalid")
			case route.scope != "" && !slices.Contains(list, route.scope) && !slices.Contains(list, wide):
				fail(w, 403, "This action is outside the authorized scopes")
			default:
				route.f(w, r)
			}
		})
	}
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // a client that went away is no concern of the server
}

func fail(w http.ResponseWriter, status int, say string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(object{"error": say})
}

// hidden turns a place into the number that stands in paging links, so that nobody takes an id for it.
func hidden(pos int) string { return strconv.Itoa(pos*7 + 100003) }

func place(number string) int {
	n, err := strconv.Atoi(number)
	if err != nil || n < 100003 {
		return -1
	}
	return (n - 100003) / 7
}

type entry struct {
	pos int
	v   func() object
}

// page answers a list, newest first, with the Link header. since_id gives the newest page after a place, min_id the
// oldest one.
func (s *Server) page(w http.ResponseWriter, r *http.Request, all []entry) {
	q := r.URL.Query()
	limit := 20
	if n, err := strconv.Atoi(q.Get("limit")); err == nil && n > 0 {
		limit = n
	}
	limit = min(limit, s.o.Page)
	keep := all[:0:0]
	for _, e := range all {
		if v := q.Get("max_id"); v != "" && e.pos >= place(v) {
			continue
		}
		if v := q.Get("since_id"); v != "" && e.pos <= place(v) {
			continue
		}
		if v := q.Get("min_id"); v != "" && e.pos <= place(v) {
			continue
		}
		keep = append(keep, e)
	}
	if len(keep) > limit {
		if q.Has("min_id") {
			keep = keep[:limit]
		} else {
			keep = keep[len(keep)-limit:]
		}
	}
	out := []object{}
	for _, e := range slices.Backward(keep) {
		out = append(out, e.v())
	}
	if len(keep) > 0 {
		links := []string{s.link(r, "prev", "min_id", keep[len(keep)-1].pos)}
		if len(keep) == limit {
			links = append([]string{s.link(r, "next", "max_id", keep[0].pos)}, links...)
		}
		w.Header().Set("Link", strings.Join(links, ", "))
	}
	reply(w, out)
}

func (s *Server) link(r *http.Request, rel, param string, pos int) string {
	q := url.Values{}
	for k, v := range r.URL.Query() {
		if k != "max_id" && k != "min_id" && k != "since_id" {
			q[k] = v
		}
	}
	q.Set(param, hidden(pos))
	return fmt.Sprintf(`<%s%s?%s>; rel="%s"`, s.self, r.URL.Path, q.Encode(), rel)
}

func (s *Server) notifications(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	var all []entry
	for _, n := range s.notices {
		wanted := len(q["types[]"]) == 0 || slices.Contains(q["types[]"], n.kind)
		gone := n.status != "" && s.alive(n.status) == nil
		if wanted && !gone && (!n.filtered || q.Get("include_filtered") == "true") && !slices.Contains(q["exclude_types[]"], n.kind) {
			all = append(all, entry{n.pos, func() object { return s.noticeJSON(n) }})
		}
	}
	s.page(w, r, all)
}

// statuses answers a list of those that pass, oldest first as they came.
func (s *Server) statuses(w http.ResponseWriter, r *http.Request, pass func(*status) bool) {
	var all []entry
	for _, st := range s.stats {
		if !st.deleted && pass(st) {
			all = append(all, entry{st.pos, func() object { return s.statusJSON(st) }})
		}
	}
	s.page(w, r, all)
}

func (s *Server) tag(w http.ResponseWriter, r *http.Request) {
	wanted := append(r.URL.Query()["any[]"], r.PathValue("tag"))
	s.statuses(w, r, func(st *status) bool {
		return (st.post.Visibility == "" || st.post.Visibility == "public") && slices.ContainsFunc(st.tags, func(t string) bool {
			return slices.ContainsFunc(wanted, func(x string) bool { return strings.EqualFold(x, t) })
		})
	})
}

func (s *Server) byAccount(w http.ResponseWriter, r *http.Request) {
	s.statuses(w, r, func(st *status) bool { return s.people[st.acct].id == r.PathValue("id") })
}

func (s *Server) batch(w http.ResponseWriter, r *http.Request) {
	if s.before(4, 3) {
		fail(w, 404, "Record not found")
		return
	}
	out := []object{}
	for _, id := range r.URL.Query()["id[]"] {
		if st := s.alive(id); st != nil && len(out) < 20 {
			out = append(out, s.statusJSON(st))
		}
	}
	reply(w, out)
}

func (s *Server) one(w http.ResponseWriter, r *http.Request) {
	if st := s.alive(r.PathValue("id")); st != nil {
		reply(w, s.statusJSON(st))
		return
	}
	fail(w, 404, "Record not found")
}

func (s *Server) context(w http.ResponseWriter, r *http.Request) {
	st := s.alive(r.PathValue("id"))
	if st == nil {
		fail(w, 404, "Record not found")
		return
	}
	up, down := []object{}, []object{}
	for p := s.alive(st.post.ReplyTo); p != nil; p = s.alive(p.post.ReplyTo) {
		up = append([]object{s.statusJSON(p)}, up...)
	}
	under := []string{st.id}
	for _, c := range s.stats {
		if !c.deleted && slices.Contains(under, c.post.ReplyTo) {
			under = append(under, c.id)
			down = append(down, s.statusJSON(c))
		}
	}
	reply(w, object{"ancestors": up, "descendants": down})
}

// search finds a status by its address, and words in public posts of accounts that allow it. It has no Link header;
// min_id and max_id are ids of statuses, and the newest come first in both directions.
func (s *Server) search(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	word := strings.TrimSpace(q.Get("q"))
	limit := 20
	if n, err := strconv.Atoi(q.Get("limit")); err == nil && n > 0 {
		limit = n
	}
	limit = min(limit, s.o.Page, 40)
	found := []object{}
	for _, st := range slices.Backward(s.stats) {
		if st.deleted || len(found) >= limit || q.Get("type") != "" && q.Get("type") != "statuses" {
			continue
		}
		if strings.HasPrefix(word, "http") {
			if s.uri(st) == word || s.profile(s.people[st.acct])+"/"+st.id == word {
				found = append(found, s.statusJSON(st))
			}
			continue
		}
		open := (st.post.Visibility == "" || st.post.Visibility == "public") && !s.people[st.acct].Hidden && !s.o.NoSearch
		inside := strings.Contains(strings.ToLower(visible(st.post.HTML)), strings.ToLower(strings.Trim(word, `"`)))
		if open && inside && (q.Get("min_id") == "" || older(q.Get("min_id"), st.id)) && (q.Get("max_id") == "" || older(st.id, q.Get("max_id"))) {
			found = append(found, s.statusJSON(st))
		}
	}
	reply(w, object{"accounts": []object{}, "statuses": found, "hashtags": []object{}})
}

func older(a, b string) bool { return len(a) < len(b) || len(a) == len(b) && a < b }

func (s *Server) before(major, minor int) bool {
	var a, b int
	if n, _ := fmt.Sscanf(s.o.Version, "%d.%d", &a, &b); n < 2 {
		return false
	}
	return a < major || a == major && b < minor
}
