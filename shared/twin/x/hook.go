package x

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

type hook struct {
	id, url string
	valid   bool
	created time.Time
}

type subscription struct {
	id, kind, user, hook, tag string
	created                   time.Time
}

// Call is a webhook on its way out.
type Call struct {
	URL    string
	Header http.Header
	Body   []byte
}

func (s *Server) sign(body []byte) string {
	m := hmac.New(sha256.New, []byte(s.o.Consumer))
	m.Write(body)
	return "sha256=" + base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// tell queues an event for every webhook that is subscribed to it; s.mu is held.
func (s *Server) tell(kind, user string, payload, includes object) {
	for _, sub := range s.subs {
		if sub.kind != kind || user != "" && sub.user != user {
			continue
		}
		for _, h := range s.hooks {
			if h.id != sub.hook || !h.valid {
				continue
			}
			s.n++
			filter := object{}
			if user != "" {
				filter["user_id"] = user
			}
			data := object{"event_uuid": strconv.FormatInt((s.n%2*2-1)*(4_000_000_000_000_000_000+s.n), 10), "filter": filter, "event_type": kind, "tag": sub.tag, "payload": payload}
			if includes != nil {
				data["includes"] = includes
			}
			body, _ := json.Marshal(object{"data": data}) // plain data
			s.outbox = append(s.outbox, Call{URL: h.url, Body: body, Header: http.Header{"Content-Type": {"application/json"}, "X-Twitter-Webhooks-Signature": {s.sign(body)}}})
			switch {
			case kind == "dm.received":
				s.charge("message", payload["direct_message_events"].([]object)[0]["id"].(string))
			case strings.HasPrefix(kind, "post.") && kind != "post.delete":
				s.charge("post", payload["id"].(string))
			}
		}
	}
}

// tellPost tells a post to whom it concerns: its author, whom it mentions, answers or quotes.
func (s *Server) tellPost(p *post) {
	if s.users[p.by].Protected {
		return
	}
	payload := s.postJSON(p)
	s.tell("post.create", p.by, payload, object{"users": []object{s.userJSON(s.users[p.by])}, "tweets": []object{payload}})
	author := object{"users": []object{s.userJSON(s.users[p.by])}}
	for _, handle := range handles(p.Text) {
		if u := s.byHandle(handle); u != nil && u.ID != p.by {
			s.tell("post.mention.create", u.ID, payload, author)
		}
	}
	if parent := s.alive(p.ReplyTo); parent != nil && parent.by != p.by {
		s.tell("post.reply.create", parent.by, payload, object{}) // without the author
	}
	if quoted := s.alive(p.Quotes); quoted != nil && quoted.by != p.by {
		s.tell("post.quote.create", quoted.by, payload, object{})
	}
	if original := s.alive(p.Reposts); original != nil && original.by != p.by {
		s.tell("post.repost.create", original.by, payload, object{})
	}
}

func (s *Server) tellMessage(m *note) {
	users := object{}
	for _, id := range []string{m.from, m.to} {
		if u := s.users[id]; u != nil {
			users[id] = object{"data": s.userJSON(u)}
		}
	}
	payload := object{"users": users, "direct_message_events": []object{{"type": "message_create", "id": m.id, "created_timestamp": strconv.FormatInt(m.at.UnixMilli(), 10),
		"message_create": object{"target": object{"recipient_id": m.to}, "sender_id": m.from,
			"message_data": object{"text": escape(m.text), "entities": object{"hashtags": []object{}, "symbols": []object{}, "user_mentions": []object{}, "urls": []object{}}}}}}}
	s.tell("dm.received", m.to, payload, nil)
	s.tell("dm.sent", m.from, payload, nil)
}

// Waiting gives the webhooks that are on their way, and forgets them.
func (s *Server) Waiting() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.outbox
	s.outbox = nil
	return out
}

// Deliver sends what is on its way, and gives the number of calls that were answered 200; the others come again with the
// next Deliver.
func (s *Server) Deliver(ctx context.Context) int {
	taken := 0
	for _, c := range s.Waiting() {
		if s.send(ctx, c) {
			taken++
			continue
		}
		s.mu.Lock()
		s.outbox = append(s.outbox, c)
		s.mu.Unlock()
	}
	return taken
}

func (s *Server) send(ctx context.Context, c Call) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.reach(c.URL), bytes.NewReader(c.Body))
	if err != nil {
		return false
	}
	req.Header = c.Header.Clone()
	resp, err := s.client().Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode == http.StatusOK
}

func (s *Server) client() *http.Client {
	if s.o.Hooks != nil {
		return s.o.Hooks
	}
	return http.DefaultClient
}

func (s *Server) reach(address string) string {
	if s.o.Reach != nil {
		return s.o.Reach(address)
	}
	return address
}

// challenge asks an address for the answer to a challenge.
func (s *Server) challenge(ctx context.Context, address, token string) bool {
	u, err := url.Parse(s.reach(address))
	if err != nil {
		return false
	}
	q := u.Query()
	q.Set("crc_token", token)
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return false
	}
	resp, err := s.client().Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	var got struct {
		Token string `json:"response_token"`
	}
	return resp.StatusCode == http.StatusOK && json.NewDecoder(io.LimitReader(resp.Body, 1<<16)).Decode(&got) == nil && hmac.Equal([]byte(got.Token), []byte(s.sign([]byte(token))))
}

func (s *Server) listHooks(w http.ResponseWriter, _ *http.Request) {
	list := []object{}
	for _, h := range s.hooks {
		list = append(list, h.json())
	}
	reply(w, 200, object{"data": list, "meta": object{"result_count": len(list)}})
}

func (h *hook) json() object {
	return object{"id": h.id, "url": h.url, "valid": h.valid, "created_at": stamp(h.created)}
}

func (s *Server) createHook(w http.ResponseWriter, r *http.Request) {
	var in struct {
		URL string `json:"url"`
	}
	_ = json.NewDecoder(io.LimitReader(r.Body, 1<<16)).Decode(&in) // an empty address is refused below
	u, err := url.Parse(in.URL)
	switch {
	case err != nil || u.Scheme != "https" || u.Port() != "" || u.Host == "":
		refuse(w, 400, "invalid-request", "UrlValidationFailed: the callback URL does not meet the requirements")
		return
	case slices.ContainsFunc(s.hooks, func(h *hook) bool { return h.url == in.URL }):
		refuse(w, 400, "invalid-request", "DuplicateUrlFailed: there is a webhook for this URL")
		return
	}
	token := "crc-" + s.newID(s.o.Now())
	s.mu.Unlock()
	ok := s.challenge(r.Context(), in.URL, token)
	s.mu.Lock()
	if !ok {
		refuse(w, 400, "invalid-request", "CrcValidationFailed: the callback URL did not answer the challenge")
		return
	}
	h := &hook{id: s.newID(s.o.Now()), url: in.URL, valid: true, created: s.o.Now()}
	s.hooks = append(s.hooks, h)
	reply(w, 200, object{"data": h.json()})
}

func (s *Server) checkHook(w http.ResponseWriter, r *http.Request) {
	for _, h := range s.hooks {
		if h.id == r.PathValue("id") {
			token := "crc-" + s.newID(s.o.Now())
			s.mu.Unlock()
			ok := s.challenge(r.Context(), h.url, token)
			s.mu.Lock()
			h.valid = ok
			reply(w, 200, object{"data": object{"valid": ok}})
			return
		}
	}
	refuse(w, 400, "invalid-request", "WebhookIdInvalid")
}

// Invalidate lets X give up all webhooks, as after a failed challenge.
func (s *Server) Invalidate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.hooks {
		h.valid = false
	}
}

func (s *Server) listSubscriptions(w http.ResponseWriter, _ *http.Request) {
	list := []object{}
	for _, x := range s.subs {
		list = append(list, x.json())
	}
	reply(w, 200, object{"data": list, "meta": object{"total_subscriptions": len(list)}})
}

func (x *subscription) json() object {
	return object{"subscription_id": x.id, "event_type": x.kind, "filter": object{"user_id": x.user}, "tag": x.tag, "webhook_id": x.hook, "created_at": stamp(x.created), "updated_at": stamp(x.created)}
}

func (s *Server) subscribe(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Type   string `json:"event_type"`
		Filter struct {
			User string `json:"user_id"`
		} `json:"filter"`
		Tag  string `json:"tag"`
		Hook string `json:"webhook_id"`
	}
	_ = json.NewDecoder(io.LimitReader(r.Body, 1<<16)).Decode(&in) // an empty type is refused below
	public := in.Type == "post.create" || in.Type == "post.delete" || strings.HasPrefix(in.Type, "profile.")
	switch {
	case in.Type == "" || in.Filter.User == "":
		refuse(w, 400, "invalid-request", "event_type and filter.user_id are required")
		return
	case !public && r.Header.Get("Authorization") == "Bearer "+s.o.Bearer:
		refuse(w, 403, "client-forbidden", "private events need user context")
		return
	case slices.ContainsFunc(s.subs, func(x *subscription) bool { return x.kind == in.Type && x.user == in.Filter.User && x.hook == in.Hook }):
		refuse(w, 400, "invalid-request", "DuplicateSubscriptionFailed")
		return
	}
	x := &subscription{id: s.newID(s.o.Now()), kind: in.Type, user: in.Filter.User, hook: in.Hook, tag: in.Tag, created: s.o.Now()}
	s.subs = append(s.subs, x)
	reply(w, 200, object{"data": x.json()})
}
