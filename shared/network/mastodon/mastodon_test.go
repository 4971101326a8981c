package mastodon_test

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/network/mastodon"
	"rapport/shared/network/networktest"
	twin "rapport/shared/twin/mastodon"
)

// clock of all tests.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func now() time.Time { return noon }

// suite tests the connector against a twin; text is what strangers say, %d is counted up.
func suite(o twin.Options, text string, streams ...string) networktest.Suite {
	o.Now, o.Page = now, 3
	return networktest.Suite{
		New:    func() network.Network { return mastodon.New() },
		Events: "../../../events/mastodon",
		Skip:   map[string]string{"reply window closed": "the API has no answer window"},
		Vendor: func(_ networktest.Reporter, origin string) networktest.Vendor {
			o := o
			o.Self = origin
			return vendor(twin.New(o), o, text, streams)
		},
	}
}

func vendor(s *twin.Server, o twin.Options, text string, streams []string) networktest.Vendor {
	settings := map[string]any{"streams": streams}
	if o.NoKeys {
		settings["idempotent"] = false
	}
	id := s.Brand()
	if o.ULID {
		id = o.Self + "/@nordlicht"
	}
	n := 0
	say := func() string {
		n++
		return s.Post(twin.Post{By: "guest@far.example", Text: strings.ReplaceAll(text, "%d", strconv.Itoa(n))})
	}
	native := func(id string) string { return flow.MentionID("mastodon", s.URI(id)) }
	ask := func(text string) (flow.Reply, string) {
		id := s.Post(twin.Post{By: "guest@far.example", Text: "@nordlicht when do you open?"})
		return flow.Reply{Mention: native(id), Text: text}, id
	}
	return networktest.Vendor{
		Handler: s, Page: 3,
		Account: network.Account{Name: "masto", Kind: "mastodon", ID: id, Settings: settings, Secrets: map[string]flow.Secret{"token": flow.NewSecret("twin-token")}},
		Say: func(n int) (ids []string) {
			for range n {
				ids = append(ids, native(say()))
			}
			return ids
		},
		Own:    func() string { return native(s.Post(twin.Post{Text: "We open at nine. #mill %d"})) },
		Remove: func(id string) { s.Delete(s.Find(flow.Native(id))) },
		Change: func(id, text string) { s.Edit(s.Find(flow.Native(id)), text) },
		Posts: func() (out []string) {
			for _, p := range s.Posted() {
				out = append(out, p.Text)
			}
			return out
		},
		Answer: func() flow.Reply {
			r, _ := ask("At nine. See https://nordlicht.example/hours or ask @cook@far.example")
			return r
		},
		Gone: func() flow.Reply {
			r, id := ask("At nine.")
			s.Delete(id)
			return r
		},
		Long: func() flow.Reply { r, _ := ask(strings.Repeat("x", 494)); return r },
		Barred: func() flow.Reply {
			r, id := ask("At nine.")
			s.Bar(id)
			return r
		},
	}
}

func TestMastodon(t *testing.T) {
	networktest.Run(t, suite(twin.Options{}, "@nordlicht the mill number %d is great", "notifications", "own"))
}

func TestOlderServer(t *testing.T) {
	networktest.Run(t, suite(twin.Options{Version: "3.5.19"}, "@nordlicht the mill number %d is great", "notifications", "own"))
}

func TestGoToSocial(t *testing.T) {
	networktest.Run(t, suite(twin.Options{ULID: true, NoKeys: true, Version: "0.19.1+git-2b5e83c"}, "@nordlicht the mill number %d is great", "own", "notifications"))
}

func TestTag(t *testing.T) {
	s := suite(twin.Options{Seed: 7}, "my #mill number %d", "tag:mill")
	networktest.Run(t, s)
}

func TestSearch(t *testing.T) {
	s := suite(twin.Options{}, "the mill number %d", "search:mill", "notifications")
	s.Skip["foreign link"] = "a search has no links"
	networktest.Run(t, s)
}

func FuzzParse(f *testing.F) {
	networktest.Fuzz(f, suite(twin.Options{}, "%d", "notifications"))
}

// account gives a twin without sockets and an account on it.
func account(o twin.Options, streams ...string) (*twin.Server, network.Account) {
	o.Now, o.Self = now, "https://mastodon.twin.example"
	s := twin.New(o)
	v := vendor(s, o, "", streams)
	v.Account.Origin, v.Account.HTTP, v.Account.Now = o.Self, client(s), noon
	return s, v.Account
}

// walk polls to the end of one walk.
func walk(t *testing.T, a network.Account, cursor string) ([]flow.Event, string, int) {
	t.Helper()
	var events []flow.Event
	for calls := 1; calls < 100; calls++ {
		page, err := mastodon.New().Poll(t.Context(), a, cursor)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range page.Bodies {
			got, err := mastodon.New().Parse(network.Raw{Settings: a.Settings, Account: a.ID, Stream: b.Stream, Body: b.Data, Origin: a.Origin})
			if err != nil {
				t.Fatal(err)
			}
			events = append(events, got...)
		}
		cursor = page.Cursor
		if !page.More {
			return events, cursor, calls
		}
	}
	t.Fatal("the walk does not end")
	return nil, "", 0
}

// TestStrangers: what the notification policy holds back comes all the same.
func TestStrangers(t *testing.T) {
	s, a := account(twin.Options{}, "notifications")
	_, cursor, _ := walk(t, a, "")
	by := s.AddAccount(twin.Account{Name: "shy", Domain: "far.example", Stranger: true})
	s.Post(twin.Post{By: by, Text: "@nordlicht hello"})
	s.Notify("favourite", by, "")
	s.Notify("follow", by, "")
	s.Notify("of_the_future", by, "")
	events, _, _ := walk(t, a, cursor)
	if len(events) != 1 || events[0].Mention.Text != "hello" || events[0].Mention.Author.Handle != "shy@far.example" {
		t.Errorf("got %+v", events)
	}
}

// TestOtherTool: an answer that the brand gave with another tool names what it answers.
func TestOtherTool(t *testing.T) {
	for _, version := range []string{"4.4.2", "4.2.0"} {
		s, a := account(twin.Options{Version: version}, "own")
		_, cursor, _ := walk(t, a, "")
		id := s.Post(twin.Post{By: "guest@far.example", Text: "@nordlicht when do you open?"})
		s.Post(twin.Post{Text: "@guest@far.example At nine.", ReplyTo: id})
		events, _, _ := walk(t, a, cursor)
		if len(events) != 1 || events[0].Mention.Direction != flow.Out || events[0].Mention.Parent != flow.MentionID("mastodon", s.URI(id)) ||
			events[0].Mention.Root != events[0].Mention.Parent {
			t.Errorf("version %s: got %+v", version, events)
		}
	}
}

// TestFair: a busy stream does not keep the others waiting, and every call of Poll is one call of the server.
func TestFair(t *testing.T) {
	s, a := account(twin.Options{Page: 2}, "tag:mill", "notifications", "tag:mill")
	calls := 0
	a.OnCall = func(string, int) { calls++ }
	_, cursor, polls := walk(t, a, "")
	for range 9 {
		s.Post(twin.Post{By: "guest@far.example", Text: "my #mill"})
	}
	s.Post(twin.Post{By: "guest@far.example", Text: "@nordlicht hello"})
	first, err := mastodon.New().Poll(t.Context(), a, cursor)
	if err != nil {
		t.Fatal(err)
	}
	second, err := mastodon.New().Poll(t.Context(), a, first.Cursor)
	if err != nil || len(second.Bodies) != 1 || second.Bodies[0].Stream != "notifications" {
		t.Errorf("after a page of the tag came %+v, %v, want the notifications", second.Bodies, err)
	}
	if calls != polls+2 {
		t.Errorf("%d calls in %d polls", calls, polls+2)
	}
}

// TestLimit: the reset is an ISO time, measured by the account's clock; without one a minute is waited.
func TestLimit(t *testing.T) {
	_, a := account(twin.Options{Quota: 1}, "notifications")
	a.Now = noon.Add(time.Minute)
	_, cursor, _ := walk(t, a, "")
	_, err := mastodon.New().Poll(t.Context(), a, cursor)
	if !fault.Is(err, fault.RateLimited) || fault.After(err) != 4*time.Minute {
		t.Errorf("%v, to wait %v, want 4 minutes", err, fault.After(err))
	}
	a.Now = noon.Add(time.Hour)
	if _, err = mastodon.New().Poll(t.Context(), a, cursor); fault.After(err) != time.Minute {
		t.Errorf("a reset in the past: to wait %v, want a minute", fault.After(err))
	}
}

// TestReplyForm: the answer keeps the parent's visibility, names its author, and goes out with the key.
func TestReplyForm(t *testing.T) {
	s, a := account(twin.Options{})
	for _, tc := range []struct {
		visibility string
		private    bool
		want       string
	}{{"public", false, "public"}, {"unlisted", false, "unlisted"}, {"direct", false, "direct"}, {"public", true, "direct"}} {
		id := s.Post(twin.Post{By: "guest@far.example", Text: "@nordlicht hello", Visibility: tc.visibility})
		posted, err := mastodon.New().Reply(t.Context(), a, flow.Reply{Mention: flow.MentionID("mastodon", s.URI(id)), Text: "Good day", Private: tc.private}, "k-"+id)
		if err != nil {
			t.Fatal(err)
		}
		all := s.Posted()
		got := all[len(all)-1]
		if got.Text != "@guest@far.example Good day" || got.Visibility != tc.want || got.ReplyTo != id || got.Key != "k-"+id || got.URI != posted.Native {
			t.Errorf("%+v: posted %+v", tc, got)
		}
	}
}

// TestLength: the servers count an address as 23 characters, a mention without its domain, and graphemes.
func TestLength(t *testing.T) {
	s, a := account(twin.Options{MaxText: 1000})
	id := s.Post(twin.Post{By: "guest@far.example", Text: "@nordlicht hello"})
	a.Settings["max_text"] = 40
	for text, fits := range map[string]bool{
		strings.Repeat("x", 33): true, strings.Repeat("x", 34): false, // "@guest " is seven
		"https://nordlicht.example/" + strings.Repeat("y", 80):                  true,
		strings.Repeat("👩‍👩‍👧", 33):                                             true,
		"@cook@a-very-long-name-of-a-server.example " + strings.Repeat("x", 27): true,
	} {
		_, err := mastodon.New().Reply(t.Context(), a, flow.Reply{Mention: flow.MentionID("mastodon", s.URI(id)), Text: text}, text)
		if fits && err != nil || !fits && !fault.Is(err, fault.Invalid) {
			t.Errorf("%.30q: %v, want it to fit: %v", text, err, fits)
		}
	}
}
