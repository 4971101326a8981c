package bluesky_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/network/bluesky"
	"rapport/shared/network/networktest"
	twin "rapport/shared/twin/bluesky"
)

// clock of all tests.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func now() time.Time { return noon }

// suite tests the connector against a twin; text is what strangers say, %d is counted up.
func suite(o twin.Options, text string, streams ...string) networktest.Suite {
	o.Now, o.Page = now, 3
	return networktest.Suite{
		New:    func() network.Network { return bluesky.New() },
		Events: "../../../events/bluesky",
		// The account's own host never answers 403; the network's edge does, to everybody.
		Status: map[int]fault.Kind{403: fault.Unavailable},
		Skip: map[string]string{
			"reply window closed": "the protocol has no answer window",
			"foreign link":        "pages are named by cursors, not by links",
		},
		Vendor: func(networktest.Reporter, string) networktest.Vendor { return vendor(twin.New(o), text, streams) },
	}
}

func vendor(s *twin.Server, text string, streams []string) networktest.Vendor {
	access, _ := s.Session()
	n := 0
	native := func(uri string) string { return flow.MentionID("bluesky", uri) }
	ask := func(text string) flow.Reply {
		return flow.Reply{Mention: native(s.Post(twin.Post{By: "guest.example", Text: "@nordlicht.example when do you open?"})), Text: text}
	}
	return networktest.Vendor{
		Handler: s, Page: 3,
		Account: network.Account{Name: "sky", Kind: "bluesky", ID: s.Brand(), Settings: map[string]any{"streams": streams},
			Secrets: map[string]flow.Secret{"token": flow.NewSecret(access)}},
		Say: func(count int) (ids []string) {
			for range count {
				n++
				ids = append(ids, native(s.Post(twin.Post{By: "guest.example", Text: strings.ReplaceAll(text, "%d", fmt.Sprint(n))})))
			}
			return ids
		},
		Own:    func() string { return native(s.Post(twin.Post{Text: "We open at nine. #mill"})) },
		Remove: func(id string) { s.Delete(flow.Native(id)) },
		Posts: func() (out []string) {
			for _, p := range s.Posted() {
				out = append(out, p.Text)
			}
			return out
		},
		Answer: func() flow.Reply {
			return ask("Um neun – für alle. Siehe https://nordlicht.example/öffnung, @guest.example #mühle")
		},
		Gone: func() flow.Reply {
			r := ask("At nine.")
			s.Delete(flow.Native(r.Mention))
			return r
		},
		Long: func() flow.Reply { return ask(strings.Repeat("x", 301)) },
		Barred: func() flow.Reply {
			r := ask("At nine.")
			s.Gate(flow.Native(r.Mention))
			return r
		},
	}
}

func TestBluesky(t *testing.T) {
	networktest.Run(t, suite(twin.Options{}, "@nordlicht.example the mill number %d is great", "notifications", "own"))
}

// TestSimplerHost: one that ignores swapRecord, and whose index lags, still posts once.
func TestSimplerHost(t *testing.T) {
	networktest.Run(t, suite(twin.Options{Blind: true, Lag: true}, "@nordlicht.example the mill number %d is great", "own", "notifications"))
}

func TestTag(t *testing.T) {
	networktest.Run(t, suite(twin.Options{}, "my #mill number %d", "tag:mill"))
}

func TestSearch(t *testing.T) {
	networktest.Run(t, suite(twin.Options{}, "the mill number %d", "search:mill", "notifications"))
}

func FuzzParse(f *testing.F) { networktest.Fuzz(f, suite(twin.Options{}, "%d", "notifications")) }
