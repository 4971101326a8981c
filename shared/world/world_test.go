package world

import (
	"bytes"
	"path/filepath"
	"regexp"
	"testing"
	"unicode/utf8"
)

var last = regexp.MustCompile(`(?m)^demo: \d+ received, \d+ written, \d+ merged, \d+ filtered, \d+ suppressed, \d+ rejected, \d+ dead, 0 unaccounted\n\z`)

func TestDay(t *testing.T) {
	t.Run("in one go", func(t *testing.T) { runDay(t, false) })
	t.Run("restarted at noon", func(t *testing.T) { runDay(t, true) })
}

func runDay(t *testing.T, restart bool) {
	t.Helper()
	var out bytes.Buffer
	s, err := Demo(t.Context(), Options{Out: &out, Data: filepath.Join(t.TempDir(), "demo.db"), restart: restart})
	t.Log("\n" + out.String())
	if err != nil {
		t.Fatal(err)
	}
	if !last.Match(out.Bytes()) {
		t.Errorf("the last line is %q", s.Line)
	}
	n := s.Total
	if s.Unaccounted != 0 || n.Open != 0 || n.Received < 300 || s.Authors < 150 {
		t.Errorf("received %d, open %d, unaccounted %d, authors %d", n.Received, n.Open, s.Unaccounted, s.Authors)
	}
	if n.Written < 200 || n.Merged < 20 || n.Filtered < 5 || n.Suppressed < 2 || n.Rejected < 2 || n.Dead != 0 {
		t.Errorf("the day does not show every end: %+v", n)
	}
	if sum := n.Written + n.Merged + n.Filtered + n.Suppressed + n.Rejected + n.Dead; sum != n.Received {
		t.Errorf("the columns sum to %d, received are %d", sum, n.Received)
	}
	if s.Forged != 3 || len(s.Alerts) < 4 || len(s.Scores) != 5 || s.Cases < 20 || s.Cost.Events <= 0 {
		t.Errorf("forged %d, alerts %q, scores %d, cases %d, cost %v", s.Forged, s.Alerts, len(s.Scores), s.Cases, s.Cost.Events)
	}
	for _, c := range s.CRMs {
		if c.Name == "salesforce" && c.Created < 25 || c.Name != "salesforce" && (c.Created < 100 || c.Limited+c.Down == 0) {
			t.Errorf("%+v: too little was created, or no call was turned away", c)
		}
	}
	for _, network := range []string{"bluesky", "feed", "mastodon", "meta", "x"} {
		if s.Networks[network].Written < 2 {
			t.Errorf("%s: %+v", network, s.Networks[network])
		}
	}
	for _, line := range bytes.Split(out.Bytes(), []byte("\n")) {
		if utf8.RuneCount(line) > 100 && !bytes.HasPrefix(line, []byte("demo: ")) {
			t.Errorf("a line is wider than a page: %s", line)
		}
	}
}
