package mastodon

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// keyLife is how long an idempotency key is remembered.
const keyLife = time.Hour

// form reads a body as JSON or form, whichever it is.
func form(r *http.Request) (map[string]string, error) {
	data, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		var v map[string]any
		if err := json.Unmarshal(data, &v); err != nil {
			return nil, err
		}
		for k, x := range v {
			if x != nil {
				out[k] = fmt.Sprint(x)
			}
		}
		return out, nil
	}
	q, err := url.ParseQuery(string(data))
	for k := range q {
		out[k] = q.Get(k)
	}
	return out, err
}

func (s *Server) post(w http.ResponseWriter, r *http.Request) {
	in, err := form(r)
	if err != nil {
		fail(w, 400, "Bad request")
		return
	}
	key := r.Header.Get("Idempotency-Key")
	now := s.o.Now()
	if k, ok := s.keys[key]; ok && key != "" && !s.o.NoKeys && now.Sub(k.at) < keyLife {
		if st := s.alive(k.status); st != nil {
			reply(w, s.statusJSON(st))
			return
		}
	}
	parent := s.alive(in["in_reply_to_id"])
	switch {
	case in["in_reply_to_id"] != "" && parent == nil:
		fail(w, 404, "The post you are trying to reply to does not appear to exist.")
	case parent != nil && parent.barred:
		fail(w, 403, "This action is not allowed")
	case strings.TrimSpace(in["status"]) == "":
		fail(w, 422, "Validation failed: Text can't be blank")
	case s.counted(in["status"]) > s.o.MaxText:
		fail(w, 422, fmt.Sprintf("Validation failed: Text character limit of %d exceeded", s.o.MaxText))
	default:
		st := s.add(Post{By: s.o.Brand, Text: in["status"], ReplyTo: in["in_reply_to_id"], Visibility: in["visibility"], Language: in["language"]})
		st.byAPI, st.key = true, key
		s.keys[key] = keyed{st.id, now}
		reply(w, s.statusJSON(st))
	}
}

// counted is the length as the server sees it: an address counts 23, a mention without its domain.
func (s *Server) counted(text string) int {
	return len([]rune(marks.ReplaceAllStringFunc(text, func(m string) string {
		switch {
		case strings.HasPrefix(m, "http"):
			return strings.Repeat("x", 23)
		case m[0] == '@':
			name, _, _ := strings.Cut(m[1:], "@")
			return "@" + name
		}
		return m
	})))
}

func (s *Server) remove(w http.ResponseWriter, r *http.Request) {
	st := s.alive(r.PathValue("id"))
	if st == nil || st.acct != s.o.Brand {
		fail(w, 404, "Record not found")
		return
	}
	st.deleted = true
	reply(w, s.statusJSON(st))
}

func (s *Server) instance1(w http.ResponseWriter, _ *http.Request) {
	_, host, _ := strings.Cut(s.self, "://")
	reply(w, object{"uri": host, "title": "Twin", "version": s.o.Version, "max_toot_chars": s.o.MaxText})
}

func (s *Server) instance2(w http.ResponseWriter, _ *http.Request) {
	if s.before(4, 0) && !s.o.ULID {
		fail(w, 404, "Record not found")
		return
	}
	_, host, _ := strings.Cut(s.self, "://")
	source := "https://github.com/mastodon/mastodon"
	if s.o.ULID {
		source = "https://codeberg.org/superseriousbusiness/gotosocial"
	}
	reply(w, object{"domain": host, "title": "Twin", "version": s.o.Version, "source_url": source,
		"configuration": object{"statuses": object{"max_characters": s.o.MaxText, "characters_reserved_per_url": 23}}})
}

func (s *Server) app(w http.ResponseWriter, r *http.Request) {
	granted := s.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	reply(w, object{"name": "Rapport", "scopes": strings.Fields(granted)})
}

func (s *Server) me(w http.ResponseWriter, _ *http.Request) {
	reply(w, s.accountJSON(s.people[s.o.Brand]))
}

func (s *Server) register(w http.ResponseWriter, r *http.Request) {
	in, err := form(r)
	if err != nil || in["client_name"] == "" || in["redirect_uris"] == "" {
		fail(w, 422, "Validation failed: Redirect URI must be an absolute URI.")
		return
	}
	id := "client-" + s.newID(s.o.Now())
	s.apps[id] = "secret-of-" + id
	reply(w, object{"id": "1", "name": in["client_name"], "redirect_uri": in["redirect_uris"], "client_id": id, "client_secret": s.apps[id]})
}

// authorize says yes at once, as a person would after a look.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	to, err := url.Parse(q.Get("redirect_uri"))
	if _, ok := s.apps[q.Get("client_id")]; !ok || err != nil || q.Get("response_type") != "code" {
		fail(w, 400, "The client is not known")
		return
	}
	code := "code-" + s.newID(s.o.Now())
	s.codes[code] = q.Get("client_id") + " " + q.Get("redirect_uri") + " " + q.Get("scope")
	back := to.Query()
	back.Set("code", code)
	back.Set("state", q.Get("state"))
	to.RawQuery = back.Encode()
	http.Redirect(w, r, to.String(), http.StatusFound)
}

func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	in, err := form(r)
	grant := strings.SplitN(s.codes[in["code"]], " ", 3)
	known := err == nil && len(grant) == 3 && grant[0] == in["client_id"] && s.apps[grant[0]] == in["client_secret"] && grant[1] == in["redirect_uri"]
	if !known || in["grant_type"] != "authorization_code" {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(object{"error": "invalid_grant", "error_description": "The provided authorization grant is invalid"})
		return
	}
	delete(s.codes, in["code"])
	asked := strings.Fields(grant[2])
	slices.Sort(asked)
	token := "granted-" + s.newID(s.o.Now())
	s.tokens[token] = strings.Join(asked, " ")
	reply(w, object{"access_token": token, "token_type": "Bearer", "scope": s.tokens[token], "created_at": s.o.Now().Unix()})
}
