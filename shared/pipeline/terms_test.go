package pipeline_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rapport/shared/flow"
	"rapport/shared/pipeline"
)

// Words of a week are counted once a day from what is still there: none of fewer than five people, no names, nothing private,
// nothing erased, nothing of what is held back.
func TestTerms(t *testing.T) {
	r := newRig(t, options{edit: func(s string) string {
		return strings.Replace(s, "    budget: 1\n", "    budget: 1\n    topics:\n      - {name: störung, words: [Totalausfall]}\n", 1)
	}})
	week := func(word string, n int) {
		var list []flow.Event
		for i := range n {
			list = append(list, said(fmt.Sprint(word, i), fmt.Sprint("author", i), "Ich habe Diabetes und bin schwer krank! Rechnung angekommen "+word+" Straußwirt"+fmt.Sprint(i), r.now))
		}
		secret := said("p"+word, "anna", "Geheimwort "+word, r.now)
		secret.Mention.Private = true
		r.hook(append(list, secret)...)
		r.run()
		r.live(10*time.Minute, 5*time.Minute)
		r.live(24*time.Hour, time.Hour)
		r.hook(said("next"+word, "anna", "Guten Morgen", r.now))
		r.run()
		r.live(10*time.Minute, 5*time.Minute)
	}
	week("Lieferung", 9)
	r.live(start.AddDate(0, 0, 7).Sub(r.now), time.Hour)
	week("Totalausfall", 9)
	rows := table[pipeline.TermRow](r, "term")
	if len(rows) < 2 {
		t.Fatalf("%d weeks", len(rows))
	}
	monday, rising, err := r.app.Rising(t.Context(), "nord", 10)
	if err != nil || monday != "2026-03-09" || len(rising) != 1 || rising[0].Word != "totalausfall" || rising[0].People != 9 {
		t.Errorf("%s: %+v, %v", monday, rising, err)
	}
	for k, row := range rows {
		for _, w := range row.Terms.Terms {
			if w.People < 5 || w.Word == "author" || w.Word == "geheimwort" || w.Word == "diabetes" || w.Word == "krank" || w.Word == "straußwirt" && w.People < 5 {
				t.Errorf("%s: %+v", k.Sort, w)
			}
		}
	}
	topics, err := r.app.Topics(t.Context(), "nord", start, r.now)
	if err != nil || len(topics) != 1 || topics[0].Name != "störung" || topics[0].Mentions != 9+1 {
		t.Errorf("%+v, %v", topics, err)
	}
	for i := range 5 { // of the nine, five are erased: the word goes with the next day's count
		r.erased(fmt.Sprint("site:author", i))
	}
	r.live(24*time.Hour, time.Hour)
	r.hook(said("again", "anna", "Guten Morgen", r.now))
	r.run()
	r.live(10*time.Minute, 5*time.Minute)
	if _, rising, _ := r.app.Rising(t.Context(), "nord", 10); len(rising) != 0 {
		t.Errorf("after the erasures %+v", rising)
	}
}
