package console_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"rapport/shared/browser"
	"rapport/shared/decide"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/pipeline"
	"rapport/shared/queue"
	"rapport/shared/store"
	"rapport/shared/topology"
)

// desk is somebody at a real Chromium, in front of a console on a loopback port.
type desk struct {
	*home
	b    *browser.Browser
	base string
}

func sit(t testing.TB, document string) *desk {
	t.Helper()
	h := openWith(t, document)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.pass(50 * time.Millisecond)
		h.console.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	addr := server.Listener.Addr().(*net.TCPAddr)
	h.console.Allow(addr.String())
	b, err := browser.Open(t.Context(), 1280, 900)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	h.net.door = server.URL
	d := &desk{h, b, server.URL}
	link, err := h.console.Link(t.Context(), "tester")
	if err != nil {
		t.Fatal(err)
	}
	d.open(link)
	d.press("button.first")
	return d
}

func (d *desk) ok(err error) {
	d.t.Helper()
	if err != nil {
		var where, text string
		_ = d.b.Eval("location.href", &where)
		_ = d.b.Eval("document.querySelector('main')?.innerText", &text)
		d.t.Fatalf("at %s: %v\n%.800s\n%v", where, err, text, d.b.Wrong())
	}
}

func (d *desk) open(path string)      { d.t.Helper(); d.ok(d.b.Go(d.base + path)) }
func (d *desk) press(selector string) { d.t.Helper(); d.ok(d.b.Press(selector)) }

// write puts a text into a field as keys would.
func (d *desk) write(selector, text string) {
	d.t.Helper()
	quoted, _ := json.Marshal(selector)
	d.ok(d.b.Run(chromedp.Evaluate("document.querySelector("+string(quoted)+").value = ''", nil), chromedp.SendKeys(selector, text, chromedp.ByQuery)))
}

// see waits until the page shows a text, told until it says that something was done.
func (d *desk) see(text string)  { d.t.Helper(); d.shows("main", text) }
func (d *desk) told(text string) { d.t.Helper(); d.shows("div.say[role=status]", text) }

func (d *desk) shows(selector, text string) {
	d.t.Helper()
	quoted, _ := json.Marshal(text)
	holds := "document.querySelector('" + selector + "')?.innerText.includes(" + string(quoted) + ")"
	err := d.b.Run(chromedp.Poll(holds, nil))
	for tries := 0; err != nil && strings.Contains(err.Error(), "(-32000)") && tries < 5; tries++ { // the next page came meanwhile
		err = d.b.Run(chromedp.WaitReady("main"), chromedp.Poll(holds, nil))
	}
	d.ok(err)
}

// usable looks at a page that no address leads to, as TestEveryPage does at the others.
func (d *desk) usable() {
	d.t.Helper()
	var bad []string
	if d.ok(d.b.Eval(accessible, &bad)); len(bad) > 0 {
		d.t.Error(bad)
	}
}

func (d *desk) quiet() {
	d.t.Helper()
	if wrong := d.b.Wrong(); len(wrong) > 0 {
		d.t.Errorf("the page has errors: %v", wrong)
	}
}

// An admin connects a CRM, has our fields made in it, maps a field with a mistake, mends it, tries it, publishes, switches an
// object to write, and finds it in the CRM.
func TestJourneyMapping(t *testing.T) {
	before, _, _ := strings.Cut(document, "  - {name: hub,")
	d := sit(t, strings.Replace(before, "crms:\n", "crms: []\n", 1))
	d.open("/accounts/new")
	d.press(`a[href="?kind=hubspot"]`)
	d.write("#name", "hub")
	d.write(`[name="set.app_id"]`, "62515")
	d.write(`[name="secret.token"]`, token)
	d.press("form.stack button.first")
	d.see("not published")
	d.open("/draft")
	d.press(`form[action="/draft/publish"] button`)
	d.open("/accounts/hub")
	d.press(`form[action="/accounts/hub/setup"] button`)
	d.press(`button[name="make"]`)
	d.see("All of our fields are there.")
	d.usable()
	d.open("/accounts/hub")
	d.press(`form[action="/accounts/hub/test"] button`)
	d.see("What the test found")
	d.said("m1", "anna", "Die Lampe ist schon wieder kaputt, unverschämt!")
	d.open("/mapping")
	d.press(`a[href="/mapping/hub/1"]`)
	d.see("fields read from the CRM just now")
	const field = `[id="v-rapport_action"]`
	d.write(field, "upper(conversation.author.handel)")
	d.see(`did you mean "handle"?`)
	d.write(field, "upper(conversation.author.handle)")
	d.see("ANNA")
	d.write(`[id="newvalue"]`, "conversation.dep")
	d.ok(d.b.Run(chromedp.WaitVisible(".offer li"), chromedp.SendKeys(`[id="newvalue"]`, kb.ArrowDown+kb.Tab, chromedp.ByQuery)))
	var offered string
	d.ok(d.b.Eval(`document.getElementById("newvalue").value`, &offered))
	if offered != "conversation.department" {
		t.Errorf("taken from the offer: %q", offered)
	}
	const stage = `[id="v-hs_pipeline_stage"]`
	d.write(stage, `"`) // a text begins: the choices of the field are offered
	d.ok(d.b.Run(chromedp.WaitVisible(".offer li"), chromedp.SendKeys(stage, kb.ArrowDown+kb.Tab, chromedp.ByQuery)))
	d.ok(d.b.Eval(`document.querySelector('`+stage+`').value`, &offered))
	var choices string
	d.ok(d.b.Eval(`document.querySelector('[id="f-hs_pipeline_stage"] [data-choices]').textContent`, &choices))
	if word := strings.Trim(offered, `"`); word == "" || !slices.Contains(strings.Split(choices, ", "), word) || offered != `"`+word+`"` {
		t.Errorf("taken from the choices %q: %q", choices, offered)
	}
	d.press(`[id="f-rapport_action"] .more button`)
	d.see("There are changes that are not published.")
	d.open("/accounts/hub")
	d.press(`form:has(input[value="tickets"]) button[value="write"]`)
	d.see("decisions made again") // the dry run began by itself
	d.see("crms[hub].modes.tickets")
	d.usable()
	d.see("create")
	d.see("ANNA")
	if n := len(d.portal.Rows("tickets")); n != 0 {
		t.Errorf("a dry run wrote %d tickets", n)
	}
	d.open("/draft")
	d.write("#note", "tickets are written")
	d.press(`form[action="/draft/publish"] button`)
	d.see("tickets are written")
	d.said("m2", "ben", "Unverschämt, mein Rad ist kaputt und niemand antwortet!")
	found := false
	for _, r := range d.portal.Rows("tickets") {
		found = found || fmt.Sprint(r.Fields["rapport_action"]) == "BEN"
	}
	if !found {
		t.Error("the CRM does not hold what was mapped")
	}
	d.open("/configuration")
	d.see("Version 3 is in force")
	d.quiet()
}

// An admin connects an account by a form, publishes it, and logs in at the vendor; the secret goes where secrets are kept.
func TestJourneyConnect(t *testing.T) {
	d := sit(t, document)
	d.open("/accounts")
	d.press(`a[href="/accounts/new"]`)
	d.press(`a[href="?kind=site"]`)
	d.write("#name", "second")
	d.write(`[name="secret.token"]`, "s3cr3t-word")
	d.press("form.stack button.first")
	d.open("/draft")
	d.see("networks[second]")
	d.press(`form[action="/draft/publish"] button`)
	if _, ok := d.vault["env:SECOND_TOKEN"]; !ok {
		t.Error("the secret is not kept")
	}
	d.open("/accounts/site")
	d.press(`form[action="/accounts/site/login"] button`)
	d.see("The address to be registered there:")
	d.usable()
	d.quiet()
}

// Somebody answers a complaint, and sees that it was sent.
func TestJourneyAnswer(t *testing.T) {
	d := sit(t, document)
	d.said("m1", "anna", "Die Lampe ist schon wieder kaputt, unverschämt!")
	d.open("/conversations")
	d.press(`td.text a`)
	d.write("#text", "Das tut uns leid.")
	d.press(`form.stack button.first`)
	for range 4 {
		d.step()
	}
	if len(d.net.posted) != 1 || !strings.Contains(d.net.posted[0], "Das tut uns leid.") {
		t.Errorf("posted %q", d.net.posted)
	}
	d.open("/answers")
	d.see("sent")
	d.quiet()
}

// keys presses keys as somebody without a mouse does.
func (d *desk) keys(keys string) {
	d.t.Helper()
	d.ok(d.b.Run(chromedp.KeyEvent(keys)))
}

// tabTo moves on by the tab key until a control with a text has the focus.
func (d *desk) tabTo(text string) {
	d.t.Helper()
	for range 80 {
		var at string
		if d.ok(d.b.Eval("document.activeElement.innerText || ''", &at)); strings.TrimSpace(at) == text {
			return
		}
		d.keys(kb.Tab)
	}
	d.t.Fatalf("the tab key does not lead to %q", text)
}

// Links are reviewed without a mouse: one is accepted, one rejected, two persons become one, and that is undone.
func TestJourneyReview(t *testing.T) {
	d := sit(t, document)
	for i, who := range []string{"anna", "ben", "cleo"} {
		d.said(fmt.Sprint("m", i), who, "Die Lampe ist schon wieder kaputt, unverschämt!")
	}
	people := store.Table[pipeline.PersonRow]{Store: d.store, Name: "person"}
	authors := store.Table[pipeline.AuthorRow]{Store: d.store, Name: "author"}
	reviews := store.Table[pipeline.ReviewRow]{Store: d.store, Name: "review"}
	person := func(id, name string, author string) {
		p := flow.Person{ID: id, Name: name, Revision: 1}
		if author != "" {
			p.Authors, p.Links = []string{author}, []flow.Link{{To: author, Evidence: "the profile names the address", Class: "A", By: "rule"}}
		}
		if res := people.Put(t.Context(), &store.Row[pipeline.PersonRow]{Part: id, Sort: "-", Value: pipeline.PersonRow{Person: p}})[0]; res.Err != nil {
			t.Fatal(res.Err)
		}
		if _, err := authors.Update(t.Context(), author, "-", func(r *store.Row[pipeline.AuthorRow]) (bool, error) {
			r.Value.Person = id
			return author != "", nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	suggest := func(author, person string, sure float64) {
		reviews.Put(t.Context(), &store.Row[pipeline.ReviewRow]{Part: "nord", Sort: author + "#" + person, Value: pipeline.ReviewRow{Author: author, Person: person, Brand: "nord", Network: "site", Mention: "site:m0",
			Candidate: decide.Candidate{Person: person, Key: "email", Evidence: "the same address, claimed in public", Class: "B", Sure: sure}}})
	}
	person("p1", "Kundin Eins", "")
	person("p2", "Kunde Zwei", "")
	person("p3", "Kundin Drei", "site:cleo")
	person("p4", "Kundin Vier", "")
	suggest("site:anna", "p1", .98)
	suggest("site:ben", "p2", .9)
	suggest("site:cleo", "p4", .8)
	who := func(id string) []string {
		row, err := people.One(t.Context(), id, "-")
		if err != nil {
			t.Fatal(err)
		}
		return row.Value.Person.Authors
	}

	d.open("/review")
	d.see("Kundin Eins")
	d.usable()
	d.keys("a") // the likeliest has the focus
	d.told("Linked")
	if got := who("p1"); !slices.Equal(got, []string{"site:anna"}) {
		t.Errorf("accepted: %v", got)
	}
	d.keys("j") // down to the merge, up again to reject the other
	d.keys("k")
	d.keys("r")
	d.told("it is not suggested again")
	if got := who("p2"); len(got) != 0 {
		t.Errorf("rejected: %v", got)
	}
	d.keys("m")
	d.told("The two become one person")
	d.open("/review")
	d.keys("m") // once more, before anything of it was done
	d.told("The two become one person")
	for range 4 {
		d.step()
	}
	d.open("/review")
	d.see("Nothing to review.")
	winner := "p3"
	if len(who(winner)) == 0 {
		winner = "p4"
	}
	d.open("/people/" + winner)
	d.tabTo("Undo the merge")
	d.keys(kb.Enter)
	d.told("The merge is being undone")
	for range 6 {
		d.step()
	}
	if a, b := who("p3"), who("p4"); !slices.Equal(a, []string{"site:cleo"}) || len(b) != 0 {
		t.Errorf("after the merge was undone p3 has %v, p4 %v", a, b)
	}
	d.open("/people/" + winner)
	var page string
	if d.ok(d.b.Eval("document.body.innerText", &page)); strings.Contains(page, "Undo the merge") {
		t.Error("the merge can be undone twice")
	}
	d.quiet()
}

// What failed is counted first, then sent again: a dead delivery of a CRM, and dead letters of a queue by their cause.
func TestJourneyRedrive(t *testing.T) {
	d := sit(t, document)
	d.said("m1", "anna", "Die Lampe ist schon wieder kaputt, unverschämt!")
	body, err := json.Marshal(pipeline.Task{Delivery: flow.Delivery{Account: "hub", Mention: "site:m1"}, Lane: topology.DeliverUrgent})
	if err != nil {
		t.Fatal(err)
	}
	parked := store.Table[pipeline.ParkedRow]{Store: d.store, Name: "parked"}
	parked.Put(t.Context(), &store.Row[pipeline.ParkedRow]{Part: "hub#dead", Sort: "x", Value: pipeline.ParkedRow{Lane: topology.DeliverUrgent, Group: "hub", Body: body,
		Reason: "property rapport_action was too long", Dead: true, At: d.at()}})
	for i := range 3 {
		d.queue.Send(t.Context(), queue.Message{Lane: topology.Changes, Body: []byte("{")})
		for _, m := range d.queue.Receive(topology.Changes, 1) {
			d.queue.Settle(m, fault.New(fault.Invalid, "changes of hook %d: the account is not configured", i))
		}
	}
	d.open("/failures")
	d.see("The CRM refused what a field was to hold")
	d.see("property rapport_action was too long")
	d.see("The account is not configured")
	d.usable()
	const letters, deliveries = `form:has(input[value="changes"]) `, `form:has(input[value="hub"]) `
	d.press(letters + `button[name="try"]`)
	d.told("3 would be sent again; nothing was done")
	d.press(letters + `button[name="limit"][value="1"]`)
	d.told("1 sent again")
	d.press(letters + `button[value="5000"]`)
	d.told("2 sent again")
	d.press(deliveries + `button[value="5000"]`)
	d.see("Nothing failed.")
	d.quiet()
}

// A person is erased, and nothing of what they said is shown any more.
func TestJourneyErase(t *testing.T) {
	d := sit(t, document)
	d.said("m2", "ben", "Kaputtwort! Unverschämt.")
	d.open("/privacy")
	for _, field := range []string{"subject", "confirm"} {
		d.write("#"+field, "site:ben")
	}
	d.write("#reason", "asked by letter")
	d.press(`form[action="/privacy/erase"] button`)
	for range 20 {
		d.step()
	}
	d.open("/privacy")
	d.see("done")
	d.open("/mentions")
	var text string
	d.ok(d.b.Eval("document.body.innerText", &text))
	if strings.Contains(text, "Kaputtwort") {
		t.Error("what was erased is still shown")
	}
	d.quiet()
}

// An admin makes a topic: while they type, the newest mentions are searched; what is published is found in the next mention.
func TestJourneyTopic(t *testing.T) {
	d := sit(t, document)
	d.said("m1", "anna", "Das Fahrradschloss ist schon wieder kaputt, unverschämt!")
	d.said("m2", "ben", "Danke, ihr seid großartig!")
	d.open("/rules")
	d.press(`main a[href="/rules/topics"]`)
	d.usable()
	d.write(`#new-nord [name="name"]`, "Schlösser")
	d.write(`#new-nord [name="words"]`, "schloss, schlüssel")
	d.see("matches 1 of the newest 2")
	d.see("Fahrradschloss")
	d.press(`#new-nord button`)
	d.told("In the draft: topic Schlösser")
	d.open("/draft")
	d.press(`form[action="/draft/try"] button`)
	d.see("decisions made again")
	d.see("topics")
	d.open("/draft")
	d.press(`form[action="/draft/publish"] button`)
	d.said("m3", "cleo", "Mein Fahrradschloss klemmt.")
	d.open("/topics")
	d.see("Schlösser")
	row, err := store.Table[pipeline.MentionRow]{Store: d.store, Name: "mention"}.One(t.Context(), "site:m3", "-")
	if err != nil || !slices.Equal(row.Value.Decision.Topics, []string{"Schlösser"}) {
		t.Errorf("%v %v", err, row.Value.Decision.Topics)
	}
	d.quiet()
}

// BenchmarkPreview reports how soon after leaving a field its preview is there, in a real Chromium: the middle of 21, and the
// slowest.
func BenchmarkPreview(b *testing.B) {
	d := sit(b, document)
	for i := range 60 {
		d.said(fmt.Sprint("m", i), "anna", "Die Lampe ist schon wieder kaputt, unverschämt!")
	}
	d.open("/mapping/hub/1")
	for b.Loop() {
		var took []float64
		for i := range 21 {
			var ms float64
			d.ok(d.b.Run(chromedp.Evaluate(fmt.Sprintf(`new Promise((done) => { const a = document.getElementById("v-rapport_action"); a.focus(); a.value = "upper(conversation.author.handle) + \"%d\"";
				a.addEventListener("blur", () => { const t = performance.now(); document.getElementById("fields").addEventListener("previewed", () => done(performance.now() - t), { once: true }); }, { once: true });
				document.getElementById("newvalue").focus(); })`, i), &ms, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) })))
			took = append(took, ms)
		}
		slices.Sort(took)
		b.ReportMetric(took[len(took)/2], "median-ms")
		b.ReportMetric(took[len(took)-1], "slowest-ms")
	}
}

// accessible looks for what keeps people from using a page: controls and pictures without a name, ids that stand twice,
// headings that skip, tables without heads, and text that is too faint.
const accessible = `(() => {
  const bad = [], visible = (e) => e.checkVisibility() && e.getClientRects().length;
  const name = (e) => (e.getAttribute("aria-label") || [...(e.labels || [])].map((l) => l.innerText).join(" ") || e.innerText || e.title || e.getAttribute("placeholder") || "").trim();
  for (const e of document.querySelectorAll("a[href], button, input:not([type=hidden]), select, textarea")) if (visible(e) && !name(e)) bad.push("no name: " + e.outerHTML.slice(0, 120));
  for (const e of document.querySelectorAll("img:not([alt]), svg:not([aria-hidden]):not([aria-label])")) bad.push("no text: " + e.outerHTML.slice(0, 80));
  const ids = [...document.querySelectorAll("[id]")].map((e) => e.id);
  for (const id of new Set(ids.filter((x, i) => ids.indexOf(x) !== i))) bad.push("id twice: " + id);
  if (document.querySelectorAll("h1").length !== 1) bad.push("not one h1");
  if (!document.documentElement.lang || !document.title || !document.querySelector("main")) bad.push("no lang, title or main");
  if (document.querySelector("[tabindex]:not([tabindex='0']):not([tabindex='-1'])")) bad.push("tab order");
  if (document.documentElement.scrollWidth > innerWidth + 1) bad.push("wider than the window: " + [...document.querySelectorAll("main *")].filter((e) => e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 70)).slice(-2));
  const canvas = document.createElement("canvas"); canvas.width = canvas.height = 1;
  const ctx = canvas.getContext("2d", { willReadFrequently: true });
  const over = (colours) => { ctx.fillStyle = "#fff"; ctx.fillRect(0, 0, 1, 1); for (const c of colours) { ctx.fillStyle = c; ctx.fillRect(0, 0, 1, 1); } return [...ctx.getImageData(0, 0, 1, 1).data].slice(0, 3); };
  const light = (c) => { const [r, g, b] = c.map((v) => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; }); return .2126 * r + .7152 * g + .0722 * b; };
  const seen = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const e = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !visible(e) || e.closest("svg, .sr, option, script")) continue;
    const style = getComputedStyle(e), behind = [];
    for (let p = e; p; p = p.parentElement) behind.unshift(getComputedStyle(p).backgroundColor);
    const key = style.color + behind.join();
    if (seen.has(key)) continue;
    seen.add(key);
    const a = light(over(behind)), b = light(over([...behind, style.color]));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < 4.5) bad.push("contrast " + ratio.toFixed(2) + ": " + e.outerHTML.slice(0, 100));
  }
  return bad;
})()`

// Every page is free of errors, small, and usable by people who do not see it well, light and dark, wide and on a phone.
func TestEveryPage(t *testing.T) {
	d := sit(t, document)
	d.said("m1", "anna", "Die Lampe ist schon wieder kaputt, unverschämt!")
	d.said("m2", "ben", "Danke, ihr seid großartig!")
	var paths []string
	for _, rt := range d.console.Routes() {
		if rt.Method == "GET" && rt.Page != "" && !strings.Contains(concrete(rt.Path), "none") {
			paths = append(paths, concrete(rt.Path))
		}
	}
	if _, err := d.app.Start(t.Context(), pipeline.JobRow{ID: "e1", Kind: "erase", Erasure: flow.Erasure{ID: "e1", Author: "site:ben", Reason: "letter"}}); err != nil {
		t.Fatal(err)
	}
	talks := regexp.MustCompile(`href="(/conversations/[^"?]+)"`).FindStringSubmatch(d.enter().get("/conversations"))
	paths = append(paths, talks[1], "/jobs/e1", "/hooks?kind=site", "/audit?did=job", "/accounts/new?kind=site", "/accounts/new?kind=hubspot", "/find?q=anna", "/mentions?column=dead")
	for _, look := range []struct {
		dark  bool
		width int
		lang  string
	}{{false, 1280, "en"}, {true, 1280, "de"}, {false, 360, "de"}} {
		d.ok(d.b.Dark(look.dark))
		d.ok(d.b.Size(look.width, 800))
		d.open("/?lang=" + look.lang)
		for _, path := range paths {
			d.open(path)
			var bad []string
			d.ok(d.b.Eval(accessible, &bad))
			for _, x := range bad {
				t.Errorf("%s (%+v): %s", path, look, x)
			}
			if n := d.b.Loaded(); n > 100<<10 {
				t.Errorf("%s: %d bytes with all that belongs to it", path, n)
			}
			if wrong := d.b.Wrong(); len(wrong) > 0 {
				t.Errorf("%s: %v", path, wrong)
			}
		}
	}
}
