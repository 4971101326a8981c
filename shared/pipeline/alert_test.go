package pipeline_test

import (
	"encoding/base64"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"rapport/shared/webhook"
)

// pager takes alerts, and refuses the first ones.
type pager struct {
	t       *testing.T
	refuse  int
	calls   int
	ids     []string
	bodies  []string
	unsound int
}

const pagerSecret = "whsec_" + "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"

func (g *pager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if g.calls++; g.calls <= g.refuse {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	if err := webhook.VerifyStandard([]string{pagerSecret}, webhook.Request{Method: "POST", Header: r.Header, Body: body, At: at}, 1000*time.Hour); err != nil {
		g.unsound++
		g.t.Log(err)
	}
	g.ids, g.bodies = append(g.ids, r.Header.Get("Webhook-Id")), append(g.bodies, string(body))
}

// alerting is a rig whose alerts go to a pager; more is put into its brand.
func alerting(t *testing.T, g *pager, more string) *rig {
	t.Helper()
	server := httptest.NewServer(g)
	t.Cleanup(server.Close)
	r := newRig(t, options{http: server.Client(), edit: func(s string) string {
		s = strings.Replace(s, "    budget: 1\n", "    budget: 1\n"+more, 1)
		return strings.Replace(s, "hooks:\n", "alerts:\n  - {name: pager, url: \""+server.URL+"/x\", secret: \"env:PAGER\"}\nhooks:\n", 1)
	}})
	r.secrets["env:PAGER"] = pagerSecret
	return r
}

// A crisis reaches people by a signed call, also when they cannot be reached at first, and each change once.
func TestAlertsOfACrisis(t *testing.T) {
	g := &pager{t: t, refuse: 2}
	r := alerting(t, g, "")
	r.usual(1)
	r.crowd(0, 17)
	r.live(10*time.Minute, time.Minute)
	if len(g.bodies) != 1 || !strings.Contains(g.bodies[0], `"type":"rapport.brand.crisis"`) || !strings.Contains(g.bodies[0], `"brand":"nord"`) || g.unsound > 0 || g.calls != 3 {
		t.Fatalf("%d calls, %d unsound: %v", g.calls, g.unsound, g.bodies)
	}
	r.live(7*time.Hour, 5*time.Minute)
	if len(g.bodies) != 2 || !strings.Contains(g.bodies[1], "rapport.brand.cooling") || g.ids[0] == g.ids[1] {
		t.Errorf("%v", g.bodies)
	}
	for _, b := range g.bodies {
		if strings.Contains(b, "author") || strings.Contains(b, "Lieferung") {
			t.Errorf("an alert says too much: %s", b)
		}
	}
	if s, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(pagerSecret, "whsec_")); strings.Contains(r.log.String(), string(s)) || strings.Contains(r.log.String(), pagerSecret) {
		t.Error("the secret stands in the log")
	}
}

// A protected customer in trouble is told at once, without words; the past is not told.
func TestAlertsOfMentions(t *testing.T) {
	g := &pager{t: t}
	r := alerting(t, g, "    protected: [\"site:anna\"]\n")
	r.hook(said("m1", "anna", complaint, start), said("m2", "berta", complaint, start))
	r.run()
	if len(g.bodies) != 1 || !strings.Contains(g.bodies[0], `"mention":"site:m1"`) || !strings.Contains(g.bodies[0], "protected customer") || strings.Contains(g.bodies[0], "Bestellung") {
		t.Fatalf("%v", g.bodies)
	}
	r.hook(said("m1", "anna", complaint, start)) // once more
	r.run()
	old := said("m3", "anna", complaint, start)
	old.Source = "history"
	r.hook(old)
	r.run()
	if len(g.bodies) != 1 {
		t.Errorf("%v", g.bodies)
	}
	if strings.Contains(strings.Join(g.bodies, ""), "anna") {
		t.Error("an alert names the author")
	}
}

// What a text is about is decided, stands in the line and routes.
func TestTopics(t *testing.T) {
	r := newRig(t, options{edit: func(s string) string {
		s = strings.Replace(s, "    budget: 1\n", "    budget: 1\n    topics:\n      - {name: lieferung, words: [Bestellung, Paket]}\n      - {name: akku, kind: product}\n", 1)
		s = strings.Replace(s, "      note: sentiment\n", "      note: 'join(topics, \",\")'\n", 1)
		return s + "routing:\n  - {name: parcels, when: '\"lieferung\" in topics', department: product}\n"
	}})
	r.hook(said("m1", "anna", complaint, start), said("m2", "berta", "Die Akkulaufzeit ist super", start))
	r.run()
	var got [][]string
	for _, l := range r.lines() {
		got = append(got, append(slices.Clone(l.Gist.Topics), l.Gist.Department))
	}
	if len(got) != 2 || !slices.Equal(got[0], []string{"lieferung", "product"}) || got[1][0] != "akku" {
		t.Errorf("%v", got)
	}
	notes := []any{}
	for _, row := range r.crm.all("mention") {
		notes = append(notes, row.Fields["note"])
	}
	if len(notes) != 2 || !slices.Contains(notes, any("lieferung")) || !slices.Contains(notes, any("akku")) {
		t.Errorf("the CRM holds %v", notes)
	}
}
