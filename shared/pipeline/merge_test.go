package pipeline_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rapport/shared/decide/score"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/pipeline"
	"rapport/shared/store"
)

// whole gives everything that merging may touch, without what tells that something was touched: versions, revisions, times.
func (r *rig) whole() string {
	r.t.Helper()
	var out []string
	for key, item := range r.store.items {
		text, err := store.Unpack(item.Data)
		if err != nil {
			r.t.Fatal(err)
		}
		var v map[string]any
		kind, _, _ := strings.Cut(key.Part, "#")
		if !slices.Contains([]string{"person", "author", "key", "conversation", "mention", "record"}, kind) {
			continue
		}
		if err := json.Unmarshal(text, &v); err != nil {
			r.t.Fatal(err)
		}
		bald(v)
		if others, ok := v["others"].([]any); ok { // in whatever order: a key that leads to several proves nothing
			list := []string{fmt.Sprint(v["person"])}
			for _, o := range others {
				list = append(list, fmt.Sprint(o))
			}
			slices.Sort(list)
			v["person"], v["others"] = list[0], list[1:]
		}
		line, _ := json.Marshal(v)
		out = append(out, key.Part+" "+key.Sort+" "+string(line))
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// bald takes revisions and times out of a value, and what is empty.
func bald(v map[string]any) {
	for k, x := range v {
		switch x := x.(type) {
		case map[string]any:
			if bald(x); len(x) == 0 {
				delete(v, k)
			}
		case []any:
			for _, e := range x {
				if m, ok := e.(map[string]any); ok {
					bald(m)
				}
			}
			if len(x) == 0 {
				delete(v, k)
			}
		}
		if strings.HasPrefix(k, "escalat") || slices.Contains([]string{"revision", "updated", "written", "at", "fields", "intents", "looked", "priority", "sla", "since", "owed", "due", "reminded", "status"}, k) {
			delete(v, k)
		}
	}
}

// couple is a rig with persons of the CRM that are linked to authors with open cases: two of Anna, one of Otto.
func couple(t *testing.T) (*rig, map[string]string) {
	t.Helper()
	r, _ := compared(t)
	people := map[string]string{}
	r.hook(private("a", "anna1", "anna@nordwerk.example: "+complaint, start), private("b", "anna2", "otto@gmx.de: "+complaint, start), private("c", "marlene", "mq@quandt.example: "+complaint, start))
	r.run()
	for _, row := range table[pipeline.AuthorRow](r, "author") {
		people[strings.TrimPrefix(row.Author.ID, "site:")] = row.Person
	}
	if people["anna1"] == "" || people["anna2"] == "" || people["marlene"] == "" {
		t.Fatalf("not linked: %v", people)
	}
	return r, people
}

func (r *rig) merge(winner, loser string) string {
	r.t.Helper()
	m, err := r.app.Merge(r.t.Context(), winner, loser, "tester", "")
	if err != nil {
		r.t.Fatal(err)
	}
	r.run()
	return m.ID
}

func (r *rig) unmerge(id string) {
	r.t.Helper()
	if _, err := r.app.Unmerge(r.t.Context(), id, "tester"); err != nil {
		r.t.Fatal(err)
	}
	r.run()
}

// After a merge everything points at the survivor, old ids lead there, and the CRM's records of persons are still two.
func TestMerge(t *testing.T) {
	r, people := couple(t)
	before, contacts := r.whole(), len(r.crm.all("contact"))
	winner, loser := people["anna1"], people["anna2"]
	id := r.merge(winner, loser)
	for _, row := range table[pipeline.AuthorRow](r, "author") {
		if row.Person == loser {
			t.Errorf("%s is linked to who is gone", row.Author.ID)
		}
	}
	for _, row := range table[pipeline.ConversationRow](r, "conversation") {
		if row.Conversation.Person == loser {
			t.Errorf("conversation %s points at who is gone", row.Conversation.ID)
		}
	}
	if s, err := r.app.Resolve(t.Context(), loser); err != nil || s.Person != winner || len(s.Authors) != 2 {
		t.Errorf("the old id leads to %+v, %v", s, err)
	}
	r.hook(private("d", "anna3", "otto@gmx.de, was nun?", start))
	r.run()
	if list, err := r.app.Reviews(t.Context(), []string{"nord"}); err != nil || len(list) != 1 || list[0].Person != winner {
		t.Errorf("the loser's address leads to %+v, %v", list, err)
	}
	if err := r.app.Judge(t.Context(), "site:anna3", winner, true, "eva"); err != nil {
		t.Fatal(err)
	}
	r.run()
	r.change(flow.Change{Object: "contact", Record: "2", Verb: "update", Fields: map[string]any{"@owner": "eva@nord.example"}})
	r.run()
	if p := personRow(r, winner); p.Person.Owner != "eva@nord.example" {
		t.Errorf("a change of the loser's record reached %+v", p.Person)
	}
	if n := len(r.crm.all("contact")); n != contacts {
		t.Errorf("%d contacts, not %d: a merge makes and removes none", n, contacts)
	}
	if _, err := r.app.Merge(t.Context(), people["marlene"], loser, "tester", ""); !fault.Is(err, fault.Conflict) {
		t.Errorf("who was merged is merged again: %v", err)
	}
	r.unmerge(id)
	if p := personRow(r, loser); !slices.Equal(p.Person.Authors, []string{"site:anna2"}) {
		t.Errorf("the loser has %v again", p.Person.Authors)
	}
	if p := personRow(r, winner); !slices.Contains(p.Person.Authors, "site:anna3") || slices.Contains(p.Person.Authors, "site:anna2") {
		t.Errorf("the winner has %v: who came since stays", p.Person.Authors)
	}
	if before == "" {
		t.Error("nothing was compared")
	}
}

func authorRow(r *rig, name string) pipeline.AuthorRow {
	for _, row := range table[pipeline.AuthorRow](r, "author") {
		if row.Author.ID == "site:"+name {
			return row
		}
	}
	return pipeline.AuthorRow{}
}

func personRow(r *rig, id string) pipeline.PersonRow {
	for _, row := range table[pipeline.PersonRow](r, "person") {
		if row.Person.ID == id {
			return row
		}
	}
	return pipeline.PersonRow{}
}

// Merges that are undone leave everything as it was, whatever was merged into whom, in whatever order, and wherever the
// process died on the way.
func TestUnmergeIsExact(t *testing.T) {
	base, people := couple(t)
	names := []string{people["anna1"], people["anna2"], people["marlene"]}
	edit := func(id string, change func(*pipeline.PersonRow)) {
		if _, err := (store.Table[pipeline.PersonRow]{Store: base.store, Name: "person"}).Update(t.Context(), id, "-", func(r *store.Row[pipeline.PersonRow]) (bool, error) {
			change(&r.Value)
			return true, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	edit(names[0], func(p *pipeline.PersonRow) {
		p.Person.Objected = []string{"marketing"}
		p.Person.Score = flow.Score{Total: 40, Confidence: 70, Version: "score/test", At: start}
	})
	edit(names[1], func(p *pipeline.PersonRow) {
		p.Person.Objected, p.Person.Protected, p.Person.Name = []string{"product", "marketing"}, true, "Otto"
		p.Person.Told = []flow.Told{{Purpose: "product", What: flow.Objection, Source: "tester", At: start}}
		p.Person.Consented, p.Person.Owner = []string{"scoring"}, "eva@nord.example"
		p.Owned = start
		one := flow.Score{Total: 30, Confidence: 60, Version: "score/test", At: start}
		p.Person.Scores = map[string]flow.Score{p.Person.Authors[0]: one, "site:elsewhere": {Version: "score/test", At: start}}
		p.Person.Score = score.Combine(p.Person.Scores)
		p.Person.Accepted = map[string]bool{"crm": true}
	})
	edit(names[2], func(p *pipeline.PersonRow) {
		p.Person.Objected, p.Person.Name, p.Person.Protected = []string{"product", "post"}, "Marlene", true
		p.Person.Score = flow.Score{Total: 20, Confidence: 50, Version: "score/test", At: start}
	})
	hash := ""
	for _, place := range []string{"crm#contact#1#email"} { // a key that two share
		hash = personRow(base, names[0]).Keys[place][0]
	}
	edit(names[1], func(p *pipeline.PersonRow) {
		p.Keys["crm#contact#2#email"] = append(p.Keys["crm#contact#2#email"], hash)
	})
	if _, err := (store.Table[pipeline.KeyRow]{Store: base.store, Name: "key"}).Update(t.Context(), hash, "-", func(r *store.Row[pipeline.KeyRow]) (bool, error) {
		r.Value.Others = []string{names[1], names[2]}
		return true, nil
	}); err != nil {
		t.Fatal(err)
	}
	before := base.whole()
	rapid.Check(t, func(rt *rapid.T) {
		defer func() { base.store.fail = nil }()
		order := rapid.Permutation(names).Draw(rt, "who")
		n, deaths := 0, rapid.IntRange(0, 60).Draw(rt, "dies after")
		base.store.fail = func(_ string, item store.Item) error {
			kind, _, _ := strings.Cut(item.Part, "#")
			if !slices.Contains([]string{"person", "author", "key", "conversation", "mention", "record", "merge"}, kind) {
				return nil // what tick does beside
			}
			if n++; n == deaths+1 {
				return fault.New(fault.Transient, "died: %w", errors.New("now"))
			}
			return nil
		}
		settle := func() {
			for range 6 {
				base.live(3*time.Minute, time.Minute)
			}
		}
		again := func(do func() error) {
			for range 3 {
				err := do()
				settle()
				if err == nil {
					return
				}
			}
			rt.Fatal("it is never done")
		}
		var merges []string
		join := func(winner, loser string) {
			again(func() error {
				if personRow(base, loser).Person.Merged != "" {
					return nil
				}
				m, err := base.app.Merge(t.Context(), winner, loser, "tester", "")
				merges = append(merges, m.ID)
				return err
			})
		}
		split := func(loser string) {
			again(func() error {
				if personRow(base, loser).Person.Merged == "" {
					return nil
				}
				_, err := base.app.Unmerge(t.Context(), loser, "tester")
				return err
			})
		}
		join(order[0], order[1])
		if rapid.Bool().Draw(rt, "a chain") {
			join(order[2], order[0])
			split(order[0])
			split(order[1])
		} else {
			join(order[0], order[2])
			for _, loser := range rapid.Permutation(order[1:]).Draw(rt, "back") {
				split(loser)
			}
		}
		if after := base.whole(); after != before {
			a, b := strings.Split(before, "\n"), strings.Split(after, "\n")
			lost := slices.DeleteFunc(slices.Clone(a), func(x string) bool { return slices.Contains(b, x) })
			news := slices.DeleteFunc(slices.Clone(b), func(x string) bool { return slices.Contains(a, x) })
			rt.Fatalf("after %d writes and %v merged:\n was %s\n is  %s", n, merges, strings.Join(lost, "\n     "), strings.Join(news, "\n     "))
		}
	})
}

// Erasing who was merged leaves nothing of the merge; an objection made while two were one is one of both afterwards.
func TestMergeAndPrivacy(t *testing.T) {
	r, people := couple(t)
	winner, loser := people["anna1"], people["anna2"]
	id := r.merge(winner, loser)
	r.change(flow.Change{Object: "contact", Record: "1", Verb: "update", Fields: map[string]any{"@objected": "marketing"}})
	r.run()
	r.unmerge(id)
	for _, who := range []string{winner, loser} {
		if p := personRow(r, who); !slices.Contains(p.Person.Objected, "marketing") {
			t.Errorf("%s objects to %v", who, p.Person.Objected)
		}
	}
	r.merge(winner, loser)
	r.erased("site:anna2")
	r.live(30*time.Minute, time.Minute)
	for _, where := range r.everywhere("site:anna2") {
		if strings.HasPrefix(where, "store merge") || strings.HasPrefix(where, "store person") || strings.HasPrefix(where, "store review") {
			t.Errorf("the erased author stands in %s", where)
		}
	}
}

// What is suggested waits in the list with its sum; accepted it is a link, the open case follows; rejected it is not proposed
// again, whatever is said; unlinked neither.
func TestReview(t *testing.T) {
	r, _ := compared(t)
	say := func(id, author string) {
		r.hook(profile(said(id, author, complaint, r.now), "Marlene Quandt", fmt.Sprintf("Nummer %s", id), "Bonn"))
		r.run()
	}
	say("m1", "m1")
	say("m2", "m2")
	list, err := r.app.Reviews(t.Context(), []string{"nord"})
	if err != nil || len(list) != 2 || len(list[0].Candidate.Why) < 3 || list[0].Candidate.Sure < 0.5 || list[0].Candidate.Class != "C" {
		t.Fatalf("the list is %+v, %v", list, err)
	}
	person := list[0].Person
	if err := r.app.Judge(t.Context(), "site:m1", person, true, "eva"); err != nil {
		t.Fatal(err)
	}
	if err := r.app.Judge(t.Context(), "site:m2", person, false, "eva"); err != nil {
		t.Fatal(err)
	}
	r.run()
	if a := authorRow(r, "m1"); a.Person != person {
		t.Errorf("accepted, and linked to %q", a.Person)
	}
	for _, c := range table[pipeline.ConversationRow](r, "conversation") {
		if c.Conversation.Author.ID == "site:m1" && c.Conversation.Person != person {
			t.Error("the open case does not follow")
		}
	}
	r.pass(8 * 24 * time.Hour)
	say("m3", "m2")
	if list, _ = r.app.Reviews(t.Context(), []string{"nord"}); len(list) != 0 {
		t.Errorf("proposed again: %+v", list)
	}
	r.hook(private("m4", "m2", "mq@quandt.example, hallo?", r.now))
	r.run()
	if a := authorRow(r, "m2"); a.Person != "" {
		t.Error("linked though somebody said that it is not this person")
	}
	if err := r.app.Unlink(t.Context(), "site:m1", "eva"); err != nil {
		t.Fatal(err)
	}
	r.run()
	if a, p := authorRow(r, "m1"), personRow(r, person); a.Person != "" || len(p.Person.Authors) != 0 || !slices.Contains(a.Rejected, person) {
		t.Errorf("unlinked: %q, %v", a.Person, p.Person.Authors)
	}
	if err := r.app.Judge(t.Context(), "site:nobody", person, false, "eva"); !fault.Is(err, fault.NotFound) {
		t.Errorf("about nobody: %v", err)
	}
}

// Scores of several accounts add up in a merge and part again, also when one spoke since; whom one of the two kept from being
// scored has no score, and what was said of the two while they were one holds for both.
func TestMergeAndScore(t *testing.T) {
	r, people := couple(t)
	winner, loser := people["anna1"], people["anna2"]
	edit := func(id string, change func(*flow.Person)) {
		if _, err := (store.Table[pipeline.PersonRow]{Store: r.store, Name: "person"}).Update(t.Context(), id, "-", func(r *store.Row[pipeline.PersonRow]) (bool, error) {
			change(&r.Value.Person)
			return true, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	total := func(n int) func(*flow.Person) {
		return func(p *flow.Person) { p.Score = flow.Score{Total: n, Version: "score/test", At: start} }
	}
	edit(winner, total(40))
	edit(loser, total(50))
	id := r.merge(winner, loser)
	if p := personRow(r, winner).Person; p.Score.Total != 70 || p.Scores["site:anna1"].Total != 40 || p.Scores["site:anna2"].Total != 50 {
		t.Errorf("together they have %+v, %+v", p.Score, p.Scores)
	}
	edit(winner, func(p *flow.Person) {
		score.Note(p, "site:anna1", flow.Score{Total: 45, Version: "score/test", At: start})
	})
	r.unmerge(id)
	if w, l := personRow(r, winner).Person, personRow(r, loser).Person; w.Score.Total != 45 || l.Score.Total != 50 || len(w.Scores)+len(l.Scores) != 0 {
		t.Errorf("parted they have %+v %+v, %+v %+v", w.Score, w.Scores, l.Score, l.Scores)
	}
	id = r.merge(winner, loser)
	if err := r.app.Exclude(t.Context(), pipeline.Subject{Person: winner, Authors: personRow(r, winner).Person.Authors}, "no customer"); err != nil {
		t.Fatal(err)
	}
	for _, m := range table[pipeline.MergeRow](r, "merge") {
		if m.Was.Person.Score.Version != "" {
			t.Errorf("the merge keeps the score %+v of whom may have none", m.Was.Person.Score)
		}
	}
	r.unmerge(id)
	for _, who := range []string{winner, loser} {
		if p := personRow(r, who).Person; p.Unscored == "" || p.Score.Version != "" {
			t.Errorf("%s is excluded, and has %q %+v", who, p.Unscored, p.Score)
		}
	}
	edit(winner, func(p *flow.Person) { p.Unscored = ""; total(40)(p) })
	id = r.merge(winner, loser)
	if p := personRow(r, winner).Person; p.Unscored == "" || p.Score.Version != "" {
		t.Errorf("one of the two is excluded, and they have %q %+v", p.Unscored, p.Score)
	}
	r.unmerge(id)
	if p := personRow(r, winner).Person; p.Unscored != "" {
		t.Errorf("who was never excluded is: %q", p.Unscored)
	}
}

// A rejection is kept with the author: it holds when the row of the review list is gone, and for strong evidence too.
func TestRejectionStays(t *testing.T) {
	r, _ := compared(t)
	r.hook(profile(said("m1", "m1", complaint, r.now), "Marlene Quandt", "Nummer 1", "Bonn"))
	r.run()
	list, err := r.app.Reviews(t.Context(), []string{"nord"})
	if err != nil || len(list) != 1 {
		t.Fatalf("the list is %+v, %v", list, err)
	}
	if err := r.app.Judge(t.Context(), "site:m1", list[0].Person, false, "eva"); err != nil {
		t.Fatal(err)
	}
	for key := range r.store.items {
		if strings.HasPrefix(key.Part, "review#") {
			if res := r.store.Delete(t.Context(), store.Item{Part: key.Part, Sort: key.Sort, Version: store.AnyVersion})[0]; res.Err != nil {
				t.Fatal(res.Err)
			}
		}
	}
	r.pass(8 * 24 * time.Hour)
	r.hook(profile(private("m2", "m1", "mq@quandt.example, hallo?", r.now), "Marlene Quandt", "Nummer 2", "Bonn"))
	r.run()
	if a := authorRow(r, "m1"); a.Person != "" {
		t.Errorf("linked to %s though somebody said that it is not", a.Person)
	}
	if list, err := r.app.Reviews(t.Context(), []string{"nord"}); err != nil || len(list) != 0 {
		t.Errorf("proposed again: %+v, %v", list, err)
	}
}
