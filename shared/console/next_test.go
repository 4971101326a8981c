package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"rapport/shared/pipeline"
)

// An agent's tool is told who it is and what to do, and no words; who reads is told the words too.
func TestNextAction(t *testing.T) {
	h := open(t)
	h.said("m1", "anna", "Die Lampe ist kaputt, unverschämt!")
	tool, reader := h.tool("agent"), h.tool("viewer")
	wrote := h.store.puts.Load()
	for _, key := range []url.Values{{"handle": {"@Anna"}}, {"handle": {"anna"}, "network": {"site"}}, {"author": {"site:anna"}}, {"mention": {"site:m1"}}} {
		var n pipeline.Next
		if code := tool.api("POST", "/next-action", key, &n); code != http.StatusOK || n.Do.Mention != "site:m1" || n.Do.Action == "" || len(n.Forbidden) == 0 || !n.Standing.Complaint || len(n.Standing.Open) != 1 {
			t.Errorf("%v: %d %+v", key, code, n)
		}
		if n.Standing.Newest == nil || n.Standing.Newest.Text != "" {
			t.Errorf("%v: an agent is told the words: %+v", key, n.Standing.Newest)
		}
		if n.Template == nil || n.Template.Text == "" {
			t.Errorf("%v: no text for %s", key, n.Do.Action)
		}
	}
	var seen pipeline.Next
	if code := reader.api("POST", "/next-action", url.Values{"author": {"site:anna"}}, &seen); code != 200 || !strings.Contains(seen.Standing.Newest.Text, "Lampe") {
		t.Errorf("who reads: %d %+v", code, seen.Standing.Newest)
	}
	for _, wrong := range []url.Values{{}, {"handle": {"a"}, "author": {"site:anna"}}, {"crm": {"hub"}}, {"author": {"site:anna"}, "moment": {"dinner"}}} {
		if code := tool.api("POST", "/next-action", wrong, nil); code != http.StatusBadRequest {
			t.Errorf("%v is %d", wrong, code)
		}
	}
	var gone struct{ Error string }
	if code := tool.api("POST", "/next-action", url.Values{"handle": {"nobody"}}, &gone); code != http.StatusNotFound || !strings.Contains(gone.Error, "looked at") {
		t.Errorf("nobody: %d %s", code, gone.Error)
	}
	if n := h.store.puts.Load() - wrote; n > 0 {
		t.Errorf("%d rows were written by asking", n)
	}
	if page := h.enter("viewer").get("/next/site:m1"); !strings.Contains(page, "it is a complaint") {
		t.Errorf("the page gives no reasons: %.800s", page)
	}
	if found := h.enter("viewer").get("/find?q=%40anna"); !strings.Contains(found, "/people/site:anna") || strings.Contains(found, "newest mentions") {
		t.Error("a handle that is kept is looked for among the newest mentions")
	}
}

// Whoever may see one brand is told nothing of who spoke to another.
func TestNextActionOfBrands(t *testing.T) {
	h := openWith(t, two)
	h.saidTo("site", "n1", "nordanna", "Nordwort, die Lampe ist kaputt, unverschämt!")
	h.saidTo("suedhook", "s1", "suedben", "Suedwort, die Lampe ist kaputt, unverschämt!")
	tool := h.tool("agent:nord")
	for key, want := range map[string]int{"author=site:nordanna": 200, "handle=nordanna": 200, "author=site:suedben": 404, "handle=suedben": 404, "mention=site:s1": 404, "author=site:nordanna&brand=sued": 404} {
		form, _ := url.ParseQuery(key)
		if code := tool.api("POST", "/next-action", form, nil); code != want {
			t.Errorf("%s is %d, want %d", key, code, want)
		}
	}
}
