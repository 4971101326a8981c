package meta_test

import (
	"fmt"
	"testing"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/network/meta"
	twin "rapport/shared/twin/meta"
)

// ranged reads a whole range, and counts the calls.
func ranged(t *testing.T, a network.Account, from, to time.Time) (out []flow.Event, pages int) {
	t.Helper()
	cursor := ""
	for {
		page, err := meta.New().Range(t.Context(), a, from, to, cursor)
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range page.Bodies {
			events, err := meta.New().Parse(network.Raw{Body: b.Data, At: noon, Stream: b.Stream})
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, events...)
		}
		if pages++; !page.More {
			return out, pages
		}
		if cursor = page.Cursor; pages > 100 {
			t.Fatal("no end")
		}
	}
}

// TestRangeIsWhatWebhooksTold: what a range brings is known already to who took the webhooks: the same ids, authors and places.
func TestRangeIsWhatWebhooksTold(t *testing.T) {
	for _, platform := range []string{twin.Facebook, twin.Instagram} {
		s, a := stage(t, twin.Options{Batch: 10}, platform)
		on := s.Say(twin.Post{Platform: platform, Text: "Neu im Laden."})
		s.Say(twin.Post{Platform: platform, Text: "Ein Bild.", Photo: "https://cdn.meta.example/1?oe=6A000000"})
		for i := range 60 { // more than comes along with the post
			c := s.Say(twin.Post{Platform: platform, By: fmt.Sprint(41 + i%5), On: on, Text: fmt.Sprintf("Schön %d!", i), At: noon.Add(-time.Duration(i) * time.Minute)})
			if i%20 == 0 {
				for n := range 30 { // and than comes along with a comment
					s.Say(twin.Post{Platform: platform, By: "48", On: on, Parent: c, Text: fmt.Sprintf("Antwort %d", n), At: noon.Add(-time.Minute)})
				}
			}
		}
		if platform == twin.Facebook {
			s.Say(twin.Post{By: "49", Text: "Unterwegs mit dem Nordlicht.", Mention: true})
		}
		for i := range 40 {
			s.Write(platform, fmt.Sprint(60+i%3), fmt.Sprintf("Hallo %d", i))
			s.Echo(platform, "60", "Guten Tag.")
		}
		told := map[string]flow.Event{}
		for _, e := range events(t, s) {
			told[e.ID()] = e
		}
		found, pages := ranged(t, a, noon.Add(-24*time.Hour), noon.Add(time.Hour))
		seen := map[string]bool{}
		for _, e := range found {
			was, known := told[e.ID()]
			switch m := e.Mention; {
			case seen[e.ID()]:
				t.Errorf("%s: %s comes twice", platform, e.ID())
			case !known:
				t.Errorf("%s: no webhook told %s: %+v", platform, e.ID(), m)
			case m.Author.ID != was.Mention.Author.ID || m.Direction != was.Mention.Direction || m.Kind != was.Mention.Kind || m.Root != was.Mention.Root || m.Parent != was.Mention.Parent || m.To != was.Mention.To:
				t.Errorf("%s: the range says\n%+v, the webhook\n%+v", platform, m, was.Mention)
			}
			seen[e.ID()] = true
		}
		if len(seen) != len(told) {
			for id := range told {
				if !seen[id] {
					t.Errorf("%s: %s was not found", platform, id)
				}
			}
		}
		if pages < 4 || pages > 20 {
			t.Errorf("%s: %d pages", platform, pages)
		}
		mentions, calls, exact, err := meta.New().Estimate(t.Context(), a, noon.Add(-24*time.Hour), noon.Add(time.Hour))
		if err != nil || exact || mentions == 0 || calls < 4 {
			t.Errorf("%s: %d mentions, %d calls, exact %v, %v", platform, mentions, calls, exact, err)
		}
	}
}

// TestRangeEnds: what lies before it is not read page by page, and a damaged cursor says so.
func TestRangeEnds(t *testing.T) {
	s, a := stage(t, twin.Options{}, twin.Facebook)
	for i := range 200 {
		s.Say(twin.Post{Text: fmt.Sprint("Nr. ", i), At: noon.AddDate(0, 0, -i)})
	}
	found, pages := ranged(t, a, noon.AddDate(0, 0, -3).Add(time.Hour), noon.AddDate(0, 0, -1).Add(time.Hour))
	if len(found) != 2 || pages > 5 {
		t.Errorf("%d events on %d pages, want 2 of the two days", len(found), pages)
	}
	if _, err := meta.New().Range(t.Context(), a, noon, noon, "{"); !fault.Is(err, fault.Invalid) {
		t.Errorf("a damaged cursor: %v", err)
	}
	s.Blind(true)
	if _, err := meta.New().Range(t.Context(), a, noon.AddDate(0, 0, -1), noon, ""); !fault.Is(err, fault.Unauthorized) {
		t.Errorf("without the permission: %v", err)
	}
	page, err := meta.New().Range(t.Context(), a, noon.AddDate(0, 0, -1), noon, `{"edge":9}`)
	if err != nil || page.More || len(page.Bodies) > 0 {
		t.Errorf("past the end: %+v %v", page, err)
	}
}
