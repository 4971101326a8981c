package meta

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf16"

	"rapport/shared/webhook"
)

// event is one change or message on its way to the hook.
type event struct {
	object, account string
	time            int64 // of the entry: seconds, milliseconds with messages
	place           string
	data            any // a change, or a messaging item
	again           bool
}

// tell makes the webhook of something public.
func (s *Server) tell(t *thing, verb string) {
	at := s.o.Now().Unix()
	if t.Platform == Instagram {
		if verb != "add" {
			return
		}
		v := map[string]any{"id": t.id, "text": t.Text, "from": map[string]any{"id": t.By, "username": s.name(t.By, Instagram)}, "media": map[string]any{"id": t.On, "media_product_type": "FEED"}}
		field := "comments"
		if t.By == s.o.Account {
			v["from"].(map[string]any)["self_ig_scoped_id"] = "self-" + t.By
		}
		if t.Parent != "" {
			v["parent_id"] = t.Parent
		}
		if t.Mention {
			field, v = "mentions", map[string]any{"media_id": t.id}
			if t.On != "" {
				v = map[string]any{"media_id": t.On, "comment_id": t.id}
			}
		} else if t.On == "" {
			return // own media are told to nobody
		}
		s.open = append(s.open, event{"instagram", s.o.Account, at, "changes", map[string]any{"field": field, "value": v}, false})
		return
	}
	v := map[string]any{"verb": verb, "created_time": t.at.Unix(), "from": map[string]any{"id": t.By, "name": s.name(t.By, Facebook)}, "message": t.Text,
		"item": "status", "post_id": t.id, "published": 1, "post": map[string]any{"permalink_url": "https://www.facebook.com/" + t.id, "is_published": true}}
	field := "feed"
	if t.Photo != "" {
		v["item"], v["photo"] = "photo", t.Photo
	}
	if t.On != "" {
		v["item"], v["comment_id"], v["post_id"], v["parent_id"] = "comment", t.id, t.On, t.On
		if t.Parent != "" {
			v["parent_id"] = t.Parent
		}
	}
	switch {
	case t.Mention:
		field, v["item"] = "mention", "post"
		v["sender_id"], v["sender_name"] = t.By, s.name(t.By, Facebook)
		delete(v, "from")
	case t.Stars > 0:
		field = "ratings"
		v = map[string]any{"item": "rating", "verb": verb, "open_graph_story_id": t.id, "reviewer_id": t.By, "reviewer_name": s.name(t.By, Facebook), "rating": t.Stars,
			"review_text": t.Text, "created_time": t.at.Unix(), "recommendation_type": map[bool]string{true: "POSITIVE", false: "NEGATIVE"}[t.Stars > 3]}
	case verb == "remove":
		delete(v, "message")
	}
	s.open = append(s.open, event{"page", s.o.Page, at, "changes", map[string]any{"field": field, "value": v}, false})
}

// tellNote makes the webhook of a private message.
func (s *Server) tellNote(platform, with string, m *note, what string) {
	object, account, place := "page", s.o.Page, "messaging"
	if platform == Instagram {
		object, account = "instagram", s.o.Account
	}
	if s.o.Standby {
		place = "standby"
	}
	to := account
	body := map[string]any{"mid": m.id, "text": m.text}
	if m.from == account {
		to = with
		body["is_echo"] = true
		if m.byAPI {
			body["app_id"] = s.o.AppID
		}
	}
	switch what {
	case "unsent":
		what, body = "message", map[string]any{"mid": m.id, "is_deleted": true}
	case "message_edit":
		body["num_edit"] = 1
	}
	item := map[string]any{"sender": map[string]any{"id": m.from}, "recipient": map[string]any{"id": to}, "timestamp": s.o.Now().UnixMilli(), what: body}
	s.open = append(s.open, event{object, account, s.o.Now().UnixMilli(), place, item, false})
}

// Report counts what became of calls.
type Report struct {
	Taken   int // events in calls answered with 2xx
	Refused int // calls answered otherwise, or not at all; they stay open
	Open    int
	Last    string // the last refusal
}

// Send tries everything that is open once. The error is the context's.
func (s *Server) Send(ctx context.Context) (Report, error) {
	s.mu.Lock()
	now := s.open
	s.open = nil
	s.mu.Unlock()
	var r Report
	for len(now) > 0 {
		n := 1
		for n < len(now) && n < s.o.Batch && now[n].object == now[0].object {
			n++
		}
		some := now[:n]
		now = now[n:]
		refusal := "no target"
		if ctx.Err() == nil {
			refusal = s.post(ctx, s.encode(some))
		}
		s.mu.Lock()
		switch {
		case refusal != "":
			r.Refused++
			r.Last = refusal
			s.open = append(s.open, some...)
		default:
			r.Taken += n
			for _, e := range some {
				if s.o.Twice && !e.again {
					e.again = true
					s.open = append(s.open, e)
				}
			}
		}
		s.mu.Unlock()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	r.Open = len(s.open)
	return r, ctx.Err()
}

// Bodies gives what Send would send, and forgets it.
func (s *Server) Bodies() [][]byte {
	s.mu.Lock()
	now := s.open
	s.open = nil
	s.mu.Unlock()
	var out [][]byte
	for len(now) > 0 {
		n := 1
		for n < len(now) && n < s.o.Batch && now[n].object == now[0].object {
			n++
		}
		out = append(out, s.encode(now[:n]))
		now = now[n:]
	}
	return out
}

// encode puts events of one object into a body: those of one account and place share an entry.
func (s *Server) encode(list []event) []byte {
	var entries []map[string]any
	for i, e := range list {
		if s.o.Flat && e.object == "instagram" && e.place == "changes" {
			c := e.data.(map[string]any)
			entries = append(entries, map[string]any{"id": e.account, "time": e.time, "field": c["field"], "value": c["value"]})
			continue
		}
		if i > 0 && list[i-1].account == e.account && list[i-1].place == e.place && list[i-1].time == e.time {
			last := entries[len(entries)-1]
			last[e.place] = append(last[e.place].([]any), e.data)
			continue
		}
		entries = append(entries, map[string]any{"id": e.account, "time": e.time, e.place: []any{e.data}})
	}
	return Escape(map[string]any{"object": list[0].object, "entry": entries})
}

// Escape writes JSON as Meta does: every character beyond ASCII as lower-case \u, slashes escaped.
func Escape(v any) []byte {
	var plain bytes.Buffer
	e := json.NewEncoder(&plain)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // plain data: cannot fail
	var out bytes.Buffer
	for _, r := range strings.TrimSpace(plain.String()) {
		switch {
		case r == '/':
			out.WriteString(`\/`)
		case r < 0x80:
			out.WriteRune(r)
		default:
			for _, u := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&out, `\u%04x`, u)
			}
		}
	}
	return out.Bytes()
}

// post signs and sends one body; "" where it was taken.
func (s *Server) post(ctx context.Context, body []byte) string {
	s.mu.Lock()
	target := s.o.Target
	s.mu.Unlock()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return err.Error()
	}
	for _, scheme := range []webhook.Scheme{{Header: "X-Hub-Signature-256", Prefix: "sha256="}, {Header: "X-Hub-Signature", Algorithm: "sha1", Prefix: "sha1="}} {
		for name, values := range scheme.Sign(s.o.AppSecret, body, s.o.Now()) {
			r.Header[name] = values
		}
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "facebookexternalua")
	status, said, err := s.do(r)
	switch {
	case err != nil:
		return err.Error()
	case status < 200 || status > 299:
		return fmt.Sprintf("%d %s", status, said)
	}
	return ""
}

func (s *Server) do(r *http.Request) (int, []byte, error) {
	resp, err := s.o.HTTP.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	said, err := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	return resp.StatusCode, said, err
}

// Subscribe makes the check of the callback address, as the App Dashboard does when it is saved.
func (s *Server) Subscribe(ctx context.Context) error {
	const challenge = "1158201444"
	query := url.Values{"hub.mode": {"subscribe"}, "hub.challenge": {challenge}, "hub.verify_token": {s.o.Verify}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.o.Target+"?"+query.Encode(), nil)
	if err != nil {
		return err
	}
	status, said, err := s.do(r)
	if err == nil && (status != http.StatusOK || string(said) != challenge) {
		err = fmt.Errorf("the callback address answers %d %q", status, said)
	}
	return err
}

// Forget sends the deletion request of somebody, by the id that the app sees, and gives the status page and the code of the
// answer. The same call is made when somebody removes the app.
func (s *Server) Forget(ctx context.Context, user string) (page, code string, err error) {
	payload, err := json.Marshal(map[string]any{"user_id": user, "algorithm": "HMAC-SHA256", "issued_at": s.o.Now().Unix()})
	if err != nil {
		return "", "", err
	}
	signed := base64.RawURLEncoding.EncodeToString(payload)
	form := url.Values{"signed_request": {base64.RawURLEncoding.EncodeToString(webhook.MAC("sha256", s.o.AppSecret, []byte(signed))) + "." + signed}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.o.Target, strings.NewReader(form.Encode()))
	if err != nil {
		return "", "", err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	status, said, err := s.do(r)
	if err != nil {
		return "", "", err
	}
	var answer struct {
		URL  string `json:"url"`
		Code string `json:"confirmation_code"`
	}
	if json.Unmarshal(said, &answer) != nil || status != http.StatusOK || answer.URL == "" || answer.Code == "" {
		return "", "", fmt.Errorf("the deletion request is answered %d %q", status, said)
	}
	return answer.URL, answer.Code, nil
}
