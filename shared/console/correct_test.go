package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Who may answer may say how a mention should have been read, see it take effect, take it back, and export it; who may not read
// the words may not correct them.
func TestCorrect(t *testing.T) {
	h := open(t)
	h.said("m1", "anna", "Die Lampe ist kaputt, unverschämt! Schreibt mir an anna@post.example")
	g := h.enter()
	if page := g.get("/mentions/site:m1"); !strings.Contains(page, `action="/mentions/site:m1/correct"`) || strings.Contains(page, `name="undo"`) {
		t.Fatalf("no form to correct with: %s", page)
	}
	if w := g.do("POST", "/mentions/site:m1/correct", url.Values{"sentiment": {"neutral"}, "main": {"question"}, "intents": {"question", "idea"}, "department": {"legal"}, "severity": {""}, "complaint": {""}, "lang": {""}}); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	h.step()
	page := g.get("/mentions/site:m1?lang=de")
	for _, want := range []string{"Lesart korrigieren", "sentiment neutral, intents question, idea, department legal", "Die neueste zurücknehmen", `<span class="tag">Frage</span>`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %q: %s", want, page)
		}
	}
	file := g.get("/corrections/file")
	if !strings.Contains(file, `"sentiment":"neutral"`) || !strings.Contains(file, `"intents":["question","idea"]`) || strings.Contains(file, "anna") {
		t.Errorf("the export: %s", file)
	}
	if w := g.do("POST", "/api/v1/mentions/site:m1/correct", url.Values{"sentiment": {"glad"}}); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "not known") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := g.do("POST", "/mentions/site:m1/correct", url.Values{"undo": {"1"}}); w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	h.step()
	if page := g.get("/mentions/site:m1"); !strings.Contains(page, `<span class="tag">complaint</span>`) || !strings.Contains(page, "taken back") {
		t.Errorf("not taken back: %s", page)
	}
	if blind := h.enter("operator"); blind.do("POST", "/mentions/site:m1/correct", url.Values{"sentiment": {"neutral"}}).Code != http.StatusForbidden {
		t.Error("somebody corrects words that they may not read")
	}
	if blind := h.enter("operator"); strings.Contains(blind.get("/corrections/file"), "Lampe") {
		t.Error("somebody exports words that they may not read")
	}
}
