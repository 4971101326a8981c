package pipeline_test

import (
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"rapport/shared/crm"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/network"
	"rapport/shared/network/meta"
	"rapport/shared/pipeline"
	"rapport/shared/rest"
	"rapport/shared/store"
	"rapport/shared/topology"
	twin "rapport/shared/twin/meta"
	"rapport/shared/webhook"
)

// metaConfig has one hook of Meta's with a Page and an Instagram account behind it.
const metaConfig = `version: 1
score: {strangers: true}
brands:
  - {name: nord, languages: [de, en], terms: [nord], region: DE, sla: {low: 4h, normal: 2h, high: 1h, urgent: 30m}}
hooks:
  - {name: meta, kind: meta, secrets: {secret: "env:META_APP", verify: "env:META_VERIFY"}}
  - {name: crmhook, kind: crm, secrets: {secret: "env:HOOK"}}
networks:
  - name: site
    kind: meta
    hook: meta
    brand: nord
    id: "1101"
    origin: ORIGIN
    replies: approve
    settings: {human_agent: true}
    secrets: {token: "env:META_TOKEN", app_id: "env:META_ID", app_secret: "env:META_APP"}
  - name: site2
    kind: meta
    hook: meta
    brand: nord
    id: "17841400000000001"
    origin: ORIGIN
    replies: approve
    settings: {platform: instagram, page: "1101"}
    secrets: {token: "env:META_TOKEN", app_id: "env:META_ID", app_secret: "env:META_APP"}
`

// metaRig is a rig with a fake Meta, both on sockets.
func metaRig(t *testing.T, o twin.Options) (*rig, *twin.Server) {
	t.Helper()
	var r *rig
	o.Now = func() time.Time { return r.now }
	s := twin.New(o)
	graph := httptest.NewServer(s)
	t.Cleanup(graph.Close)
	text := strings.ReplaceAll(metaConfig, "ORIGIN", graph.URL) + basic[strings.Index(basic, "crms:"):]
	r = newRig(t, options{config: text, nets: map[string]network.Network{"meta": meta.New()}, http: rest.Guard(rest.GuardOptions{Private: true})})
	maps.Copy(r.secrets, map[string]string{"env:META_APP": "twin-app-secret", "env:META_VERIFY": "twin-verify", "env:META_TOKEN": "twin-page-token", "env:META_ID": "7001"})
	door := httptest.NewUnstartedServer(nil)
	door.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			t.Error(err)
		}
		a, _ := r.app.Receive(q.Context(), "meta", webhook.Request{Method: q.Method, URL: "http://" + q.Host + q.URL.RequestURI(), Path: q.URL.Path, Query: q.URL.Query(), Header: q.Header, Body: body, At: r.now})
		w.Header().Set("Content-Type", a.Type)
		w.WriteHeader(a.Status)
		_, _ = w.Write(a.Body)
	})
	door.Start()
	t.Cleanup(door.Close)
	s.SetTarget(door.URL + "/hooks/meta")
	return r, s
}

// deliver sends all webhooks and works on them.
func deliver(r *rig, s *twin.Server) {
	r.t.Helper()
	for range 3 {
		report, err := s.Send(r.t.Context())
		if err != nil || report.Refused > 0 {
			r.t.Fatalf("%+v %v", report, err)
		}
		if report.Open == 0 {
			break
		}
	}
	r.run()
}

// TestMetaEndToEnd: comments, mentions and messages of both platforms by one hook, each call twice, each once in the CRM.
func TestMetaEndToEnd(t *testing.T) {
	r, s := metaRig(t, twin.Options{Batch: 5, Twice: true})
	if err := s.Subscribe(t.Context()); err != nil {
		t.Fatal(err)
	}
	wrong := webhook.Request{Method: "GET", Query: url.Values{"hub.mode": {"subscribe"}, "hub.challenge": {"1158201444"}, "hub.verify_token": {"other"}}, At: r.now}
	if a, err := r.app.Receive(t.Context(), "meta", wrong); err == nil || a.Status != http.StatusForbidden || strings.Contains(string(a.Body), "1158201444") {
		t.Errorf("a wrong verify token is answered %d %q", a.Status, a.Body)
	}
	s.Add(twin.Person{ID: "41", Name: "Rad Freund"})
	s.Add(twin.Person{ID: "42", Name: "Tour Leute", Username: "tour_leute", Followers: 5200})
	on := s.Say(twin.Post{Text: "Die neuen Lampen sind da."})
	s.Say(twin.Post{By: "41", On: on, Text: "Die Lampe ist nach zwei Tagen kaputt, unverschämt!"})
	s.Say(twin.Post{Platform: twin.Instagram, By: "42", Text: "Mit @nord im Wald 🌲", Mention: true})
	first := s.Write(twin.Instagram, "42", "Wo bleibt meine Bestellung?")
	deliver(r, s)
	if got := texts(r.crm.all("mention")); len(got) != 4 || !got["Mit @nord im Wald 🌲"] || !got["Wo bleibt meine Bestellung?"] {
		t.Errorf("the CRM holds %v", got)
	}
	author := table[pipeline.AuthorRow](r, "author")
	if a := find(author, "meta:42").Author; a.Handle != "tour_leute" || a.Followers != 5200 {
		t.Errorf("the profile of who wrote privately: %+v", a)
	}
	c := find(table[pipeline.MentionRow](r, "mention"), "meta:"+first)
	if !c.Mention.ReplyUntil.Equal(r.now.Add(24 * time.Hour)) {
		t.Errorf("reply_until is %v", c.Mention.ReplyUntil)
	}
	for _, l := range r.lines() {
		if l.Outcome == ledger.Rejected || l.Outcome == "" {
			t.Errorf("a line is %+v", l)
		}
	}
	// The brand answers by another tool: the conversation knows.
	r.pass(time.Minute)
	s.Echo(twin.Instagram, "42", "Sie ist unterwegs.")
	deliver(r, s)
	answered := false
	for _, v := range table[pipeline.ConversationRow](r, "conversation") {
		if v.Conversation.Private {
			answered = v.Conversation.Status == flow.Answered && len(v.Conversation.Turns) == 2
		}
	}
	if !answered {
		t.Errorf("the echo of the brand's answer did not reach the conversation: %+v", table[pipeline.ConversationRow](r, "conversation"))
	}
}

// TestMetaHydrationFails: what cannot be read now comes later; a profile that cannot be had delays nothing.
func TestMetaHydrationFails(t *testing.T) {
	r, s := metaRig(t, twin.Options{})
	gone := s.Say(twin.Post{Platform: twin.Instagram, By: "42", Text: "Mit @nord im Wald", Mention: true})
	s.Remove(gone)
	s.Write(twin.Facebook, "99", "Hallo, wann habt ihr offen?")
	s.Revoke("twin-page-token")
	deliver(r, s)
	if got := texts(r.crm.all("mention")); len(got) != 1 {
		t.Errorf("without a token the CRM holds %v, want the private message alone", got)
	}
	s.Rotate("twin-page-token")
	r.live(10*time.Minute, time.Minute)
	line := r.line(ledger.Rejected)
	if line.Reason != "it was gone before it could be read" {
		t.Errorf("the line of the mention: %+v", line)
	}
}

// TestMetaDeletion: a signed request is answered as Meta wants, the author is erased everywhere under the ids of all Pages,
// and the status page says so before and after.
func TestMetaDeletion(t *testing.T) {
	r, s := metaRig(t, twin.Options{})
	const secret = "Meine Nummer steht auf Paket 778899"
	s.Add(twin.Person{ID: "41", Name: "Rad Freund", Login: "218471"})
	s.Write(twin.Facebook, "41", secret)
	s.Write(twin.Facebook, "43", "Ich bleibe.")
	deliver(r, s)
	if len(r.crm.all("mention")) != 2 {
		t.Fatal("the messages are not in the CRM")
	}
	r.pass(time.Minute)
	page, code, err := s.Forget(t.Context(), "218471")
	if err != nil {
		t.Fatal(err)
	}
	again, same, err := s.Forget(t.Context(), "218471")
	if err != nil || again != page || same != code {
		t.Errorf("the same request again: %s %s %v", again, same, err)
	}
	status := func(address string) (int, string) {
		t.Helper()
		resp, err := http.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(body)
	}
	if n, text := status(page); n != 200 || !strings.Contains(text, "waits to be carried out") {
		t.Errorf("before: %d %s", n, text)
	}
	r.run()
	if n, text := status(page); n != 200 || !strings.Contains(text, "was carried out: 1 posts and messages") {
		t.Errorf("after: %d %s", n, text)
	}
	if n, _ := status(strings.Replace(page, url.QueryEscape(code), "00000000000000000000-000000000000", 1)); n != 404 {
		t.Errorf("a foreign code: %d", n)
	}
	if jobs, err := r.app.JobsLately(t.Context(), 10); err != nil || len(jobs) != 1 {
		t.Errorf("%d jobs for one request, told twice: %v", len(jobs), err)
	}
	if where := r.everywhere("778899"); len(where) > 0 && !onlyQueue(where) {
		t.Errorf("the text is still in %v", where)
	}
	for _, row := range r.crm.all("mention") {
		if row.Fields["text"] == secret {
			t.Errorf("the CRM still holds it: %+v", row)
		}
	}
	if got := texts(r.crm.all("mention")); !got["Ich bleibe."] {
		t.Errorf("somebody else's message is gone: %v", got)
	}
	// What comes later is not kept.
	s.Write(twin.Facebook, "41", secret)
	deliver(r, s)
	if got := texts(r.crm.all("mention")); got[secret] {
		t.Error("after the erasure a message of the author is kept")
	}
	forged := webhook.SealSignedRequest("wrong", []byte(`{"user_id":"43","algorithm":"HMAC-SHA256","issued_at":`+webhook.Stamp(r.now, "s")+`}`))
	resp, err := http.PostForm(strings.Split(page, "?")[0], url.Values{"signed_request": {forged}})
	if err != nil || resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a forged request: %v %v", resp, err)
	}
}

// TestMetaAnswers: an answer a human approved goes out after 24 hours with the tag, since the account's setting allows it.
func TestMetaAnswers(t *testing.T) {
	r, s := metaRig(t, twin.Options{Agent: true})
	s.Write(twin.Facebook, "41", complaint)
	deliver(r, s)
	r.pass(25 * time.Hour)
	r.approve("Das tut uns leid, wir erstatten es.")
	r.run()
	sent := s.Sent()
	if len(sent) != 1 || sent[0].Tag != "HUMAN_AGENT" || sent[0].To != "41" {
		t.Fatalf("sent %+v", sent)
	}
	deliver(r, s) // its echo comes back
	if c := r.conversation(); c.ReplyState != flow.Sent || c.Status != flow.Answered || len(c.Turns) != 2 {
		t.Errorf("%+v", c)
	}
}

// TestMetaAuthorWroteAgain: the window is that of the author's last message, also for an answer that was approved before it.
func TestMetaAuthorWroteAgain(t *testing.T) {
	r, s := metaRig(t, twin.Options{Agent: true})
	s.Write(twin.Facebook, "41", complaint)
	deliver(r, s)
	r.approve("Das tut uns leid.")
	for _, lane := range []string{topology.Changes, topology.DeliverUrgent, topology.DeliverBulk} { // replies wait
		r.work(lane, 10)
	}
	r.pass(23 * time.Hour)
	s.Write(twin.Facebook, "41", "Hallo?")
	if report, err := s.Send(t.Context()); err != nil || report.Refused > 0 {
		t.Fatal(report, err)
	}
	r.work(topology.MentionsLive, 10)
	r.pass(2 * time.Hour)
	r.run()
	if sent := s.Sent(); len(sent) != 1 || sent[0].Tag != "" {
		t.Errorf("sent %+v, want one without a tag", sent)
	}
}

func texts(rows []*crm.Row) map[string]bool {
	out := map[string]bool{}
	for _, row := range rows {
		if text, _ := row.Fields["text"].(string); text != "" {
			out[text] = true
		}
	}
	return out
}

func find[T any](rows map[store.Key]T, part string) T {
	for k, v := range rows {
		if k.Part == part {
			return v
		}
	}
	var none T
	return none
}

// onlyQueue tells whether a text stands in messages alone that were sent before.
func onlyQueue(where []string) bool {
	for _, w := range where {
		if w != "queue" {
			return false
		}
	}
	return true
}

// TestMetaSubscription: a subscription that Meta ended is made anew without anybody's help.
func TestMetaSubscription(t *testing.T) {
	r, s := metaRig(t, twin.Options{})
	r.tick()
	r.run()
	s.Unsubscribe("1101")
	live := func() bool {
		t.Helper()
		a, err := r.app.Connect(t.Context(), "site")
		if err != nil {
			t.Fatal(err)
		}
		ok, _, err := meta.New().Subscription(t.Context(), a, "")
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if live() {
		t.Fatal("it was not ended")
	}
	r.live(7*time.Hour, time.Hour)
	if !live() {
		t.Error("nobody subscribed again")
	}
}

// TestInstagramDeletions: Instagram tells nobody of deletions; they are found by looking, also beside something that may not be
// looked at, and never where a withdrawn permission makes everything look deleted.
func TestInstagramDeletions(t *testing.T) {
	r, s := metaRig(t, twin.Options{})
	media := s.Say(twin.Post{Platform: twin.Instagram, Text: "Neu im Laden."})
	gone := s.Say(twin.Post{Platform: twin.Instagram, By: "42", On: media, Text: "Das Licht ist kaputt, unverschämt!"})
	kept := s.Say(twin.Post{Platform: twin.Instagram, By: "43", On: media, Text: "Tolles Licht!"})
	walled := s.Say(twin.Post{By: "41", Text: "Mit nord im Wald", Mention: true})
	page := s.Say(twin.Post{Text: "Guten Morgen."})
	below := s.Say(twin.Post{By: "44", On: page, Text: "Moin! Mein Licht ist kaputt."})
	deliver(r, s)
	r.tick() // remembers when to look first
	s.Remove(gone)
	s.Wall(walled)
	s.Bodies() // the webhook of what is removed on Facebook never arrives
	s.Remove(below)
	s.Bodies()
	deleted := func(native string) bool {
		return find(table[pipeline.MentionRow](r, "mention"), "meta:"+native).Mention.Deleted
	}
	s.Blind(true)
	r.live(26*time.Hour, time.Hour)
	for _, native := range []string{gone, kept, walled, below} {
		if deleted(native) {
			t.Errorf("%s was deleted for want of a permission", native)
		}
	}
	s.Blind(false)
	for _, account := range []string{"site", "site2"} { // somebody connects them anew
		if err := r.app.SaveToken(t.Context(), account, network.Token{Access: flow.NewSecret("twin-page-token")}); err != nil {
			t.Fatal(err)
		}
	}
	r.live(30*time.Hour, time.Hour)
	if !deleted(gone) || !deleted(below) || deleted(kept) || deleted(walled) {
		t.Errorf("deleted: %v %v, want both; kept %v %v, want neither", deleted(gone), deleted(below), deleted(kept), deleted(walled))
	}
}
