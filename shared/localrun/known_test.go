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
			if err := sendAll(b.Context(), listen, n, said, func(i int) string { return author(i * 7919 % people) }); err != nil {
				b.Fatal(err)
			}
			settle(b, data, feedback, n)
			home.stop(b)
			used := home.cmd.ProcessState.UserTime() + home.cmd.ProcessState.SystemTime()
			b.ReportMetric(float64(used.Microseconds())/float64(n), "µs/mention")
		})
	}
}

// said is what is written: short and long, in two languages, about all sorts of things.
func said(i int) string {
	posts := [...]string{
		"Your parcel app has shown \"out for delivery\" since Tuesday. Nobody answers the phone, and the chat closes after ten minutes. What am I supposed to tell my mother, who waits for her medicine?",
		"Danke an die Kollegin am Schalter 3, die mir heute früh in zwei Minuten geholfen hat. So geht das!",
		"Does the new model fit the old charging station, or do I need an adapter? Asking before I order two of them for the office.",
		"Zum dritten Mal in diesem Monat doppelt abgebucht. Ich habe geschrieben, ich habe angerufen, ich war in der Filiale. Wenn das Geld bis Freitag nicht zurück ist, kündige ich und gehe zum Anwalt.",
		"lol same bike as mine",
		"Könntet ihr in der App bitte die Abfahrten nach Gleis sortieren? Das würde mir jeden Morgen zwei Minuten sparen, und ich bin sicher nicht der Einzige.",
		"Third update in a row that logs me out on every start. Phone is a year old, plenty of space, tried reinstalling twice. The old version was fine.",
		"Bei uns im Ort macht nächste Woche eine Filiale auf, mal sehen, ob die Parkplätze reichen.",
		"Great service as always, the fitter was friendly, on time and even cleaned up. Would recommend to anyone in the area.",
		"Wir brauchen ab März zwölf Arbeitsplätze mit Bildschirm und Dock. Wer macht mir ein Angebot? Am besten per Mail, ich bin viel unterwegs.",
	}
	return fmt.Sprintf("%s (%d)", posts[i%len(posts)], i)
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
