package networktest_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/network/networktest"
	"rapport/shared/rest"
	"rapport/shared/webhook"
)

// sample is a tiny connector; each flag breaks it in one way.
type sample struct {
	forgeries, randomIDs, skips, leaks, doubles, rewinds, swallows bool
	blab, history, ins, deaf, ageless, panics, blurts              bool
	calls                                                          *int // state that no connector may have
}

func (sample) Info() network.Info {
	return network.Info{Name: "sample", Title: "Sample", Docs: "https://sample.example/docs", Poll: time.Minute, HookSecrets: []network.Field{{Name: "secret", Title: "Secret", Type: "text"}},
		Buckets: []network.Bucket{{Name: "default", Calls: 1, Per: time.Second, Shared: "account"}}, MaxText: 20, Unit: "bytes",
		Rules: network.Rules{MayMatch: "yes", OnDelete: "blank", Source: "https://sample.example/rules"}}
}

func (n sample) Verify(_ context.Context, h network.Hook, r webhook.Request) (webhook.Answer, error) {
	if n.forgeries {
		return webhook.Answer{Keep: true}, nil
	}
	at, err := strconv.ParseInt(r.Header.Get("X-Time"), 10, 64)
	age := r.At.Sub(time.Unix(at, 0)).Abs()
	if !n.ageless && (err != nil || age > 5*time.Minute) {
		return webhook.Answer{}, fault.New(fault.Forged, "the time is missing or old")
	}
	for _, key := range h.Keys() {
		if hmac.Equal([]byte(mac(key, r.Header.Get("X-Time"), r.Body)), []byte(r.Header.Get("X-Sign"))) {
			return webhook.Answer{Keep: true}, nil
		}
		if n.deaf {
			break
		}
	}
	return webhook.Answer{}, fault.New(fault.Forged, "the signature is wrong")
}

func mac(key, at string, body []byte) string {
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte(at + "."))
	m.Write(body)
	return hex.EncodeToString(m.Sum(nil))
}

type said struct {
	ID, Text, By string
}

func (n sample) Parse(raw network.Raw) ([]flow.Event, error) {
	var list []said
	if err := json.Unmarshal(raw.Body, &list); err != nil || list == nil {
		if n.panics && len(raw.Body) == 0 {
			panic("empty")
		}
		return nil, fault.New(fault.Invalid, "no list")
	}
	var out []flow.Event
	for _, x := range list {
		if x.ID == "" {
			return nil, fault.New(fault.Invalid, "no id")
		}
		at := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
		if n.randomIDs {
			*n.calls++
			x.ID += strconv.Itoa(*n.calls)
		}
		m := flow.Mention{ID: "sample:" + x.ID, Network: "sample", Kind: flow.Post, Direction: flow.In, Text: strings.ReplaceAll(x.Text, "\x00", ""), Created: at, Author: flow.Author{ID: "sample:" + x.By}}
		if x.By == "" {
			m.Author.ID = ""
		}
		if x.By == "us" && !n.ins {
			m.Direction = flow.Out
		}
		out = append(out, flow.Event{Verb: flow.New, At: at, Mention: m})
	}
	return out, nil
}

func (n sample) Poll(ctx context.Context, a network.Account, cursor string) (network.Page, error) {
	address := "/list?after=" + url.QueryEscape(cursor)
	if cursor == "" && !a.History && !n.history {
		address = "/newest"
	}
	if strings.HasPrefix(cursor, "http") {
		address = cursor
	}
	if n.leaks && strings.HasPrefix(address, "http") {
		a.Origin = address[:strings.Index(address, "/list")]
	}
	resp, err := a.Do(ctx, rest.Request{URL: address, Auth: "Bearer " + a.Secret("token")})
	if err != nil {
		return network.Page{}, err
	}
	if err := rest.Classify(resp, a.Now); err != nil {
		if n.swallows {
			return network.Page{Cursor: cursor}, nil
		}
		if n.blab {
			err = fmt.Errorf("with %s: %w", a.Secret("token"), err)
		}
		return network.Page{}, err
	}
	var list []said
	if err := resp.JSON(&list); err != nil {
		return network.Page{}, err
	}
	page := network.Page{Cursor: resp.Header.Get("X-Next"), More: len(list) > 0}
	if address == "/newest" {
		page.More = false
		return page, nil
	}
	if n.rewinds && len(list) == 0 {
		page.Cursor = a.Origin + "/list?after=0"
	}
	if len(list) > 0 && !(n.skips && list[0].ID == "5") {
		page.Bodies = []network.Body{{Data: resp.Body}}
	}
	return page, nil
}

func (n sample) Idempotent() bool { return true }

func (n sample) Reply(ctx context.Context, a network.Account, r flow.Reply, key string) (network.Posted, error) {
	if len(r.Text) > 20 {
		return network.Posted{}, fault.New(fault.Invalid, "too long")
	}
	if r.Private && !n.blurts {
		return network.Posted{}, fault.New(fault.Invalid, "there are no private answers")
	}
	if n.doubles {
		key = ""
	}
	resp, err := a.Do(ctx, rest.Request{Method: "POST", URL: "/posts", Auth: "Bearer " + a.Secret("token"), JSON: map[string]string{"key": key, "text": r.Text, "to": flow.Native(r.Mention)}})
	if err != nil {
		return network.Posted{}, err
	}
	if err := rest.Classify(resp, a.Now); err != nil {
		return network.Posted{}, err
	}
	return network.Posted{Native: string(resp.Body)}, nil
}

// vendor is the sample's fake vendor: lists of three, keyed posts.
type vendor struct {
	mu    sync.Mutex
	all   []said
	posts []string
	keys  map[string]string
}

func (v *vendor) say(by string, n int) (ids []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for range n {
		id := strconv.Itoa(len(v.all) + 1)
		v.all = append(v.all, said{ID: id, Text: "text " + id, By: by})
		ids = append(ids, "sample:"+id)
	}
	return ids
}

func (v *vendor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v.mu.Lock()
	defer v.mu.Unlock()
	self := "http://" + r.Host
	if r.Header.Get("Authorization") != "Bearer canary-token" {
		w.WriteHeader(401)
		return
	}
	switch r.URL.Path {
	case "/newest":
		w.Header().Set("X-Next", self+"/list?after="+strconv.Itoa(len(v.all)))
		_, _ = w.Write([]byte("[]"))
	case "/list":
		after, _ := strconv.Atoi(r.URL.Query().Get("after"))
		part := v.all[min(after, len(v.all)):min(after+3, len(v.all))]
		w.Header().Set("X-Next", self+"/list?after="+strconv.Itoa(after+len(part)))
		if part == nil {
			part = []said{}
		}
		_ = json.NewEncoder(w).Encode(part)
	case "/posts":
		var x map[string]string
		_ = json.NewDecoder(r.Body).Decode(&x)
		if x["to"] == "gone" {
			w.WriteHeader(410)
			return
		}
		if id, ok := v.keys[x["key"]]; ok && x["key"] != "" {
			_, _ = w.Write([]byte(id))
			return
		}
		v.posts = append(v.posts, x["text"])
		id := "p" + strconv.Itoa(len(v.posts))
		v.keys[x["key"]] = id
		_, _ = w.Write([]byte(id))
	}
}

func suite(n sample) networktest.Suite {
	hook := network.Hook{Name: "h", Kind: "sample", Secrets: map[string]flow.Secret{"secret": flow.NewSecret("canary-secret")}}
	return networktest.Suite{
		New: func() network.Network { return n },
		Hook: &networktest.Hook{Hook: hook, Body: []byte(`[{"ID":"1","Text":"hallo","By":"you"}]`), Signature: "X-Sign", MaxAge: 5 * time.Minute,
			Sign: func(h network.Hook, body []byte, at time.Time) webhook.Request {
				stamp := strconv.FormatInt(at.Unix(), 10)
				return webhook.Request{Method: "POST", Header: http.Header{"X-Time": {stamp}, "X-Sign": {mac(h.Secrets["secret"].Reveal(), stamp, body)}}, Body: body}
			}},
		Vendor: func(networktest.Reporter, string) networktest.Vendor {
			v := &vendor{keys: map[string]string{}}
			reply := func(text, to string) func() flow.Reply {
				return func() flow.Reply { return flow.Reply{Text: text, Mention: "sample:" + to} }
			}
			return networktest.Vendor{Handler: v, Page: 3, Account: network.Account{Name: "a", Secrets: map[string]flow.Secret{"token": flow.NewSecret("canary-token")}},
				Say: func(n int) []string { return v.say("you", n) }, Own: func() string { return v.say("us", 1)[0] },
				Posts:  func() []string { v.mu.Lock(); defer v.mu.Unlock(); return append([]string(nil), v.posts...) },
				Answer: reply("danke", "1"), Gone: reply("danke", "gone"), Long: reply(strings.Repeat("x", 30), "1")}
		},
		Skip: map[string]string{"reply not permitted": "the sample permits everything", "reply window closed": "the sample has no window"},
	}
}
