package decide

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rapport/shared/config"
	"rapport/shared/flow"
)

var now = time.Date(2026, 11, 18, 10, 0, 0, 0, time.UTC) // a Wednesday

func document() *config.Document {
	return &config.Document{
		Score: config.Score{Strangers: true},
		Brands: []config.Brand{{
			Name: "nordlicht", Title: "Nordlicht", Terms: []string{"@nordlicht"}, Official: []string{"mastodon:ours"}, Region: "DE",
			Protected: []string{"mastodon:vip"}, Numbers: map[string]string{"order_number": `\bNL-\d{6}\b`},
			Calendar: config.Calendar{Zone: "Europe/Berlin", Hours: map[string]string{"mon": "09:00-17:00", "tue": "09:00-17:00", "wed": "09:00-17:00", "thu": "09:00-17:00", "fri": "09:00-17:00"}},
		}},
	}
}

func decider(t testing.TB, change func(*config.Document)) *Decider {
	t.Helper()
	doc := document()
	if change != nil {
		change(doc)
	}
	d, err := New(doc)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// inputs are of a public post that somebody unknown made just now.
func inputs(text string) Inputs {
	m := flow.Mention{
		ID: "mastodon:1", Network: "mastodon", Account: "fedi", Brand: "nordlicht", Kind: flow.Post, Direction: flow.In, Text: text, Created: now.Add(-time.Minute),
		Permalink: "https://social.example/1", Author: flow.Author{ID: "mastodon:ada", Handle: "ada", Name: "Ada", Counted: true, Followers: 300},
	}
	return Inputs{Now: now, Model: Model, Event: flow.Event{Verb: flow.New, At: m.Created, Mention: m}, Source: "live", MayMatch: "yes", MayScore: true}
}

// said continues a conversation with another mention, later.
func said(before Decision, id, text string, later time.Duration) Inputs {
	in := inputs(text)
	in.Conversation = before.Conversation
	in.Now = now.Add(later)
	in.Event.Mention.ID, in.Event.Mention.Root = id, "mastodon:1"
	in.Event.Mention.Created = in.Now.Add(-time.Minute)
	in.Event.At = in.Event.Mention.Created
	return in
}

const complaint = "@nordlicht Seit drei Wochen keine Antwort, die Rechnung ist schon wieder falsch!"

func TestComplaint(t *testing.T) {
	d := decider(t, nil)
	got := d.Decide(inputs(complaint))
	if got.Outcome != Mention || got.Lang != "de" || !got.Complaint || got.Sentiment != "negative" || got.Department != "service" {
		t.Errorf("%+v", got)
	}
	c := got.Conversation
	if c == nil || c.Status != flow.Waiting || !c.Case || c.Number != 1 || c.Revision != 1 || !strings.HasPrefix(c.Subject, "Beschwerde: @nordlicht Seit drei") || len(c.Turns) != 1 {
		t.Fatalf("%+v", c)
	}
	if c.ID != flow.ConversationID("fedi", "mastodon:1", "mastodon:ada", false) {
		t.Error("another id")
	}
	// Severity 2 is high: two working hours after 10:59 in Berlin.
	if want := time.Date(2026, 11, 18, 11, 59, 0, 0, time.UTC); got.Priority != "high" || !c.Due.Equal(want) || !got.Due.Equal(want) {
		t.Errorf("priority %s, due %s; want high, %s", got.Priority, c.Due, want)
	}
	if !got.Urgent || got.Action == "" || got.Why == "" || slices.Contains(got.Forbidden, got.Action) {
		t.Errorf("%+v", got)
	}
	of := func(what string) bool {
		return slices.ContainsFunc(got.Receipts, func(r Receipt) bool { return r.Of == what && r.Say != "" })
	}
	for _, what := range []string{"language", "sentiment", "complaint", "intent", "identity", "score", "route", "action", "conversation"} {
		if !of(what) {
			t.Errorf("no receipt of %s", what)
		}
	}
}

func TestSuppression(t *testing.T) {
	d := decider(t, nil)
	in := inputs(complaint)
	in.Objected = true
	if got := d.Decide(in); got.Outcome != Suppressed || got.Reason != "objection" || got.Conversation != nil || got.Lang != "" {
		t.Errorf("%+v", got)
	}
	none := decider(t, func(doc *config.Document) { doc.Basis = config.Basis{"service": "none"} })
	if got := none.Decide(inputs(complaint)); got.Outcome != Suppressed || !strings.Contains(got.Reason, "service") {
		t.Errorf("%+v", got)
	}
}

func TestBasisAndProfile(t *testing.T) {
	in := inputs(complaint)
	in.Candidates = []Candidate{{Person: "p1", Key: "email", Evidence: "e-mail address sent in a private message", Class: "A"}}
	for _, c := range []struct {
		name          string
		basis         config.Basis
		match         string
		may           bool
		consented     []string
		objected      string
		linked, score bool
	}{
		{"all may be done", nil, "yes", true, nil, "", true, true},
		{"no basis", config.Basis{"matching": "none", "scoring": "none"}, "yes", true, nil, "", false, false},
		{"consent missing", config.Basis{"matching": "consent", "scoring": "consent"}, "yes", true, nil, "", false, false},
		{"consent given", config.Basis{"matching": "consent", "scoring": "consent"}, "yes", true, []string{"matching", "scoring"}, "", true, true},
		{"the network forbids", nil, "no", false, nil, "", false, false},
		{"the network wants consent", nil, "optin", true, nil, "", false, true},
		{"the network has consent", nil, "optin", true, []string{"matching"}, "", true, true},
		{"the network wants to know how it was told", nil, "told", true, nil, "", true, true},
		{"nothing is known of the network", nil, "", false, nil, "", false, false},
	} {
		d := decider(t, func(doc *config.Document) { doc.Basis = c.basis })
		in.MayMatch, in.MayScore, in.Consented = c.match, c.may, c.consented
		got := d.Decide(in)
		if (got.Person != "") != c.linked || (got.Link != nil) != c.linked || (len(got.Score.Parts) > 0) != c.score || (got.Seen.Mentions > 0) != c.score {
			t.Errorf("%s: person %q, link %v, score %+v, seen %+v", c.name, got.Person, got.Link, got.Score, got.Seen)
		}
	}
	in.Candidates, in.MayMatch = slices.Clone(in.Candidates), "told"
	for i := range in.Candidates {
		in.Candidates[i].Evidence = ""
	}
	if got := decider(t, nil).Decide(in); got.Person != "" || got.Link != nil {
		t.Errorf("matched without evidence on a network that wants it: %+v", got.Link)
	}
	in.Candidates, in.Consented, in.MayMatch, in.MayScore = nil, nil, "yes", true
	in.Person = &flow.Person{ID: "p1", Objected: []string{"matching", "scoring"}}
	if got := decider(t, nil).Decide(in); got.Person != "" || got.Score.Total != 0 || len(got.Score.Parts) != 0 {
		t.Errorf("an objection was passed over: %+v", got)
	}
}

func TestFilters(t *testing.T) {
	d := decider(t, func(doc *config.Document) {
		doc.Filters = []config.Rule{{Name: "other brand", When: "true", Brands: []string{"else"}}, {Name: "spam", When: `"spam" in intents`}, {Name: "bots", When: "author.bot"}}
	})
	spam := inputs("Buy followers now, DM us, 10k for $19, link in bio")
	if got := d.Decide(spam); got.Outcome != Filtered || got.Reason != "spam" || got.Conversation != nil {
		t.Errorf("%+v", got)
	}
	spam.Person = &flow.Person{ID: "p1"}
	if got := d.Decide(spam); got.Outcome != Mention || !slices.Contains(got.Intents, "spam") {
		t.Errorf("somebody known was dropped: %+v", got)
	}
	if got := decider(t, nil).Decide(inputs("Buy followers now, DM us, 10k for $19, link in bio")); got.Outcome != Mention {
		t.Error("spam was dropped without a rule")
	}
	bot := inputs(complaint)
	bot.Event.Mention.Author.Bot = true
	if got := d.Decide(bot); got.Reason != "bots" {
		t.Errorf("%+v", got)
	}
}

func TestRoutingAndActions(t *testing.T) {
	d := decider(t, func(doc *config.Document) {
		doc.Routing = []config.Route{{Name: "bills", When: `complaint and text contains "Rechnung"`, Department: "legal", Priority: "urgent"}}
		doc.Actions = []config.Action{{Name: "never", When: `department == "sales"`, Do: "thank"}, {Name: "phone", When: `department == "legal" and priority == "urgent"`, Do: "call_back"}}
	})
	got := d.Decide(inputs(complaint))
	if got.Route != "bills" || got.Department != "legal" || got.Priority != "urgent" || got.Action != "call_back" || got.Conversation.Department != "legal" {
		t.Errorf("%+v", got)
	}
}

func TestMistakesInRules(t *testing.T) {
	_, err := New(&config.Document{
		Brands:  []config.Brand{{Name: "n", Calendar: config.Calendar{Zone: "Europe/Nowhere"}, SLA: map[string]string{"high": "soon"}}},
		Filters: []config.Rule{{Name: "a", When: "true"}, {Name: "empty"}, {Name: "typo", When: `complant and author.handel == "x"`}},
		Routing: []config.Route{{Name: "r", When: "severity", Department: "servise"}},
		Actions: []config.Action{{Name: "x", When: "true", Do: "reply_publik"}},
		Score:   config.Score{Max: map[string]int{"reach": 5}},
	})
	if err == nil {
		t.Fatal("it passed")
	}
	for _, want := range []string{`filters[1] "empty"`, `filters[2] "typo": 1:1: unknown name complant`, `did you mean "complaint"?`, `routing[0] "r"`, `did you mean "service"?`,
		`did you mean "reply_public"?`, "Europe/Nowhere", "sla.high", "sums to 5"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("…%s… is missing in:\n%v", want, err)
		}
	}
}

func TestPersonalData(t *testing.T) {
	d := decider(t, nil)
	in := inputs("Wo bleibt Bestellung NL-204499? Bitte an ada@firma.example")
	got := d.Decide(in)
	if want := "Wo bleibt Bestellung [order number]? Bitte an [email]"; got.Safe != want || got.Found != nil || !slices.Equal(got.PII, []string{"email", "order_number"}) {
		t.Errorf("%q %v %v", got.Safe, got.Found, got.PII)
	}
	if !slices.Contains(got.Forbidden, "reply_public") {
		t.Error("it may be answered in public")
	}
	text, _ := json.Marshal(got)
	if strings.Contains(string(text), "204499") || strings.Contains(string(text), "ada@firma") {
		t.Errorf("a public value is kept: %s", text)
	}
	in.Event.Mention.Kind, in.Event.Mention.Private = flow.Message, true
	if got := d.Decide(in); got.Safe != "" || len(got.Found) != 2 || got.Found[1].Value != "ada@firma.example" {
		t.Errorf("%q %v", got.Safe, got.Found)
	}
}

func TestKeys(t *testing.T) {
	in := inputs("Kundennummer 4711-0815, 030 23125071")
	m := in.Event.Mention
	m.Author.Bio, m.Author.Proven = "mail: ada@firma.example", []string{"https://www.ada.example/"}
	check := func(class string) {
		t.Helper()
		var got []string
		for _, k := range Keys(m, document().Brands[0]) {
			got = append(got, k.Kind+"="+k.Value+"/"+k.Class)
		}
		want := "author=mastodon:ada/A customer_number=4711-0815/" + class + " phone=+493023125071/" + class + " email=ada@firma.example/B domain=ada.example/A"
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s\nwant %s", s, want)
		}
		if other := decider(t, nil).Keys(m); len(other) != len(got) {
			t.Errorf("%v", other)
		}
	}
	check("B")
	m.Private = true
	check("A")
	m.Direction = flow.Out
	if Keys(m, config.Brand{}) != nil {
		t.Error("the brand itself has keys")
	}
}

func TestImpostorAndProtected(t *testing.T) {
	d := decider(t, nil)
	in := inputs("Contact us here for a refund")
	in.Event.Mention.Author = flow.Author{ID: "mastodon:9", Handle: "nordlicht_support"}
	if got := d.Decide(in); !got.Impostor || got.Department != "marketing" || got.Alert == "" || !got.Urgent {
		t.Errorf("%+v", got)
	}
	in = inputs(complaint)
	in.Event.Mention.Author.ID = "mastodon:vip"
	if got := d.Decide(in); got.Priority != "urgent" || !strings.Contains(got.Alert, "protected") {
		t.Errorf("%+v", got)
	}
}

func TestReactionsGrow(t *testing.T) {
	d := decider(t, nil)
	in := inputs(complaint)
	before := in.Event.Mention
	before.Likes = 60
	in.Event.Mention.Likes, in.Event.Verb, in.Before = 130, flow.Reaction, &before
	in.Seen = Seen{Mentions: 1, Reactions: 60, Last: now}
	got := d.Decide(in)
	if got.Seen.Reactions != 130 || got.Seen.Mentions != 1 || !strings.Contains(got.Alert, "growing") || got.Conversation != nil {
		t.Errorf("seen %+v, alert %q", got.Seen, got.Alert)
	}
	before.Likes = 120
	if got := d.Decide(in); got.Alert != "" {
		t.Errorf("a second alert: %q", got.Alert)
	}
}

func TestMentions(t *testing.T) {
	for text, want := range map[string]bool{"Der ÖKOSTROM!": true, "ökostrom": true, "Okostrom": false, "": false, "ö": false} {
		if got := mentions(text, "ökostrom"); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// The same Inputs give the same bytes, and are not touched.
func TestPure(t *testing.T) {
	d := decider(t, nil)
	rapid.Check(t, func(t *rapid.T) {
		in := inputs(rapid.SampledFrom([]string{complaint, "danke!", "Was kostet das?", "", "Buy followers, DM us now"}).Draw(t, "text") + rapid.StringN(0, 40, 200).Draw(t, "more"))
		in.Event.Verb = rapid.SampledFrom([]flow.Verb{flow.New, flow.Edit, flow.Delete, flow.Reaction}).Draw(t, "verb")
		in.Source = rapid.SampledFrom([]string{"live", "history", "test"}).Draw(t, "source")
		if rapid.Bool().Draw(t, "again") {
			in.Conversation = d.Decide(inputs(complaint)).Conversation
			in.Event.Mention.ID = rapid.SampledFrom([]string{"mastodon:1", "mastodon:2"}).Draw(t, "id")
		}
		before, _ := json.Marshal(in)
		one, _ := json.Marshal(d.Decide(in))
		two, _ := json.Marshal(d.Decide(in))
		after, _ := json.Marshal(in)
		if string(one) != string(two) {
			t.Fatalf("%s\n%s", one, two)
		}
		if string(before) != string(after) {
			t.Fatalf("the inputs were changed:\n%s\n%s", before, after)
		}
	})
}

func FuzzDecide(f *testing.F) {
	f.Add(complaint, "ada", "bio", byte(0))
	f.Add("\xff #@ [at] 🙄🙄 ??? DE89 0171", "\xfe", "Journalist", byte(7))
	d := decider(f, nil)
	f.Fuzz(func(t *testing.T, text, handle, bio string, bits byte) {
		in := inputs(text)
		m := &in.Event.Mention
		m.Author.Handle, m.Author.Bio, m.Private, m.Rating = handle, bio, bits&1 > 0, int(bits>>5)
		if bits&2 > 0 {
			in.Event.Verb = flow.Edit
			in.Conversation = d.Decide(inputs(complaint)).Conversation
		}
		got := d.Decide(in)
		if got.Outcome == "" || len(got.Intents) == 0 || got.Polarity < -1 || got.Polarity > 1 || got.Confidence < 0 || got.Confidence > 1 {
			t.Errorf("%+v", got)
		}
	})
}

// Of the posts held back nine in ten are shorter than the first of these, and none is as long as the second.
func BenchmarkDecide(b *testing.B) {
	d := decider(b, nil)
	for _, c := range []struct{ name, text string }{
		{"usual", "@nordlicht Seit drei Wochen warte ich auf meine Rückerstattung. Kann sich bitte endlich jemand melden?"},
		{"long", "@nordlicht Seit drei Wochen warte ich auf meine Rückerstattung, und am Telefon sagt man mir jedes Mal etwas anderes. Erst hieß es, die Buchhaltung " +
			"müsse noch zustimmen, dann war das System nicht erreichbar, und gestern bin ich nach zwanzig Minuten in der Warteschleife einfach aus der Leitung geflogen. " +
			"Ich bin seit zwölf Jahren bei euch und war eigentlich immer zufrieden, aber so langsam reicht es mir wirklich. Kann sich bitte endlich jemand melden, der " +
			"mir eine klare Auskunft gibt? Sonst suche ich mir zum Jahresende einen anderen Anbieter, so leid mir das tut. Viele Grüße aus dem Regen!"},
	} {
		b.Run(c.name, func(b *testing.B) {
			in := inputs(c.text)
			b.ReportAllocs()
			b.SetBytes(int64(len(c.text)))
			for b.Loop() {
				d.Decide(in)
			}
		})
	}
}
