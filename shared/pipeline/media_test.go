package pipeline_test

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/pipeline"
	"rapport/shared/rest"
)

var picture = append([]byte("\x89PNG\r\n\x1a\n"), bytes.Repeat([]byte("pixel"), 100)...)

// gallery is a server of attachments on the loopback interface; asked counts calls by path.
func gallery(t *testing.T) (*httptest.Server, map[string]int) {
	t.Helper()
	asked := map[string]int{}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked[r.URL.Path]++
		switch r.URL.Path {
		case "/moved":
			http.Redirect(w, r, "/p.png", http.StatusFound)
			return
		case "/inside":
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data/", http.StatusFound)
			return
		case "/file":
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
			return
		case "/round":
			http.Redirect(w, r, "/round", http.StatusFound)
			return
		case "/page":
			w.Header().Set("Content-Type", "text/html")
		case "/script.svg":
			w.Header().Set("Content-Type", "image/svg+xml")
		case "/masked":
			w.Header().Set("Content-Type", "image/png")
			_, _ = w.Write([]byte("<html><script>"))
			return
		case "/huge":
			w.Header().Set("Content-Type", "video/mp4")
			for range 11 {
				_, _ = w.Write(make([]byte, 1<<20))
			}
			return
		case "/flaky":
			if asked["/flaky"] < 3 {
				w.WriteHeader(503)
				return
			}
			w.Header().Set("Content-Type", "image/png")
		default:
			w.Header().Set("Content-Type", "image/png")
		}
		_, _ = w.Write(picture)
	}))
	t.Cleanup(srv.Close)
	return srv, asked
}

// shown is a complaint with attachments.
func shown(id string, urls ...string) flow.Event {
	e := said(id, "anna", complaint, start)
	for _, u := range urls {
		e.Mention.Media = append(e.Mention.Media, flow.Media{Kind: "image", URL: u, Alt: "Bild " + u[strings.LastIndex(u, "/"):]})
	}
	return e
}

func guarded(private bool) options {
	return options{http: rest.Guard(rest.GuardOptions{Private: private})}
}

// states of a mention's attachments, in order.
func (r *rig) states(mention string) string {
	r.t.Helper()
	items, err := r.app.Media(r.t.Context(), mention)
	if err != nil {
		r.t.Fatal(err)
	}
	var out []string
	for _, i := range items {
		out = append(out, i.State)
	}
	return strings.Join(out, " ")
}

// pictures counts archived copies.
func (r *rig) pictures() int {
	r.t.Helper()
	n := 0
	for ref, err := range r.archive.List(r.t.Context(), "site", time.Time{}, time.Time{}) {
		if err != nil {
			r.t.Fatal(err)
		}
		b, err := r.archive.Read(r.t.Context(), ref)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, e := range b.Entries {
			if bytes.Equal(e.Raw, picture) {
				n++
			}
		}
	}
	return n
}

// Attachments are copied once, within limits of kind and size, and whatever fails is said.
func TestAttachmentsAreCopied(t *testing.T) {
	srv, asked := gallery(t)
	r := newRig(t, guarded(true))
	e := shown("m1", srv.URL+"/p.png?sig=1", srv.URL+"/moved", srv.URL+"/page", srv.URL+"/script.svg", srv.URL+"/masked", srv.URL+"/huge", srv.URL+"/flaky",
		srv.URL+"/inside", srv.URL+"/file", srv.URL+"/round", "ftp://files.example/x")
	e.Mention.Media = append(e.Mention.Media, flow.Media{Kind: "image", URL: srv.URL + "/old.png", Expires: start.Add(-time.Minute)}, flow.Media{Kind: "video", URL: srv.URL + "/told.mp4", Size: 1 << 30})
	r.hook(e)
	r.run()
	if d := r.state("crm"); d.State != "written" || r.states("site:m1") == "" {
		t.Errorf("%+v, %s", d, r.states("site:m1"))
	}
	r.live(20*time.Minute, time.Minute)
	const want = "copied copied refused refused refused refused copied refused refused refused refused expired refused"
	if got := r.states("site:m1"); got != want {
		t.Errorf("\n%s, want\n%s", got, want)
	}
	if asked["/p.png"] != 2 || asked["/old.png"]+asked["/told.mp4"] != 0 || r.pictures() != 3 {
		t.Errorf("asked %v, %d copies", asked, r.pictures())
	}
	again := edited(e, complaint+" Edit.", start.Add(time.Minute))
	again.Mention.Media = append([]flow.Media{}, e.Mention.Media...)
	again.Mention.Media[0].URL = srv.URL + "/p.png?sig=2" // signed anew
	again.Mention.Media = append(again.Mention.Media[:6], again.Mention.Media[7:]...)
	r.hook(again)
	r.run()
	if asked["/p.png"] != 2 || r.pictures() != 2 {
		t.Errorf("after an edit that took one away: asked %v, %d copies", asked, r.pictures())
	}
	s, err := r.app.Story(t.Context(), "site:m1")
	if err != nil || len(s.Media) != 12 || s.Media[0].Type != "image/png" || s.Media[0].Size != int64(len(picture)) || s.Media[0].Alt == "" {
		t.Errorf("the story tells %+v, %v", s.Media, err)
	}
	if dead := r.dead("jobs"); dead > 0 {
		t.Errorf("%d dead letters", dead)
	}
}

// Private addresses are called neither directly, nor by name, nor by a redirect; what belongs to the machine never.
func TestAttachmentsComeFromPublicAddresses(t *testing.T) {
	srv, asked := gallery(t)
	_, port, _ := strings.Cut(strings.TrimPrefix(srv.URL, "http://"), ":")
	r := newRig(t, guarded(false))
	r.hook(shown("m1", srv.URL+"/p.png", "http://localhost:"+port+"/p.png", "http://[::1]:"+port+"/p.png", "http://10.0.0.1/p.png", "http://169.254.169.254/x", "http://0.0.0.0:"+port+"/p.png"))
	r.run()
	if got := r.states("site:m1"); strings.Trim(got, " refusd") != "" || len(strings.Fields(got)) != 6 || len(asked) != 0 {
		t.Errorf("%q, asked %v", got, asked)
	}
	r = newRig(t, guarded(true))
	r.hook(shown("m1", srv.URL+"/inside", "http://169.254.169.254/x"))
	r.run()
	if got := r.states("site:m1"); got != "refused refused" {
		t.Errorf("with private addresses allowed: %q", got)
	}
}

// A failing copy holds up nothing: the mention is delivered before the first call.
func TestAFailedCopyDelaysNothing(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }))
	defer srv.Close()
	r := newRig(t, guarded(true))
	r.hook(shown("m1", srv.URL+"/p.png"))
	r.work("mentions-live", 10)
	r.work("deliver-urgent", 10)
	if d := r.state("crm"); d.State != "written" || r.states("site:m1") != "" {
		t.Errorf("%+v %q", d, r.states("site:m1"))
	}
	r.live(2*time.Hour, 5*time.Minute)
	if got := r.states("site:m1"); got != "failed" || r.dead("jobs") > 0 {
		t.Errorf("in the end it is %q, %d dead letters", got, r.dead("jobs"))
	}
}

// Copies go with their mention, by deletion and by erasure; where the network or the account forbids them there are none.
func TestCopiesGoWithTheMention(t *testing.T) {
	srv, asked := gallery(t)
	for _, way := range []string{"deleted", "erased"} {
		r := newRig(t, guarded(true))
		e := shown("m1", srv.URL+"/p.png")
		r.hook(e)
		r.run()
		if r.pictures() != 1 {
			t.Fatalf("%d copies", r.pictures())
		}
		if way == "deleted" {
			r.hook(deleted(e, start.Add(time.Minute)))
		} else if _, err := r.app.Start(t.Context(), pipeline.JobRow{Kind: "erase", Erasure: flow.Erasure{Author: "site:anna"}}); err != nil {
			t.Fatal(err)
		}
		r.run()
		r.live(5*time.Minute, time.Minute)
		if r.pictures() != 0 || r.states("site:m1") != "" {
			t.Errorf("%s: %d copies stay, %q", way, r.pictures(), r.states("site:m1"))
		}
	}
	clear(asked)
	for _, forbid := range []func(*rig){
		func(r *rig) { r.net.rules = network.Rules{MayMatch: "yes"} },
		func(r *rig) { r.net.rules.StoreFor = 24 * time.Hour },
		func(r *rig) { r.publish(strings.Replace(basic, "replies: approve", "media: off, replies: approve", 1)) },
	} {
		r := newRig(t, guarded(true))
		forbid(r)
		r.boot()
		r.hook(shown("m1", srv.URL+"/p.png"))
		r.run()
		if len(asked) != 0 {
			t.Errorf("asked %v", asked)
		}
	}
}

// The tenth who complains under one post raises one alert, whatever each of them says more.
func TestACrowdUnderOnePost(t *testing.T) {
	r := newRig(t, options{edit: func(s string) string {
		return strings.Replace(s, "    budget: 1\n", "    budget: 1\n    crowd: 3\n", 1)
	}})
	alerts := func() int { return strings.Count(r.log.String(), "people under one post") }
	say := func(id, author, text string) {
		t.Helper()
		e := said(id, author, text, r.now)
		e.Mention.Root, e.Mention.Parent = "site:post", "site:post"
		r.pass(time.Second)
		r.hook(e)
		r.run()
	}
	for i := range 5 {
		say("a"+string(rune('0'+i)), "anna", complaint)
	}
	say("b1", "berta", complaint)
	say("x1", "xaver", "Danke, ihr seid großartig!")
	if alerts() != 0 {
		t.Errorf("%d alerts for two people", alerts())
	}
	r.store.fail = once("line", errDown)
	say("c1", "clara", complaint)
	r.live(3*time.Minute, 30*time.Second)
	if n := alerts(); n != 1 {
		t.Errorf("%d alerts for three people", n)
	}
	say("c2", "clara", complaint)
	say("d1", "dora", complaint)
	say("b2", "berta", complaint)
	if n := alerts(); n != 1 {
		t.Errorf("%d alerts in the end", n)
	}
}
