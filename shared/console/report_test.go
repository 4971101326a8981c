package console_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"rapport/shared/console"
	"rapport/shared/report"
)

// Page, API and CSV tell the same figures, each with its definition; of fewer than five people they tell nothing.
func TestReports(t *testing.T) {
	h := open(t)
	g := h.enter()
	figures := func(query string) (r struct {
		report.Report
		Definitions []report.Meaning
	}) {
		t.Helper()
		w := g.do("GET", "/api/v1/reports"+query, nil)
		if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil || w.Code != 200 {
			t.Fatalf("%s: %d %v %.300s", query, w.Code, err, w.Body)
		}
		return r
	}
	for i := range 4 {
		h.said(fmt.Sprintf("m%d", i), fmt.Sprintf("author%d", i), "Unverschämt, schon wieder kaputt!")
	}
	if r := figures(""); r.Total != nil || len(r.Rows) != 0 || r.Few != 1 {
		t.Errorf("of four people: %+v", r.Report)
	}
	if page := g.get("/reports"); strings.Contains(page, `<th scope="row" role="rowheader">site</th>`) || strings.Contains(page, "<rect class=\"bad\" x") {
		t.Error("the page tells of four people")
	}
	for i := range 4 {
		h.said(fmt.Sprintf("n%d", i), fmt.Sprintf("author%d", i+4), "Unverschämt, schon wieder kaputt!")
	}
	r := figures("?days=30&by=network")
	if r.Total == nil || r.Total.Mentions != 8 || r.Total.Negative != 8 || *r.Total.Mood != -100 || len(r.Definitions) != len(report.Meanings()) || r.Days[0].Negative != 8 {
		t.Fatalf("of eight people: %+v", r.Report)
	}
	for lang, words := range map[string][]string{"en": {">−100<", "Mentions per day", "in percent of the mentions"}, "de": {">−100<", "Äußerungen je Tag", "in Prozent der Äußerungen", "Warteschlange"}} {
		page := g.get("/reports?lang=" + lang)
		for _, want := range append(words, `<th scope="row" role="rowheader">site</th>`, "<rect class=\"bad\" x") {
			if !strings.Contains(page, want) {
				t.Errorf("the page in %s lacks %q", lang, want)
			}
		}
	}
	for _, by := range report.Divisions() {
		if r := figures("?by=" + string(by)); r.By != by || r.Total == nil || r.Total.Mentions != 8 {
			t.Errorf("by %s: %+v", by, r.Report)
		}
	}
	if w := g.do("GET", "/reports/file?by=team", nil); !strings.HasPrefix(w.Body.String(), "team,mentions,") || !strings.Contains(w.Body.String(), "\nall,8,") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	for _, bad := range []string{"by=author", "from=2026-13-01", "to=tomorrow", "from=2000-01-01", "from=2026-03-03&to=2026-03-01"} {
		if w := g.do("GET", "/api/v1/reports?"+bad, nil); w.Code != 400 && w.Code != 422 {
			t.Errorf("%s: %d %s", bad, w.Code, w.Body)
		}
	}
	one := openWith(t, two)
	for i := range 6 {
		one.said(fmt.Sprintf("m%d", i), fmt.Sprintf("author%d", i), "Kaputt!")
	}
	for role, sees := range map[string]bool{console.Viewer: true, console.Viewer + ":nord": true, console.Viewer + ":sued": false, console.Operator + ":nord": true} {
		if w := one.enter(role).do("GET", "/reports/file?by="+url.QueryEscape("brand"), nil); strings.Contains(w.Body.String(), "nord,6,") != sees {
			t.Errorf("%s: %d %s", role, w.Code, w.Body)
		}
	}
}
