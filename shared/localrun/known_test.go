package localrun_test

import (
	"fmt"
	"testing"
	"time"

	"rapport/shared/datafile"
	"rapport/shared/flow"
	"rapport/shared/pipeline"
	"rapport/shared/store"
	storefile "rapport/shared/store/sqlite"
)

// BenchmarkKnown measures the CPU of a home for each mention, by authors of whom few or many are known: it should be the same.
func BenchmarkKnown(b *testing.B) {
	for _, people := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprint(people), func(b *testing.B) {
			feedback, data, listen := prepare(b)
			remember(b, data, people)
			home := spawn(b, data, listen)
			n := b.N
			if err := sendAll(b.Context(), listen, n, func(i int) string { return author(i * 7919 % people) }); err != nil {
				b.Fatal(err)
			}
			settle(b, data, feedback, n)
			home.stop(b)
			used := home.cmd.ProcessState.UserTime() + home.cmd.ProcessState.SystemTime()
			b.ReportMetric(float64(used.Microseconds())/float64(n), "µs/mention")
		})
	}
}

func author(i int) string { return fmt.Sprint("author-", i) }

// remember writes authors, each a person, into a data file.
func remember(b *testing.B, data string, people int) {
	b.Helper()
	file, err := datafile.Open(data, datafile.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	s, err := storefile.New(file, storefile.Options{Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	var batch []store.Item
	for i := range people {
		id, person := "hook:"+author(i), fmt.Sprint("p", i)
		a, err := store.Table[pipeline.AuthorRow]{Name: "author"}.Item(store.Row[pipeline.AuthorRow]{Part: id, Sort: "-", Value: pipeline.AuthorRow{Author: flow.Author{ID: id, Name: "Somebody"}, Person: person}})
		if err != nil {
			b.Fatal(err)
		}
		p, err := store.Table[pipeline.PersonRow]{Name: "person"}.Item(store.Row[pipeline.PersonRow]{Part: person, Sort: "-", Value: pipeline.PersonRow{Person: flow.Person{ID: person, Name: "Somebody", Authors: []string{id}, Revision: 1}}})
		if err != nil {
			b.Fatal(err)
		}
		if batch = append(batch, a, p); len(batch) < 4000 && i < people-1 {
			continue
		}
		for _, r := range s.Put(b.Context(), batch...) {
			if r.Err != nil {
				b.Fatal(r.Err)
			}
		}
		batch = batch[:0]
	}
}
