package pipeline_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/pipeline"
	"rapport/shared/queue"
)

// once fails the first write of a table.
func once(name string, err error) func(string, itemType) error {
	done := false
	return func(verb string, item itemType) error {
		if done || verb != "put" || !strings.HasPrefix(item.Part, name+"#") {
			return nil
		}
		done = true
		return err
	}
}

// An attempt that dies half way, wherever that is, leaves everything to the next: the case, the deadline, the person.
func TestAnAttemptMayDieAnywhere(t *testing.T) {
	for _, of := range []string{"person", "author", "conversation", "due", "mention", "line"} {
		for _, err := range []error{fault.New(fault.Transient, "throttled"), fault.New(fault.Ambiguous, "cut")} {
			r := newRig(t, options{})
			r.store.fail = once(of, err)
			r.hook(said("m1", "anna", complaint, start))
			r.live(2*time.Minute, 30*time.Second)
			c := r.conversation()
			if !c.Case || c.Due.IsZero() || len(c.Turns) != 1 || c.Revision != 1 {
				t.Errorf("%s, %v: the conversation is %+v", of, err, c)
			}
			if n := len(r.crm.all("case")); n != 1 {
				t.Errorf("%s, %v: %d cases", of, err, n)
			}
			r.live(2*time.Hour, 10*time.Minute)
			if row := r.crm.one("case"); row.Fields["note"] != "urgent" {
				t.Errorf("%s, %v: the answer is overdue, the case says %v", of, err, row.Fields["note"])
			}
			if a := table[pipeline.AuthorRow](r, "author"); len(a) != 1 {
				t.Errorf("%d authors", len(a))
			} else {
				for _, v := range a {
					if v.Seen.Mentions != 1 {
						t.Errorf("%s, %v: counted %d times", of, err, v.Seen.Mentions)
					}
				}
			}
		}
	}
}

// What lost a race goes again; the receipts of what was committed before stay where its lines say.
func TestReceiptsAreNeverReplaced(t *testing.T) {
	r := newRig(t, options{})
	conflict := once("author", fault.New(fault.Conflict, "somebody was faster"))
	r.store.fail = conflict
	r.hook(said("m1", "anna", complaint, start), said("m2", "berta", "Danke für die schnelle Hilfe!", start))
	r.hook(said("m3", "carla", complaint, start))
	r.run()
	lines := r.lines()
	if len(lines) != 3 {
		t.Fatalf("%d lines", len(lines))
	}
	for _, l := range lines {
		b, err := r.archive.Read(t.Context(), l.Archive)
		if err != nil {
			t.Fatalf("%s: %v", l.Mention, err)
		}
		i := slices.IndexFunc(b.Entries, func(e entryType) bool { return e.Mention == l.Mention && len(e.Inputs) > 0 && len(e.Decision) > 0 })
		if i < 0 {
			t.Errorf("the receipt of %s is not in %s", l.Mention, l.Archive)
		}
	}
	plan, err := r.app.Plan(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	again, err := r.app.Replay(t.Context(), plan, []string{"site"}, start.Add(-time.Hour), start.Add(time.Hour))
	if err != nil || again.Entries != 3 || again.Equal != 3 {
		t.Errorf("replay: %+v, %v", again, err)
	}
}

// With another configuration a replay tells what would differ, and changes nothing.
func TestReplayTellsWhatWouldDiffer(t *testing.T) {
	r := newRig(t, options{})
	r.hook(said("m1", "anna", complaint, start), said("m2", "berta", "Danke!", start))
	r.run()
	before := len(r.store.items)
	other, err := r.app.Check(t.Context(), []byte(basic+"filters:\n  - {name: nothing-broken, when: 'mention.text contains \"kaputt\"'}\n"), "candidate")
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.app.Replay(t.Context(), other, []string{"site"}, start.Add(-time.Hour), start.Add(time.Hour))
	if err != nil || got.Entries != 2 || got.Equal != 1 || len(got.Changed) != 1 || got.Changed[0].Mention != "site:m1" || !strings.Contains(string(got.Changed[0].Is), "nothing-broken") {
		t.Errorf("%+v, %v", got, err)
	}
	if len(got.Writes) != 2 || got.Writes[0].Verb != pipeline.WouldSkip || got.Writes[0].Object != "case" || got.Writes[1].Key != "rapport:mention:site:m1" || len(got.Risks) != 2 {
		t.Errorf("writes %+v, risks %q", got.Writes, got.Risks)
	}
	if len(r.store.items) != before {
		t.Error("a replay wrote something")
	}
}

// A changed mapping changes no decision, and shows which field of which record ends up otherwise, and by which rule.
func TestReplayTellsWhichFieldsWouldDiffer(t *testing.T) {
	r := newRig(t, options{})
	r.hook(said("m1", "anna", complaint, start), said("m2", "berta", "Danke!", start))
	r.hook(said("m3", "anna", "Und noch etwas ist kaputt", start.Add(time.Minute)))
	r.run()
	candidate := func(text string) pipeline.Replayed {
		t.Helper()
		other, err := r.app.Check(t.Context(), []byte(text), "candidate")
		if err != nil {
			t.Fatal(err)
		}
		got, err := r.app.Replay(t.Context(), other, []string{"site"}, start.Add(-time.Hour), start.Add(time.Hour))
		if err != nil || got.Entries != 3 {
			t.Fatalf("%+v, %v", got, err)
		}
		return got
	}
	if same := candidate(basic); len(same.Writes) != 0 || same.Equal != 3 {
		t.Errorf("the same configuration differs: %+v", same)
	}
	got := candidate(strings.Replace(basic, "note: sentiment", "note: upper(sentiment)", 1))
	if got.Verbs[pipeline.WouldUpdate] != 3 || len(got.Writes) != 3 {
		t.Fatalf("%+v", got)
	}
	w := got.Writes[0]
	if w.Account != "crm" || w.Object != "mention" || w.Key != "rapport:mention:site:m1" || len(w.Fields) != 1 || w.Fields[0].Field != "note" ||
		w.Fields[0].Old != "negative" || w.Fields[0].New != "NEGATIVE" || !strings.HasSuffix(w.Fields[0].Rule, "note: upper(sentiment)") {
		t.Errorf("%+v", w)
	}
	one, two := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", candidate(strings.Replace(basic, "note: sentiment", "note: upper(sentiment)", 1)))
	if one != two {
		t.Error("two replays differ")
	}
	fewer := candidate(strings.Replace(basic, "when: conversation.case", "when: conversation.severity > 2", 1))
	if fewer.Verbs[pipeline.WouldSkip] == 0 || fewer.Verbs[pipeline.WouldUpdate] != 0 || !strings.Contains(strings.Join(fewer.Risks, " "), "would not be written") {
		t.Errorf("cases for the worst alone: %+v %q", fewer.Verbs, fewer.Risks)
	}
}

// A hook whose fields are read otherwise is parsed again from the recorded body.
func TestReplayParsesAgain(t *testing.T) {
	r := newRig(t, options{})
	r.hook(said("m1", "anna", complaint, start), said("m2", "berta", "Danke!", start))
	r.run()
	other, err := r.app.Check(t.Context(), []byte(strings.Replace(basic, `kind: site, secrets: {secret: "env:HOOK"}}`, `kind: site, settings: {loud: true}, secrets: {secret: "env:HOOK"}}`, 1)), "candidate")
	if err != nil {
		t.Fatal(err)
	}
	got, err := r.app.Replay(t.Context(), other, []string{"site"}, start.Add(-time.Hour), start.Add(time.Hour))
	if err != nil || len(got.Writes) < 2 || got.Writes[len(got.Writes)-1].Fields[0].New != "DANKE!" {
		t.Errorf("%+v, %v", got, err)
	}
}

// What comes from the past makes no case, no deadline, no alert and nothing urgent, and says so in every record.
func TestHistory(t *testing.T) {
	r := newRig(t, options{edit: func(text string) string { return strings.Replace(text, "    when: conversation.case\n", "", 1) }})
	old := said("m1", "anna", complaint, start.Add(-3*time.Hour))
	old.Source = "history"
	r.hook(old)
	r.run()
	c := r.conversation()
	if c.Case || !c.Due.IsZero() || c.Source != "history" {
		t.Errorf("%+v", c)
	}
	for _, m := range r.sender.sent {
		if m.Lane == "deliver-urgent" {
			t.Error("the past is urgent")
		}
	}
	if row := r.crm.one("mention"); row.Fields["source"] != "history" {
		t.Error(row.Fields)
	}
	if strings.Contains(r.log.String(), "alert") {
		t.Errorf("the past alarms: %s", r.log.String())
	}
	r.live(10*time.Hour, time.Hour)
	if c := r.conversation(); c.Priority == "urgent" {
		t.Error("the past is overdue")
	}
	r.hook(said("m2", "anna", complaint, r.now))
	r.run()
	for _, v := range table[pipeline.ConversationRow](r, "conversation") {
		if v.Conversation.Root == "site:m2" && (!v.Conversation.Case || v.Conversation.Due.IsZero()) {
			t.Errorf("what happens now is treated like the past: %+v", v.Conversation)
		}
	}
}

// A backfill marks all it reads as history, in the bulk lane.
func TestBackfillIsHistory(t *testing.T) {
	r := newRig(t, options{})
	body, _ := json.Marshal([]flow.Event{said("m1", "anna", complaint, start.Add(-2*time.Hour))})
	r.net.past = func(string) (pageType, error) { return pageType{Bodies: []bodyType{{Data: body}}}, nil }
	if _, err := r.app.Start(t.Context(), jobOf("backfill")); err != nil {
		t.Fatal(err)
	}
	r.run()
	if l := r.line(ledger.Mention); l.Source != "history" {
		t.Error(l)
	}
	if !slices.ContainsFunc(r.sender.sent, func(m queue.Message) bool { return m.Lane == "mentions-bulk" }) || !r.net.seen[0].History {
		t.Error("it is not read as a backfill")
	}
	if n := len(r.crm.all("case")); n != 0 {
		t.Errorf("the past made %d cases", n)
	}
}

// The brand's own words, from whatever tool, stop the clock of whom they answer.
func TestTheBrandsOwnAnswerStopsTheClock(t *testing.T) {
	question := said("m1", "anna", complaint, start)
	answer := func(id, parent string, at time.Time) flow.Event {
		e := said(id, "nord", "Das tut uns leid.", at)
		e.Mention.Direction, e.Mention.Parent = flow.Out, "site:"+parent
		return e
	}
	for _, c := range []struct {
		name   string
		bodies [][]flow.Event
		status flow.Status
		turns  int
	}{
		{"later", [][]flow.Event{{question}, {answer("o1", "m1", start.Add(time.Minute))}}, flow.Answered, 2},
		{"in the same body", [][]flow.Event{{question, answer("o1", "m1", start.Add(time.Minute))}}, flow.Answered, 2},
		{"twice", [][]flow.Event{{question}, {answer("o1", "m1", start.Add(time.Minute)), answer("o2", "o1", start.Add(2*time.Minute))}}, flow.Answered, 3},
		{"to somebody else", [][]flow.Event{{question}, {answer("o1", "m9", start.Add(time.Minute))}}, flow.Waiting, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, options{})
			for _, events := range c.bodies {
				r.hook(events...)
				r.run()
			}
			got := r.conversation()
			if got.Status != c.status || len(got.Turns) != c.turns {
				t.Errorf("%s with %d turns, want %s with %d", got.Status, len(got.Turns), c.status, c.turns)
			}
			if got.Status == flow.Answered {
				if row := r.crm.one("case"); row.Fields["state"] != "answered" {
					t.Errorf("the case says %v", row.Fields["state"])
				}
				r.live(2*time.Hour, 10*time.Minute)
				if c := r.conversation(); c.Priority == "urgent" {
					t.Error("answered, and overdue")
				}
			}
		})
	}
}

// Answers join the thread of what they answer, also when both come in one body, and stay there when they are edited.
func TestThreads(t *testing.T) {
	root := said("m1", "berta", "What does the big one cost?", start)
	child := said("m2", "anna", complaint, start.Add(time.Minute))
	child.Mention.Parent = "site:m1"
	grandchild := said("m3", "anna", complaint+" Wirklich!", start.Add(2*time.Minute))
	grandchild.Mention.Parent = "site:m2"
	for _, bodies := range [][][]flow.Event{
		{{root}, {child}, {grandchild}},
		{{root, child, grandchild}},
		{{root}, {child, grandchild}},
		{{root, child, grandchild, edited(grandchild, "Kaputt, schon wieder, unverschämt!", start.Add(3*time.Minute))}},
	} {
		r := newRig(t, options{})
		for _, b := range bodies {
			r.hook(b...)
			r.run()
		}
		r.hook(edited(child, complaint+" Edit.", start.Add(10*time.Minute)))
		r.run()
		n := 0
		for _, v := range table[pipeline.ConversationRow](r, "conversation") {
			if v.Conversation.Author.ID == "site:anna" {
				n++
				said := slices.DeleteFunc(slices.Clone(v.Conversation.Turns), func(t flow.Turn) bool { return t.Edited })
				if v.Conversation.Root != "site:m1" || len(said) != 2 {
					t.Errorf("anna's exchange is under %s with %d turns", v.Conversation.Root, len(said))
				}
			}
		}
		if n != 1 {
			t.Errorf("anna has %d exchanges in one thread", n)
		}
	}
}

// A deletion reaches the exchange it belongs to, though another followed it in the same place.
func TestWhatHappensToAnEarlierExchange(t *testing.T) {
	r := newRig(t, options{})
	dm := func(id, text string, at time.Time) flow.Event {
		e := said(id, "anna", text, at)
		e.Mention.Kind, e.Mention.Private = flow.Message, true
		return e
	}
	first := dm("m1", complaint, start)
	r.hook(first)
	r.run()
	r.change(flow.Change{Object: "case", Record: r.crm.one("case").ID, Key: r.crm.one("case").Key, Verb: "update", Fields: map[string]any{"@status": "closed"}})
	r.run()
	r.pass(30 * 24 * time.Hour)
	r.hook(dm("m2", complaint+" Schon wieder!", r.now))
	r.run()
	if n := len(r.crm.all("case")); n != 2 {
		t.Fatalf("%d cases, want a second one", n)
	}
	r.hook(deleted(first, r.now))
	r.run()
	r.live(3*time.Minute, time.Minute)
	cases := r.crm.all("case")
	if s, _ := cases[0].Fields["subject"].(string); strings.Contains(s, "kaputt") {
		t.Errorf("the earlier case still says %q", s)
	}
	if s, _ := cases[0].Fields["first"].(string); strings.Contains(s, "kaputt") {
		t.Errorf("what was set once still says %q", s)
	}
	if s, _ := cases[1].Fields["subject"].(string); !strings.Contains(s, "kaputt") {
		t.Errorf("the later case lost its subject: %q", s)
	}
}

// Two exchanges put aside while somebody else was faster: the older state does not stay.
func TestALateEventIsOverdueAtOnce(t *testing.T) {
	r := newRig(t, options{})
	r.tick()
	r.hook(said("m1", "anna", complaint, start.Add(-20*time.Hour)))
	r.run()
	r.live(3*time.Minute, time.Minute)
	if c := r.conversation(); c.Priority != "urgent" {
		t.Errorf("its answer was owed yesterday, nobody is told: %+v", c)
	}
	if row := r.crm.one("case"); row.Fields["note"] != "urgent" {
		t.Errorf("the case says %v", row.Fields["note"])
	}
}

// Nothing of an author who objected is kept: not by itself, and not in the body it came in with others.
func TestObjection(t *testing.T) {
	r := newRig(t, options{})
	r.hook(said("m1", "anna", complaint+" Annas Geheimnis", start))
	r.run()
	if _, err := r.app.Erase(t.Context(), flow.Erasure{Author: "site:anna", Reason: "objection"}, start.Add(-time.Hour), start.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	r.sender.bodies = nil
	r.hook(said("m2", "berta", complaint, start), said("m3", "anna", complaint+" Annas Geheimnis", start), said("m1", "anna", complaint+" Annas Geheimnis", start))
	r.sender.bodies = nil // the body itself
	r.run()
	if where := r.everywhere("Annas Geheimnis"); len(where) > 0 {
		t.Errorf("anna objected, and stands in %v", where)
	}
	if where := r.everywhere("Name of anna"); len(where) > 0 {
		t.Errorf("anna's name stands in %v", where)
	}
	var outcomes []string
	for _, l := range r.lines() {
		outcomes = append(outcomes, string(l.Outcome))
	}
	if want := []string{"mention", "mention", "suppressed", "merged"}; !slices.Equal(outcomes, want) {
		t.Errorf("%v, want %v", outcomes, want)
	}
}

// Data that must go within two days never reaches the archive.
func TestShortLivedDataIsNotArchived(t *testing.T) {
	r := newRig(t, options{})
	r.net.rules.StoreFor = 48 * time.Hour
	r.boot()
	r.hook(said("m1", "anna", complaint, start), said("m2", "berta", complaint, start))
	r.run()
	for _, where := range r.everywhere("kaputt") {
		if strings.HasPrefix(where, "archive") {
			t.Errorf("it stands in the %s", where)
		}
	}
	s, err := r.app.Story(t.Context(), "site:m1")
	if err != nil || len(s.Receipts) == 0 {
		t.Errorf("its receipts are not in the store either: %v", err)
	}
}

// The body of an array is kept once, whole.
func TestRawBodiesAreKept(t *testing.T) {
	r := newRig(t, options{})
	r.hook(said("m1", "anna", complaint, start), said("m2", "berta", complaint, start))
	r.hook(said("m3", "carla", complaint, start))
	r.run()
	var raw []string
	for ref, err := range r.archive.List(t.Context(), "site", time.Time{}, time.Time{}) {
		if err != nil {
			t.Fatal(err)
		}
		b, err := r.archive.Read(t.Context(), ref)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range b.Entries {
			if len(e.Raw) > 0 {
				raw = append(raw, e.Mention+" "+string(e.Raw[:1]))
			}
		}
	}
	slices.Sort(raw)
	if want := []string{" [", "site:m3 ["}; !slices.Equal(raw, want) {
		t.Errorf("%q, want %q", raw, want)
	}
}

// Reactions are counted once; when they make a complaint grow, people hear of it and the CRM learns the numbers.
func TestReactions(t *testing.T) {
	r := newRig(t, options{edit: func(text string) string {
		return strings.Replace(text, "      note: sentiment\n", "      note: sentiment\n      likes: {value: mention.likes, wins: rapport}\n", 1)
	}})
	e := said("m1", "anna", complaint, start)
	r.hook(e)
	r.run()
	likes := func(n int) {
		x := e
		x.Verb, x.Mention.Likes, x.At = flow.Reaction, n, r.now
		r.hook(x)
		r.run()
	}
	likes(5)
	likes(5)
	if n := strings.Count(r.log.String(), "msg=alert"); n != 0 {
		t.Errorf("%d alerts of five reactions: %s", n, r.log.String())
	}
	likes(150)
	likes(160)
	if n := strings.Count(r.log.String(), "growing complaint"); n != 1 {
		t.Errorf("%d alerts, want one: %s", n, r.log.String())
	}
	if strings.Contains(r.log.String(), "kaputt") {
		t.Error("the log holds content")
	}
	r.live(2*time.Minute, time.Minute)
	if row := r.crm.one("mention"); row.Fields["likes"] != 150 {
		t.Errorf("the CRM says %v likes", row.Fields["likes"])
	}
	for _, v := range table[pipeline.AuthorRow](r, "author") {
		if int(v.Seen.Reactions+0.5) != 160 {
			t.Errorf("%v reactions counted", v.Seen.Reactions)
		}
	}
}

// A person is who a strong key in a private message leads to; what is claimed in public only suggests.
func TestPersonsAreFoundByStrongKeys(t *testing.T) {
	for _, c := range []struct {
		name    string
		text    string
		private bool
		linked  bool
	}{
		{"e-mail in private", "Meine Adresse ist Anna@Example.org, alles kaputt!", true, true},
		{"phone in private, written otherwise", "Rufen Sie mich an: 0170 1234567, alles kaputt!", true, true},
		{"e-mail in public", "Meine Adresse ist anna@example.org, alles kaputt!", false, false},
		{"another e-mail", "Meine Adresse ist berta@example.org, alles kaputt!", true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, options{})
			r.crm.write(recordType{Object: "contact", Key: "", Fields: map[string]any{"name": "Anna A."}})
			r.change(flow.Change{Object: "contact", Record: "1", Verb: "update", Fields: map[string]any{"@email": "anna@example.org", "@phone": "+49 (170) 12 34 567"}})
			r.run()
			e := said("m1", "anna", c.text, start)
			if c.private {
				e.Mention.Kind = flow.Message
			}
			r.hook(e)
			r.run()
			row := r.crm.one("contact")
			if got := row.Fields["accounts"] == "site:anna"; got != c.linked {
				t.Errorf("linked: %v, want %v (%v)", got, c.linked, row.Fields)
			}
			if row.Fields["name"] != "Anna A." {
				t.Errorf("the contact is called %v now", row.Fields["name"])
			}
			for k := range r.store.items {
				if strings.Contains(k.Part, "example.org") || strings.Contains(k.Part, "1234567") {
					t.Errorf("a strong key stands in the clear: %s", k.Part)
				}
			}
		})
	}
}

// A stranger becomes a contact only where the account wants that, after writing privately with an e-mail or phone.
func TestPersonPolicy(t *testing.T) {
	private := said("m1", "anna", "Meine Adresse ist anna@example.org, alles kaputt!", start)
	private.Mention.Kind = flow.Message
	public := said("m1", "anna", "Meine Adresse ist anna@example.org, alles kaputt!", start)
	past := private
	past.Source = "history"
	for _, c := range []struct {
		name   string
		create bool
		event  flow.Event
		want   int
	}{
		{"link only", false, private, 0}, {"create", true, private, 1}, {"create, in public", true, public, 0}, {"create, in the past", true, past, 0},
	} {
		r := newRig(t, options{edit: func(text string) string {
			if c.create {
				return strings.Replace(text, "mode: write", "mode: write, person: create", 1)
			}
			return text + "\n"
		}})
		r.store.fail = once("author", fault.New(fault.Transient, "throttled"))
		r.hook(c.event)
		r.live(time.Minute, 20*time.Second)
		if n := len(r.crm.all("contact")); n != c.want {
			t.Errorf("%s: %d contacts, want %d", c.name, n, c.want)
		}
	}
}

// A filtered mention does not wipe the author's score, and a linked person's follows it.
func TestScores(t *testing.T) {
	r := newRig(t, options{config: basic + "filters:\n  - {name: dull, when: 'mention.text contains \"langweilig\"'}\n"})
	r.hook(said("m1", "anna", complaint, start))
	r.run()
	r.hook(said("m2", "anna", "langweilig", start.Add(time.Minute)))
	r.run()
	for _, v := range table[pipeline.AuthorRow](r, "author") {
		if v.Score.Total == 0 {
			t.Errorf("the score is gone: %+v", v.Score)
		}
	}
}

// A missing archive stops everything before anything is written.
func TestNothingIsCommittedBeforeTheArchive(t *testing.T) {
	r := newRig(t, options{})
	r.hook(said("m1", "anna", complaint, start))
	batch := r.queue.Receive("mentions-live", 10)
	before := len(r.store.items)
	p := pipeline.New(pipeline.Options{Store: r.store, Queue: r.sender, Archive: brokenArchive{r.archive}, Secrets: r, Networks: r.nets, CRMs: r.crms, Plans: r.app, Pepper: []byte("p"), Ports: r.ports})
	if errs := p.Enrich(t.Context(), batch); errs[0] == nil {
		t.Error("nobody says that the archive is down")
	}
	if len(r.store.items) != before {
		t.Error("something was committed without its receipt")
	}
}

var errDown = errors.New("the archive is down")
