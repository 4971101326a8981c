package pipeline_test

import (
	"strings"
	"testing"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/pipeline"
	"rapport/shared/store"
)

const line = "Was mit Ihren Daten geschieht: https://nord.example/daten"

func informing(text string) string {
	return strings.Replace(text, "    budget: 1\n", "    budget: 1\n    information: {de: \""+line+"\", en: \"How we handle what you write: https://nord.example/data\"}\n", 1)
}

func author(r *rig, id string) pipeline.AuthorRow {
	return table[pipeline.AuthorRow](r, "author")[store.Key{Part: id, Sort: "-"}]
}

// The first answer that has room for it tells an author what is done with their data, in their language, once; who was not told is
// listed in time.
func TestTheFirstAnswerInforms(t *testing.T) {
	r := newRig(t, options{edit: informing})
	r.net.max = 200
	r.boot()
	r.hook(said("m1", "anna", complaint, start))
	r.hook(said("m2", "berta", complaint, start))
	r.run()
	due := func() (list []string) {
		t.Helper()
		owed, more, err := r.app.Owed(t.Context(), r.now.AddDate(0, -1, 0), r.now.AddDate(0, 2, 0), 0)
		if err != nil || more {
			t.Fatal(err, more)
		}
		for _, o := range owed {
			list = append(list, o.Author+" "+o.Due.Format(time.DateOnly)+" "+strings.Fields(o.Why)[0])
			if o.Over != !r.now.Before(o.Due) || !o.First.Equal(start) {
				t.Errorf("%+v", o)
			}
		}
		return list
	}
	if got := strings.Join(due(), ", "); got != "site:anna 2026-04-02 a, site:berta 2026-04-02 a" {
		t.Errorf("due: %s", got)
	}
	conversation := func(of string) string {
		for _, c := range table[pipeline.ConversationRow](r, "conversation") {
			if c.Conversation.Author.ID == of {
				return c.Conversation.ID
			}
		}
		return ""
	}
	// The first try fails for good: it told nobody, and the next one does.
	r.net.reply = func(flow.Reply, string) (network.Posted, error) {
		return network.Posted{}, fault.New(fault.Invalid, "not now")
	}
	if err := r.app.Answer(t.Context(), conversation("site:anna"), "Das tut uns leid.", false, "Clara"); err != nil {
		t.Fatal(err)
	}
	r.run()
	if a := author(r, "site:anna"); !a.Informed.IsZero() || a.InformBy != "" {
		t.Errorf("%+v", a)
	}
	r.net.reply = nil
	r.pass(time.Minute)
	for _, text := range []string{"Wir kümmern uns.", "Es ist erledigt."} {
		if err := r.app.Answer(t.Context(), conversation("site:anna"), text, false, "Clara"); err != nil {
			t.Fatal(err)
		}
		r.run()
		r.pass(time.Minute)
	}
	if want := "Wir kümmern uns.\n\n" + line + "|Es ist erledigt."; strings.Join(r.net.posted, "|") != want {
		t.Errorf("sent: %q", r.net.posted)
	}
	if a := author(r, "site:anna"); a.Informed.IsZero() || a.Answered.IsZero() {
		t.Errorf("%+v", a)
	}
	// No room: the answer goes without the line, and who was answered is due at once.
	r.net.max = 60
	r.boot()
	if err := r.app.Answer(t.Context(), conversation("site:berta"), "Eine Antwort von fast sechzig Zeichen, ohne Platz für mehr.", false, "Clara"); err != nil {
		t.Fatal(err)
	}
	r.run()
	if got := strings.Join(due(), ", "); got != "site:berta "+r.now.Format(time.DateOnly)+" answered" {
		t.Errorf("due: %s", got)
	}
	who, err := r.app.Resolve(t.Context(), "site:berta")
	if err != nil {
		t.Fatal(err)
	}
	if n, err := r.app.Informed(t.Context(), who); n != 1 || err != nil || len(due()) > 0 {
		t.Errorf("%d, %v, due %v", n, err, due())
	}
}

// Names of the staff give way to one pseudonym each after 90 days, wherever they are kept; they never reach a receipt.
func TestNamesOfTheStaffEnd(t *testing.T) {
	r := newRig(t, options{})
	const clara = "clara@nord.example"
	r.hook(said("m1", "anna", complaint, start))
	r.run()
	c := r.crm.one("case")
	r.change(flow.Change{Object: "case", Record: c.ID, Key: c.Key, Verb: "update", Fields: map[string]any{"@owner": clara, "@accepted": true}})
	r.run()
	contact := r.crm.one("contact")
	r.change(flow.Change{Object: "contact", Record: contact.ID, Key: contact.Key, Verb: "update", Fields: map[string]any{"@owner": clara}})
	r.run()
	id := r.conversation().ID
	if err := r.app.Answer(t.Context(), id, "Das tut uns leid.", false, clara); err != nil {
		t.Fatal(err)
	}
	berta, err := r.app.Resolve(t.Context(), "site:berta")
	if err == nil {
		_, err = r.app.PutHold(t.Context(), berta, clara, "file 12", time.Time{})
	}
	if err == nil {
		err = r.app.Note(t.Context(), pipeline.AuditRow{By: clara, Did: "looked"})
	}
	if err == nil {
		_, err = r.app.Publish(t.Context(), []byte(basic+"retain: {content: 87600h}\n"), "test", clara, "")
	}
	if err != nil {
		t.Fatal(err)
	}
	r.hook(said("m2", "anna", complaint, r.now)) // decided with the owner known
	r.run()
	at := func(text string) map[string]bool {
		out := map[string]bool{}
		for _, where := range r.everywhere(text) {
			name, _, _ := strings.Cut(strings.TrimPrefix(where, "store "), "#")
			out[name] = true
		}
		return out
	}
	r.sender.bodies = nil
	r.log.Reset()
	for _, name := range []string{"conversation", "person", "reply", "hold", "audit", "config"} {
		if !at(clara)[name] {
			t.Errorf("before: the name stands not in %s: %v", name, at(clara))
		}
	}
	if where := at(clara); len(where) != 6 {
		t.Errorf("the name stands elsewhere: %v", where)
	}
	r.live(3*time.Hour, 10*time.Minute)
	for r.now.Before(start.Add(91 * 24 * time.Hour)) { // tick goes through an hour of minutes at most
		r.pass(50 * time.Minute)
		r.tick()
		r.run()
	}
	r.sender.bodies = nil
	r.log.Reset()
	if where := r.everywhere(clara); len(where) > 0 {
		t.Errorf("after 90 days: %v", where)
	}
	alias := r.app.Pseudonym(clara)
	for _, name := range []string{"conversation", "person", "reply", "hold", "audit", "config"} {
		if !at(alias)[name] {
			t.Errorf("the pseudonym stands not in %s: %v", name, at(alias))
		}
	}
	for k, d := range table[pipeline.DueRow](r, "due") {
		if d.Kind == "staff" {
			t.Errorf("a look is left: %+v %+v", k, d)
		}
	}
}
