package console_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

type filledText struct {
	Error   string
	Preview struct {
		Text    string
		Missing []string
		Lengths []struct{ Is, Most int }
	}
	Record struct {
		Problems []struct{ Name, Value string }
	}
}

// A text is tried before it is kept: with a mention's values, how long it is on each network, and with every mistake named.
func TestTemplatePreview(t *testing.T) {
	h := open(t)
	h.said("m1", "anna", "Die Lampe ist schon wieder kaputt, unverschämt!")
	tool := h.tool("admin")
	for _, c := range []struct{ text, sample, want, missing, err, problem string }{
		{"Hallo[ {name}], danke an {network}!", "site:m1", "Hallo anna, danke an Site!", "", "", ""},
		{"Hallo[ {name}], danke!", "", "Hallo Anna Berg, danke!", "", "", ""},
		{"Danke! Mehr unter {link}.", "", "Danke!", "link", "", ""},
		{"Hallo {nmae}", "", "", "", `1:8: there is no placeholder {nmae}`, ""},
		{strings.Repeat("lang ", 120), "", strings.TrimSpace(strings.Repeat("lang ", 120)), "", "", "too long for site: 599 of 500 graphemes"},
	} {
		var got filledText
		tool.api("POST", "/rules/templates/preview", url.Values{"field": {"nord thank de"}, "value": {c.text}, "sample": {c.sample}}, &got)
		if got.Preview.Text != c.want || strings.Join(got.Preview.Missing, " ") != c.missing || !strings.HasPrefix(got.Error, c.err) || (got.Error == "") != (c.err == "") {
			t.Errorf("%q: %+v", c.text, got)
		}
		if c.problem != "" && (len(got.Record.Problems) != 1 || got.Record.Problems[0].Value != c.problem) {
			t.Errorf("%q: %+v", c.text, got.Record)
		}
	}
	if code := tool.api("POST", "/rules/templates/preview", url.Values{"field": {"nord thank de"}, "value": {"x"}, "sample": {"site:none"}}, nil); code != http.StatusNotFound {
		t.Errorf("a mention that is not there: %d", code)
	}
	if code := h.tool("viewer").api("POST", "/rules/templates/preview", url.Values{"field": {"nord thank de"}, "value": {"{name}"}, "sample": {"site:m1"}}, nil); code != http.StatusForbidden {
		t.Errorf("a viewer tries texts: %d", code)
	}
}

// What an admin writes is checked, published as every other rule, and offered to whoever answers; nobody is sent anything
// before a person says so.
func TestTemplateOffered(t *testing.T) {
	h := open(t)
	h.said("m1", "anna", "Die Lampe ist schon wieder kaputt, unverschämt!")
	g := h.enter()
	talk := regexp.MustCompile(`href="(/conversations/[^"?]+)"`).FindStringSubmatch(g.get("/conversations"))[1]
	if page := g.get(talk + "?template=move_to_private"); !strings.Contains(page, "Hallo anna, danke, dass Sie sich melden.") {
		t.Errorf("the built-in text is not offered:\n%.2500s", page)
	}
	if page := g.get(talk); strings.Contains(page, "danke, dass Sie sich melden") {
		t.Error("a text stands in the field that nobody chose")
	}
	own := url.Values{"brand": {"nord"}, "index": {"-1"}, "action": {"move_to_private"}, "lang": {"de"}, "value": {"Hallo[ {name}], schreiben Sie uns: {link}"}}
	if w := g.do("POST", "/rules/template", url.Values{"brand": {"nord"}, "action": {"move_to_privat"}, "lang": {"de"}, "text": {"x"}}); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "move_to_private") {
		t.Errorf("an action that is none: %d", w.Code)
	}
	if w := g.do("POST", "/rules/template", url.Values{"brand": {"nord"}, "action": {"thank"}, "lang": {"de"}, "text": {"Danke {nme}"}}); w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), "did you mean &#34;name&#34;") {
		t.Errorf("a placeholder that is none: %d %.600s", w.Code, w.Body)
	}
	for path, form := range map[string]url.Values{"/rules/template": own, "/rules/contact": {"brand": {"nord"}, "link": {"https://nord.example/hilfe"}, "channel_de": {"Formular"}, "channel_en": {""}}} {
		if w := g.do("POST", path, form); w.Code != http.StatusSeeOther {
			t.Fatalf("%s: %d %.500s", path, w.Code, w.Body)
		}
	}
	if page := g.get("/rules/templates"); !strings.Contains(page, "Hallo Anna Berg, schreiben Sie uns: https://nord.example/hilfe") || !strings.Contains(page, "your own") {
		t.Errorf("the page does not show it:\n%.3000s", page)
	}
	if w := g.do("POST", "/draft/publish", nil); w.Code != http.StatusSeeOther {
		t.Fatalf("published: %d", w.Code)
	}
	var got struct {
		Offer struct{ Name, Action, Text string }
	}
	g.api("GET", talk+"?template=move_to_private", nil, &got)
	if got.Offer.Name != "nord/move_to_private/de" || got.Offer.Text != "Hallo anna, schreiben Sie uns: https://nord.example/hilfe" {
		t.Errorf("%+v", got)
	}
	var draft struct{ Answer string }
	if code := g.api("POST", talk+"/draft", url.Values{"template": {"move_to_private"}}, &draft); code != http.StatusOK || draft.Answer == "" {
		t.Errorf("a draft from a text: %d %+v", code, draft)
	}
	if code := g.api("POST", talk+"/draft", url.Values{"template": {"watch"}}, nil); code != http.StatusUnprocessableEntity {
		t.Errorf("a draft from an action that says nothing: %d", code)
	}
	for range 4 {
		h.step()
	}
	if len(h.net.posted) != 0 {
		t.Errorf("sent by itself: %q", h.net.posted)
	}
	var masked map[string]any
	h.enter("operator").api("GET", talk+"?template=thank", nil, &masked)
	if _, offered := masked["offer"]; offered {
		t.Errorf("who may not read what was said is offered texts with names: %v", masked)
	}
	if page := g.get(talk + "?template=thank"); !strings.Contains(page, "das freut uns sehr") || strings.Contains(page, "Viele Grüße, tester") {
		t.Error("the name of a link is signed with")
	}
	g.do("POST", "/rules/template", url.Values{"brand": {"nord"}, "index": {"0"}, "remove": {"1"}, "action": {"move_to_private"}, "lang": {"de"}})
	if strings.Contains(g.get("/configuration/edit"), "templates:") {
		t.Error("the last text is taken out, and its list is still there")
	}
}

// In a browser the preview follows what is typed.
func TestJourneyTemplate(t *testing.T) {
	d := sit(t, document)
	d.said("m1", "anna", "Danke, ihr seid großartig!")
	d.open("/rules/templates")
	d.write("#v-thank-de", "Hallo {nmae}!")
	d.see("there is no placeholder {nmae}")
	d.write("#v-thank-de", "Hallo[ {name}], wie schön!")
	d.see("Hallo Anna Berg, wie schön!")
	d.press(`form:has(#v-thank-de) .more button`)
	d.see("your own")
	d.open("/conversations")
	if talks := regexp.MustCompile(`href="(/conversations/[^"?]+)"`).FindStringSubmatch(d.enter().get("/conversations")); len(talks) > 1 {
		d.open(talks[1])
		d.press(`a[href^="?template=thank"]`)
		var text string
		if d.ok(d.b.Eval(`document.getElementById("text").value`, &text)); !strings.Contains(text, "das freut uns") {
			t.Errorf("the field has %q", text)
		}
	}
	d.usable()
	d.quiet()
}
