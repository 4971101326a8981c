package pipeline_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/pipeline"
)

// next asks, and wants an answer.
func (r *rig) next(ask pipeline.NextAsk) pipeline.Next {
	r.t.Helper()
	n, err := r.app.Next(r.t.Context(), ask)
	if err != nil {
		r.t.Fatalf("%+v: %v", ask, err)
	}
	return n
}

// Every key leads to the same person, and the answer says how things stand and what must not be done.
func TestNext(t *testing.T) {
	r := customer(t)
	r.change(flow.Change{Object: "contact", Record: "1", Verb: "update", Fields: map[string]any{"@email": "anna@example.org", "@phone": "+49 30 901820"}})
	r.run()
	want := r.next(pipeline.NextAsk{Author: "site:anna"})
	if want.Who.Person == "" || len(want.Standing.Open) == 0 || !want.Standing.Complaint || want.Do.Mention == "" || want.Do.Propensity != 1 || want.Do.Why == "" {
		t.Fatalf("%+v", want)
	}
	for _, ask := range []pipeline.NextAsk{
		{Handle: "@Anna_A"}, {Handle: "anna_a", Network: "site"}, {Email: "Anna@example.org"}, {Phone: "+4930901820"}, {Phone: "030 901820"},
		{CRM: "crm", ID: "contact/1"}, {Person: want.Who.Person}, {Mention: want.Do.Mention},
	} {
		got := r.next(ask)
		if got.Who.Person != want.Who.Person || got.Do.Action != want.Do.Action {
			t.Errorf("%+v: %+v, want %+v", ask, got.Who, want.Who)
		}
	}
	for _, b := range want.Forbidden {
		if b.Action == want.Do.Action || b.Why == "" {
			t.Errorf("%+v with %+v", want.Do, b)
		}
	}
	if tpl := want.Template; tpl == nil || tpl.Text == "" || strings.ContainsAny(tpl.Text, "{}[]") {
		t.Errorf("text: %+v", tpl)
	}
	if there := r.next(pipeline.NextAsk{Author: "site:anna", Moment: "call"}); there.Do.Action == "reply_public" || !barred(there, "reply_public") {
		t.Errorf("on the phone: %+v %v", there.Do, there.Forbidden)
	}
}

func barred(n pipeline.Next, action string) bool {
	for _, b := range n.Forbidden {
		if b.Action == action {
			return true
		}
	}
	return false
}

// A wrong question is refused with what to send, and whoever is not known says what was looked at.
func TestNextRefuses(t *testing.T) {
	r := customer(t)
	for _, c := range []struct {
		ask  pipeline.NextAsk
		kind fault.Kind
		say  string
	}{
		{pipeline.NextAsk{}, fault.Invalid, "exactly one"},
		{pipeline.NextAsk{Handle: "a", Email: "b@c.example"}, fault.Invalid, "2 keys"},
		{pipeline.NextAsk{CRM: "crm"}, fault.Invalid, "send both"},
		{pipeline.NextAsk{CRM: "nowhere", ID: "1"}, fault.Invalid, "no CRM account"},
		{pipeline.NextAsk{Author: "site:anna", Moment: "dinner"}, fault.Invalid, "call, shop"},
		{pipeline.NextAsk{Handle: "nobody"}, fault.NotFound, "handles"},
		{pipeline.NextAsk{Phone: "+49301234567"}, fault.NotFound, "phone numbers"},
		{pipeline.NextAsk{Author: "site:nobody"}, fault.NotFound, "ids of authors"},
		{pipeline.NextAsk{Mention: "site:none"}, fault.NotFound, "ids of mentions"},
	} {
		_, err := r.app.Next(t.Context(), c.ask)
		if !fault.Is(err, c.kind) || !strings.Contains(err.Error(), c.say) {
			t.Errorf("%+v: %v", c.ask, err)
		}
	}
	// Who spoke to other brands alone is nobody.
	if n, err := r.app.Next(t.Context(), pipeline.NextAsk{Author: "site:anna", Reach: func(string) bool { return false }}); !fault.Is(err, fault.NotFound) {
		t.Errorf("%+v, %v", n, err)
	}
}

// An answer on its way is not doubled, and an erasure leaves nobody behind any key.
func TestNextFollows(t *testing.T) {
	r := customer(t)
	n := r.next(pipeline.NextAsk{Author: "site:berta"})
	if barred(n, "move_to_private") {
		t.Errorf("before: %v", n.Forbidden)
	}
	if _, err := r.app.DraftAnswer(t.Context(), n.Standing.Open[0].ID, "Wir schauen nach.", false, "vera"); err != nil {
		t.Fatal(err)
	}
	if n = r.next(pipeline.NextAsk{Author: "site:berta"}); n.Standing.Pending != flow.Draft || !barred(n, "move_to_private") || n.Do.Action == "reply_public" {
		t.Errorf("%+v %v", n.Standing, n.Forbidden)
	}
	if len(table[pipeline.HandleRow](r, "handle")) == 0 {
		t.Error("no handle leads anywhere")
	}
	r.erased("anna@example.org")
	for id, row := range table[pipeline.HandleRow](r, "handle") {
		if b, _ := json.Marshal(row); strings.Contains(string(b), "anna") {
			t.Errorf("%s: %s", id, b)
		}
	}
	for _, ask := range []pipeline.NextAsk{{Handle: "anna_a"}, {Author: "site:anna"}, {Email: "anna@example.org"}} {
		if got, err := r.app.Next(t.Context(), ask); err == nil {
			t.Errorf("%+v after the erasure: %+v", ask, got)
		}
	}
}

// Handles: whoever only speaks costs no row; who takes another's handle is who goes by it; who leaves one is still found while
// nobody else has it.
func TestHandles(t *testing.T) {
	r := newRig(t, options{})
	as := func(id, author, handle, text string, at time.Time) flow.Event {
		e := said(id, author, text, at)
		e.Mention.Author.Handle = handle
		return e
	}
	r.hook(as("h1", "u1", "nordfan", "Vielen Dank, das war toll!", start))
	r.run()
	if got := table[pipeline.HandleRow](r, "handle"); len(got) != 0 {
		t.Fatalf("praise alone made %v", got)
	}
	r.hook(as("h2", "u1", "nordfan", complaint, start.Add(time.Minute)))
	r.run()
	find := func(handle string) string {
		list, err := r.app.AuthorsOf(t.Context(), "", handle)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, a := range list {
			ids = append(ids, a.ID)
		}
		return fmt.Sprint(ids)
	}
	if got := find("@NordFan"); got != "[site:u1]" {
		t.Errorf("nordfan is %s", got)
	}
	r.hook(as("h3", "u1", "suedfan", complaint+" Wieder.", start.Add(2*time.Minute)))
	r.run()
	if a, b := find("suedfan"), find("nordfan"); a != "[site:u1]" || b != "[site:u1]" {
		t.Errorf("after a new name: %s, %s", a, b)
	}
	r.hook(as("h4", "u2", "nordfan", complaint, start.Add(3*time.Minute)))
	r.run()
	if got := find("nordfan"); got != "[site:u2]" {
		t.Errorf("nordfan is now %s", got)
	}
	r.erased("site:u1")
	for _, row := range table[pipeline.HandleRow](r, "handle") {
		if b, _ := json.Marshal(row); strings.Contains(string(b), "site:u1") {
			t.Errorf("left: %s", b)
		}
	}
	if got := find("suedfan"); got != "[]" {
		t.Errorf("suedfan is %s", got)
	}
}
