package feed_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/network/feed"
	"rapport/shared/network/networktest"
	twin "rapport/shared/twin/feed"
)

// clock of all tests.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func now() time.Time { return noon }

func suite(o twin.Options) networktest.Suite {
	o.Now = now
	return networktest.Suite{
		New:     func() network.Network { return feed.New() },
		Events:  "../../../events/feed",
		NoJSON:  true,
		Garbage: [][]byte{[]byte("<html><body>not here</body></html>"), []byte(`{"version":"1","items":[]}`), []byte("<rss"), []byte(`{"document":7}`), []byte(`{"document":"AAAA"}`)},
		Vendor: func(_ networktest.Reporter, origin string) networktest.Vendor {
			o := o
			o.Self = origin
			return vendor(twin.New(o))
		},
	}
}

func vendor(s *twin.Site) networktest.Vendor {
	n := 0
	say := func(e twin.Entry) string { return flow.MentionID("feed", s.Publish(e)) }
	return networktest.Vendor{
		Handler: s, Page: 3,
		Account: network.Account{Name: "news", Kind: "feed", Settings: map[string]any{"streams": []string{"/feed"}, "own": []any{"nordlicht.example"}},
			Secrets: map[string]flow.Secret{"authorization": flow.NewSecret("Bearer reader-4711")}},
		Say: func(count int) (ids []string) {
			for range count {
				n++
				ids = append(ids, say(twin.Entry{Title: fmt.Sprintf("Test %d der Mühle", n), HTML: "<p>Nordlicht &amp; Co</p>"}))
			}
			return ids
		},
		Own: func() string {
			return say(twin.Entry{Title: "Neu bei uns", HTML: "<p>Die Mühle</p>", Link: "https://www.nordlicht.example/blog/1"})
		},
		Remove: func(id string) { s.Retract(flow.Native(id), false) },
		Change: func(id, text string) { s.Edit(flow.Native(id), text) },
	}
}

func TestRSS(t *testing.T) { networktest.Run(t, suite(twin.Options{Auth: "Bearer reader-4711"})) }

func TestAtom(t *testing.T) {
	networktest.Run(t, suite(twin.Options{Format: "atom", Robots: "User-agent: *\nDisallow: /private\n"}))
}

func TestJSONFeed(t *testing.T) { networktest.Run(t, suite(twin.Options{Format: "json", NoTag: true})) }

func TestAlert(t *testing.T) {
	networktest.Run(t, suite(twin.Options{Format: "alert", Title: "Nordlicht"}))
}

func FuzzParse(f *testing.F) { networktest.Fuzz(f, suite(twin.Options{})) }

// text gives the texts of events.
func texts(events []flow.Event) string {
	var out []string
	for _, e := range events {
		out = append(out, string(e.Verb)+" "+strings.ReplaceAll(e.Mention.Text, "\n", "|"))
	}
	return strings.Join(out, "; ")
}
