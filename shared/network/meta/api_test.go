package meta_test

import (
	"context"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/network/meta"
	"rapport/shared/rest"
	twin "rapport/shared/twin/meta"
)

// stage is a twin on a socket with an account on it.
func stage(t *testing.T, o twin.Options, platform string) (*twin.Server, network.Account) {
	t.Helper()
	if o.Now == nil {
		o.Now = now
	}
	s := twin.New(o)
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.SetTarget(server.URL + "/hooks/meta")
	a := account(platform)
	a.Origin, a.HTTP = server.URL, rest.Guard(rest.GuardOptions{Private: true})
	a.Settings["login"] = server.URL
	return s, a
}

// events parses what the twin would send.
func events(t *testing.T, s *twin.Server) (out []flow.Event) {
	t.Helper()
	for _, body := range s.Bodies() {
		got, err := meta.New().Parse(network.Raw{Body: body, At: noon})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, got...)
	}
	return out
}

// TestProfiles: the one place where Meta tells a follower count; who gave no consent is left out and costs nobody else.
func TestProfiles(t *testing.T) {
	s, a := stage(t, twin.Options{}, twin.Instagram)
	s.Add(twin.Person{ID: "41", Name: "Rad und Tat", Username: "radundtat", Followers: 5200, Verified: true})
	s.Add(twin.Person{ID: "42", Shy: true})
	got, err := meta.New().Profiles(t.Context(), a, []string{"41", "42", "43"})
	if err != nil || len(got) != 1 {
		t.Fatalf("%+v %v", got, err)
	}
	if p := got["41"]; p.ID != "meta:41" || p.Handle != "radundtat" || p.Name != "Rad und Tat" || !p.Counted || p.Followers != 5200 || !p.Verified {
		t.Errorf("%+v", p)
	}
	a = account(twin.Facebook)
	_, b := stage(t, twin.Options{}, twin.Facebook)
	a.Origin, a.HTTP = b.Origin, b.HTTP
	s, a = stage(t, twin.Options{}, twin.Facebook)
	s.Add(twin.Person{ID: "51", Name: "Rad Freund"})
	if got, err := meta.New().Profiles(t.Context(), a, []string{"51"}); err != nil || got["51"].Name != "Rad Freund" || got["51"].Counted {
		t.Errorf("%+v %v", got, err)
	}
}

// TestThinMention: an Instagram mention comes as ids; Check brings the words under the same id.
func TestThinMention(t *testing.T) {
	s, a := stage(t, twin.Options{}, twin.Instagram)
	s.Add(twin.Person{ID: "41", Username: "radundtat"})
	for _, on := range []string{"", "17900000000000009"} {
		native := s.Say(twin.Post{Platform: twin.Instagram, By: "41", On: on, Text: "Mit @nordlicht im Wald 🌲", Mention: true})
		thin := events(t, s)
		if len(thin) != 1 || !thin[0].Thin || thin[0].Mention.ID != "meta:"+native || thin[0].Mention.Text != "" {
			t.Fatalf("%+v", thin)
		}
		bodies, gone, err := meta.New().Check(t.Context(), a, []flow.Mention{thin[0].Mention})
		if err != nil || len(gone) > 0 || len(bodies) != 1 {
			t.Fatalf("%v %v %v", bodies, gone, err)
		}
		full, err := meta.New().Parse(network.Raw{Account: a.ID, Body: bodies[0].Data, At: noon})
		if err != nil || len(full) != 1 {
			t.Fatal(full, err)
		}
		if m := full[0].Mention; full[0].Thin || m.ID != "meta:"+native || m.Text != "Mit @nordlicht im Wald 🌲" || m.Author.Handle != "radundtat" {
			t.Errorf("%+v", full[0])
		}
		s.Remove(native)
		if _, gone, err := meta.New().Check(t.Context(), a, []flow.Mention{thin[0].Mention}); err != nil || len(gone) != 1 {
			t.Errorf("after it was deleted: %v %v", gone, err)
		}
	}
}

// TestCheck: what stands, what was edited and what is gone are told apart; a failure is no deletion.
func TestCheck(t *testing.T) {
	for _, platform := range []string{twin.Facebook, twin.Instagram} {
		s, a := stage(t, twin.Options{}, platform)
		on := s.Say(twin.Post{Platform: platform, Text: "Neu im Laden."})
		for range 3 {
			s.Say(twin.Post{Platform: platform, By: "41", On: on, Text: "Schön!"})
		}
		said := slices.DeleteFunc(events(t, s), func(e flow.Event) bool { return e.Mention.Direction == flow.Out })
		if len(said) != 3 {
			t.Fatalf("%s: %d comments", platform, len(said))
		}
		s.Remove(flow.Native(said[0].Mention.ID))
		s.Edit(flow.Native(said[1].Mention.ID), "Doch nicht schön.")
		check := func(m flow.Mention) (id string, gone []string) {
			t.Helper()
			bodies, gone, err := meta.New().Check(t.Context(), a, []flow.Mention{m})
			if err != nil {
				t.Fatal(err)
			}
			for _, b := range bodies {
				got, err := meta.New().Parse(network.Raw{Account: a.ID, Body: b.Data, At: noon})
				if err != nil || len(got) != 1 || got[0].Mention.Parent != m.Parent || got[0].Mention.Root != m.Root || got[0].Mention.Author.ID != m.Author.ID {
					t.Fatalf("%s: %+v %v", platform, got, err)
				}
				id = got[0].ID()
			}
			return id, gone
		}
		if _, gone := check(said[0].Mention); !slices.Equal(gone, []string{said[0].Mention.ID}) {
			t.Errorf("%s: gone is %v", platform, gone)
		}
		if id, _ := check(said[1].Mention); id == said[1].ID() || id == "" {
			t.Errorf("%s: the edit is not noticed", platform)
		}
		if id, gone := check(said[2].Mention); id != said[2].ID() || len(gone) > 0 {
			t.Errorf("%s: an unchanged comment has event %q, want %q", platform, id, said[2].ID())
		}
		s.Revoke("twin-page-token")
		if _, gone, err := meta.New().Check(t.Context(), a, []flow.Mention{said[2].Mention}); !fault.Is(err, fault.Unauthorized) || len(gone) > 0 {
			t.Errorf("%s: a dead token: %v %v", platform, gone, err)
		}
	}
}

// TestWhatMayNotBeRead: with a permission withdrawn all things look deleted, which is no reason to delete them; and one thing
// on a foreign page that the app may not read says nothing of the token.
func TestWhatMayNotBeRead(t *testing.T) {
	for _, platform := range []string{twin.Facebook, twin.Instagram} {
		s, a := stage(t, twin.Options{}, platform)
		on := s.Say(twin.Post{Platform: platform, Text: "Neu im Laden."})
		m := flow.Mention{ID: "meta:" + s.Say(twin.Post{Platform: platform, By: "41", On: on, Text: "Schön!"}), Root: "meta:" + on}
		s.Blind(true)
		if bodies, gone, err := meta.New().Check(t.Context(), a, []flow.Mention{m}); !fault.Is(err, fault.Unauthorized) || len(gone)+len(bodies) > 0 {
			t.Errorf("%s: without the permission: gone %v, %v", platform, gone, err)
		}
		s.Blind(false)
		s.Remove(flow.Native(m.ID))
		if _, gone, err := meta.New().Check(t.Context(), a, []flow.Mention{m}); err != nil || len(gone) != 1 {
			t.Errorf("%s: deleted: gone %v, %v", platform, gone, err)
		}
	}
	s, a := stage(t, twin.Options{}, twin.Facebook)
	m := flow.Mention{ID: "meta:" + s.Say(twin.Post{By: "41", Text: "Mit Nordlicht im Wald", Mention: true})}
	s.Wall(flow.Native(m.ID))
	if _, gone, err := meta.New().Check(t.Context(), a, []flow.Mention{m}); !fault.Is(err, fault.Invalid) || len(gone) > 0 {
		t.Errorf("what stands elsewhere: gone %v, %v", gone, err)
	}
}

// TestHumanAgent: the tag goes out only after 24 hours, only for what a human wrote, only where the setting allows it.
func TestHumanAgent(t *testing.T) {
	clock := noon
	for _, tc := range []struct {
		what    string
		later   time.Duration
		granted bool
		rule    string
		tag     string
		sent    bool
	}{
		{"in time", time.Hour, true, "", "", true},
		{"in time by a rule", time.Hour, true, "opening-hours", "", true},
		{"late by a human", 25 * time.Hour, true, "", "HUMAN_AGENT", true},
		{"late by a rule", 25 * time.Hour, true, "opening-hours", "", false},
		{"late without the permission", 25 * time.Hour, false, "", "", false},
		{"too late by a human", 7*24*time.Hour + time.Minute, true, "", "", false},
	} {
		clock = noon
		s, a := stage(t, twin.Options{Now: func() time.Time { return clock }, Agent: true}, twin.Facebook)
		a.Settings["human_agent"] = tc.granted
		s.Write(twin.Facebook, "41", "Wann habt ihr offen?")
		m := events(t, s)[0].Mention
		if !m.ReplyUntil.Equal(noon.Add(24 * time.Hour)) {
			t.Fatalf("reply_until %v", m.ReplyUntil)
		}
		clock = noon.Add(tc.later)
		a.Now = clock
		_, err := meta.New().Reply(t.Context(), a, flow.Reply{Mention: m.ID, Author: m.Author, Text: "Ab neun.", Private: true, Rule: tc.rule, Until: m.ReplyUntil}, "k")
		sent := s.Sent()
		if tc.sent && (err != nil || len(sent) != 1 || sent[0].Tag != tc.tag) || !tc.sent && (!fault.Is(err, fault.Invalid) || len(sent) > 0) {
			t.Errorf("%s: %+v %v", tc.what, sent, err)
		}
	}
}

// TestWays: each kind of answer goes where it belongs.
func TestWays(t *testing.T) {
	s, a := stage(t, twin.Options{}, twin.Facebook)
	ig := account(twin.Instagram)
	ig.Origin, ig.HTTP = a.Origin, a.HTTP
	post := s.Say(twin.Post{By: "41", Text: "Hallo Nordlicht"})
	comment := s.Say(twin.Post{By: "41", On: post, Text: "noch etwas"})
	media := s.Say(twin.Post{Platform: twin.Instagram, Text: "Neu."})
	caption := s.Say(twin.Post{Platform: twin.Instagram, By: "42", On: media, Text: "schön"})
	elsewhere := s.Say(twin.Post{Platform: twin.Instagram, By: "42", Text: "mit @nordlicht", Mention: true})
	review := s.Say(twin.Post{By: "41", Text: "Gut.", Stars: 4})
	for _, tc := range []struct {
		account network.Account
		mention string
		private bool
		author  string
		to      string
	}{
		{a, post, false, "41", post}, {a, comment, false, "41", comment}, {a, review, false, "41", review}, {ig, caption, false, "42", caption},
		{ig, elsewhere, false, "42", strings.TrimPrefix(elsewhere, "mention.")}, {a, comment, true, "41", "41"}, {a, post, true, "41", "41"}, {ig, caption, true, "42", "42"},
	} {
		before := s.Sent()
		posted, err := meta.New().Reply(t.Context(), tc.account, flow.Reply{Mention: "meta:" + tc.mention, Author: flow.Author{ID: "meta:" + tc.author}, Text: "Danke", Private: tc.private}, "k")
		if err != nil || posted.Native == "" {
			t.Errorf("%s: %v", tc.mention, err)
			continue
		}
		i := slices.IndexFunc(s.Sent(), func(x twin.Sent) bool { return x.ID == posted.Native })
		if len(s.Sent()) != len(before)+1 || i < 0 || s.Sent()[i].To != tc.to || s.Sent()[i].Private != tc.private {
			t.Errorf("%s: %+v", tc.mention, s.Sent())
		}
	}
	// A comment may be answered privately once, a mention elsewhere never.
	for _, tc := range []struct {
		account network.Account
		mention string
	}{{a, comment}, {ig, elsewhere}} {
		_, err := meta.New().Reply(t.Context(), tc.account, flow.Reply{Mention: "meta:" + tc.mention, Author: flow.Author{ID: "meta:41"}, Text: "Danke", Private: true}, "k")
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", tc.mention, err)
		}
	}
}

// TestOwned: where another inbox owns the conversation, events say so and an answer is refused in plain words.
func TestOwned(t *testing.T) {
	s, a := stage(t, twin.Options{Standby: true}, twin.Facebook)
	s.Write(twin.Facebook, "41", "Hallo")
	got := events(t, s)
	if len(got) != 1 || got[0].Mention.Extra["standby"] != true {
		t.Fatalf("%+v", got)
	}
	_, err := meta.New().Reply(t.Context(), a, flow.Reply{Mention: got[0].Mention.ID, Author: got[0].Mention.Author, Text: "Hallo", Private: true}, "k")
	if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "another inbox owns this conversation") {
		t.Error(err)
	}
}

// TestCodes: what is wrong stands in the body, whatever the status.
func TestCodes(t *testing.T) {
	_, a := stage(t, twin.Options{Quota: 1}, twin.Facebook)
	_, err := meta.New().Profiles(t.Context(), a, []string{"1"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err = meta.New().Profiles(t.Context(), a, []string{"1"}); !fault.Is(err, fault.RateLimited) || fault.After(err) != 7*time.Minute {
		t.Errorf("%v, to wait %v", err, fault.After(err))
	}
	s, a := stage(t, twin.Options{}, twin.Facebook)
	s.Revoke("twin-page-token")
	if _, err = meta.New().Profiles(t.Context(), a, []string{"1"}); !fault.Is(err, fault.Unauthorized) || !strings.Contains(err.Error(), "the password was changed") {
		t.Error(err)
	}
}

// TestNoToken: an account that nobody has connected is told so, without a call.
func TestNoToken(t *testing.T) {
	_, a := stage(t, twin.Options{}, twin.Facebook)
	delete(a.Secrets, "token")
	a.Origin = "http://127.0.0.1:1" // nobody is there
	found, err := meta.New().Probe(t.Context(), a)
	if err != nil || len(found) != 1 || found[0].OK || !strings.Contains(found[0].Say, "has no token") {
		t.Errorf("%+v %v", found, err)
	}
}

// consent opens the log-in page as a browser would and gives the code.
func consent(t *testing.T, a network.Account, address string) string {
	t.Helper()
	resp, err := a.HTTP.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	back, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || back.Query().Get("state") != "s 1&" {
		t.Fatalf("sent back to %q, %v", back, err)
	}
	return back.Query().Get("code")
}

// TestLife: from a log-in to the Page's own token, a new one when that dies, and the end when the log-in dies.
func TestLife(t *testing.T) {
	s, a := stage(t, twin.Options{}, twin.Facebook)
	const redirect = "https://console.example/connect"
	n := meta.New()
	delete(a.Secrets, "token")
	address, err := n.Connect(t.Context(), a, redirect, "s 1&")
	if err != nil || strings.Contains(address, "twin-app-secret") {
		t.Fatal(address, err)
	}
	code := consent(t, a, address)
	token, targets, err := n.Exchange(t.Context(), a, redirect, code)
	if err != nil || token.Access.Reveal() != "twin-page-token" || token.Refresh.Empty() || !token.Expires.IsZero() || token.Target.ID != page || len(targets) != 2 {
		t.Fatalf("%+v %+v %v", token, targets, err)
	}
	if _, _, err := n.Exchange(t.Context(), a, redirect, code); !fault.Is(err, fault.Unauthorized) {
		t.Errorf("a code used twice: %v", err)
	}
	s.Rotate("twin-page-token-2")
	fresh, err := n.Refresh(t.Context(), a, token)
	if err != nil || fresh.Access.Reveal() != "twin-page-token-2" {
		t.Fatalf("%+v %v", fresh, err)
	}
	s.Revoke(token.Refresh.Reveal())
	if _, err := n.Refresh(t.Context(), a, fresh); !fault.Is(err, fault.Unauthorized) {
		t.Errorf("a dead log-in: %v", err)
	}
	a.ID = "9999"
	if _, targets, err := n.Exchange(t.Context(), a, redirect, consent(t, a, address)); !fault.Is(err, fault.Unauthorized) || len(targets) != 2 || !strings.Contains(err.Error(), "Nordlicht Service (1102)") {
		t.Errorf("somebody else's Page: %v %v", targets, err)
	}
}

// TestChooseAPage: where the account has no id and the log-in manages several Pages, nothing is refused: the token of the one
// that becomes the account's id is made of the log-in's, and until then there is none.
func TestChooseAPage(t *testing.T) {
	_, a := stage(t, twin.Options{}, twin.Facebook)
	const redirect = "https://console.example/connect"
	n := meta.New()
	delete(a.Secrets, "token")
	chosen := a.ID
	address, err := n.Connect(t.Context(), a, redirect, "s 1&")
	if err != nil {
		t.Fatal(err)
	}
	code := consent(t, a, address)
	a.ID = ""
	token, targets, err := n.Exchange(t.Context(), a, redirect, code)
	if err != nil || len(targets) != 2 || !token.Access.Empty() || token.Refresh.Empty() || token.Target.ID != "" || token.Expires.IsZero() || token.Expires.After(a.Now) {
		t.Fatalf("%+v %+v %v", token, targets, err)
	}
	if _, err := n.Refresh(t.Context(), a, token); !fault.Is(err, fault.Unauthorized) {
		t.Errorf("before anybody chose: %v", err)
	}
	a.ID = chosen
	if fresh, err := n.Refresh(t.Context(), a, token); err != nil || fresh.Access.Reveal() != "twin-page-token" || fresh.Target.ID != chosen {
		t.Errorf("%+v %v", fresh, err)
	}
}

// TestInstagramLife: a token of Instagram Login ends after 60 days and is extended a week before.
func TestInstagramLife(t *testing.T) {
	_, a := stage(t, twin.Options{}, twin.Instagram)
	delete(a.Settings, "page")
	n := meta.New()
	address, err := n.Connect(t.Context(), a, "https://console.example/c", "s 1&")
	if err != nil {
		t.Fatal(err)
	}
	token, targets, err := n.Exchange(t.Context(), a, "https://console.example/c", consent(t, a, address))
	if err != nil || len(targets) != 1 || token.Target.ID != insta || !token.Expires.Equal(noon.AddDate(0, 0, 53)) {
		t.Fatalf("%+v %+v %v", token, targets, err)
	}
	fresh, err := n.Refresh(t.Context(), a, token)
	if err != nil || fresh.Access.Reveal() == token.Access.Reveal() || !fresh.Expires.Equal(noon.AddDate(0, 0, 53)) {
		t.Errorf("%+v %v", fresh, err)
	}
}

// TestSubscription: lost, found again, and switched off by Meta.
func TestSubscription(t *testing.T) {
	for _, platform := range []string{twin.Facebook, twin.Instagram} {
		s, a := stage(t, twin.Options{}, platform)
		address := a.Origin + "/hooks/meta"
		state := func(address string) bool {
			t.Helper()
			live, _, err := meta.New().Subscription(t.Context(), a, address)
			if err != nil {
				t.Fatal(err)
			}
			return live
		}
		if !state(address) || state("https://elsewhere.example/hooks/meta") {
			t.Error("a living subscription")
		}
		s.Unsubscribe(page)
		if state(address) {
			t.Error("none looks alive")
		}
		if err := meta.New().Renew(t.Context(), a, address); err != nil || !state(address) {
			t.Errorf("after it was renewed: %v", err)
		}
		s.SwitchOff()
		if state(address) {
			t.Error("switched off by Meta looks alive")
		}
	}
}

// TestAliases: who asks for deletion is known by another id on each Page.
func TestAliases(t *testing.T) {
	s, a := stage(t, twin.Options{}, twin.Facebook)
	s.Add(twin.Person{ID: "41", Login: "218471"})
	if got, err := meta.New().Aliases(t.Context(), a, "meta:218471"); err != nil || !slices.Equal(got, []string{"meta:41"}) {
		t.Errorf("%v %v", got, err)
	}
	if _, err := meta.New().Aliases(t.Context(), a, "meta:5"); !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
}

// TestProbe: each thing that is wrong is named, with what to do.
func TestProbe(t *testing.T) {
	for what, tc := range map[string]struct {
		o    twin.Options
		do   func(*twin.Server, *network.Account)
		want []string
	}{
		"sound":       {},
		"standard":    {o: twin.Options{Standard: []string{"pages_messaging"}}, want: []string{"permission pages_messaging"}},
		"denied":      {o: twin.Options{Denied: []string{"pages_manage_engagement"}}, want: []string{"permission pages_manage_engagement"}},
		"unverified":  {o: twin.Options{Business: "not_verified"}, want: []string{"business verification"}},
		"pending":     {o: twin.Options{Business: "pending"}, want: []string{"business verification"}},
		"ends":        {o: twin.Options{Ends: 24 * time.Hour}, want: []string{"token"}},
		"development": {do: func(_ *twin.Server, a *network.Account) { a.Settings["app_mode"] = "development" }, want: []string{"app mode"}},
		"mode":        {do: func(_ *twin.Server, a *network.Account) { delete(a.Settings, "app_mode") }, want: []string{"app mode"}},
		"unnamed":     {do: func(_ *twin.Server, a *network.Account) { delete(a.Settings, "business") }, want: []string{"business verification"}},
		"silent":      {do: func(s *twin.Server, _ *network.Account) { s.Unsubscribe(page) }, want: []string{"subscription"}},
		"off":         {do: func(s *twin.Server, _ *network.Account) { s.SwitchOff() }, want: []string{"callback"}},
		"revoked":     {do: func(s *twin.Server, _ *network.Account) { s.Revoke("twin-page-token") }, want: []string{"credentials"}},
		"clock":       {do: func(_ *twin.Server, a *network.Account) { a.Now = a.Now.Add(time.Hour) }, want: []string{"clock"}},
	} {
		s, a := stage(t, tc.o, twin.Facebook)
		if tc.do != nil {
			tc.do(s, &a)
		}
		findings, err := meta.New().Probe(t.Context(), a)
		if err != nil {
			t.Fatal(what, err)
		}
		var got []string
		for _, f := range findings {
			if !f.OK {
				got = append(got, f.What)
				if f.Mend == "" {
					t.Errorf("%s: nothing says how to mend it: %+v", what, f)
				}
			}
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%s: bad are %v, want %v", what, got, tc.want)
		}
	}
}

// TestRealCalls: what the twin sends over a real socket is taken, unless it was signed by somebody else.
func TestRealCalls(t *testing.T) {
	var kept [][]byte
	server := httptest.NewServer(receiver(t, &kept))
	defer server.Close()
	s := twin.New(twin.Options{Now: now, Target: server.URL + "/hooks/meta", AppSecret: "meta-app-secret-test", Verify: "vt-test", Batch: 10, Twice: true})
	if err := s.Subscribe(t.Context()); err != nil {
		t.Error(err)
	}
	on := s.Say(twin.Post{Text: "Grüße aus dem Laden 🚲"})
	s.Say(twin.Post{By: "41", On: on, Text: "Schöne Grüße"})
	s.Write(twin.Instagram, "42", "Hallo")
	for range 2 {
		if r, err := s.Send(t.Context()); err != nil || r.Refused > 0 || r.Taken != 3 {
			t.Errorf("%+v %v", r, err)
		}
	}
	if len(kept) != 4 {
		t.Errorf("%d bodies, want two, each twice", len(kept))
	}
	forger := twin.New(twin.Options{Now: now, Target: server.URL + "/hooks/meta"})
	forger.Write(twin.Facebook, "41", "Hallo")
	if r, err := forger.Send(context.Background()); err != nil || r.Taken > 0 || r.Open != 1 {
		t.Errorf("a forger: %+v %v", r, err)
	}
}
