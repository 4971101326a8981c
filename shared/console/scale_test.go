package console_test

import (
	"flag"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rapport/shared/datafile"
	"rapport/shared/decide"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/pipeline"
	"rapport/shared/store"
	storefile "rapport/shared/store/sqlite"
)

var (
	manyMentions = flag.Int("mentions", 20_000, "mentions in the store of BenchmarkPages")
	manyPeople   = flag.Int("people", 2_000, "authors in it, each of whom is a person")
)

// crowd are the network accounts of the measurement, besides site.
var crowd = []string{"c1", "c2", "c3", "c4", "c5", "c6", "c7"}

// BenchmarkPages reports what each page takes over a full store in one SQLite file: rows that it reads, time of the server,
// and size. -mentions 1000000 -people 100000 makes the store of docs/console.md.
func BenchmarkPages(b *testing.B) {
	file, err := datafile.Open(filepath.Join(b.TempDir(), "full.db"), datafile.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = file.Close() })
	full, err := storefile.New(file, storefile.Options{Now: func() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) }})
	if err != nil {
		b.Fatal(err)
	}
	more := ""
	for _, name := range crowd {
		more += fmt.Sprintf("  - {name: %s, kind: site, hook: site, brand: nord, id: %s}\n", name, name)
	}
	h := openOn(b, strings.Replace(document, "crms:\n", more+"crms:\n", 1), full)
	h.fill(b, *manyMentions, *manyPeople)
	g := h.enter()
	var paths []string
	for _, rt := range h.console.Routes() {
		if rt.Method == "GET" && rt.Page != "" && (!strings.Contains(rt.Path, "{id}") || rt.Path == "/people/{id}" || rt.Path == "/mentions/{id}") {
			paths = append(paths, rt.Path)
		}
	}
	paths = append(paths, "/conversations/{id}", "/find?q=h5", "/mentions?author=site:a5", "/mentions?column=dead")
	fmt.Printf("%d mentions, %d authors and persons, %d accounts\n%-34s %6s %9s %9s %8s\n", *manyMentions, *manyPeople, len(crowd)+1, "page", "rows", "median ms", "slowest", "KB")
	for b.Loop() {
		for _, path := range paths {
			h.measure(b, g, path)
		}
	}
}

// measure opens a page some times, as somebody who looks at it anew, and prints what it took.
func (h *home) measure(b *testing.B, g *guest, path string) {
	at := strings.NewReplacer("/mentions/{id}", "/mentions/site:0000000007", "/people/{id}", "/people/site:a5", "/conversations/{id}", "/conversations/"+conversationOf(5)).Replace(path)
	var took []time.Duration
	var rows int64
	var last *httptest.ResponseRecorder
	for range 9 {
		h.pass(10 * time.Second) // nothing is remembered
		before, begin := h.store.rows.Load(), time.Now()
		last = g.do("GET", concrete(at), nil)
		took = append(took, time.Since(begin))
		rows = max(rows, h.store.rows.Load()-before)
	}
	if last.Code >= 500 || rows > 5000 {
		b.Errorf("%s: %d, %d rows", path, last.Code, rows)
	}
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	fmt.Printf("%-34s %6d %9.1f %9.1f %8.1f\n", path, rows, ms(took[len(took)/2]), ms(took[len(took)-1]), float64(last.Body.Len())/1024)
}

func conversationOf(author int) string {
	return fmt.Sprintf("site~t%d~site:a%d~1", author%1000, author)
}

// fill writes mentions of the last thirty days, and who said them, straight into the store.
func (h *home) fill(b *testing.B, mentions, people int) {
	const hours = 30 * 24
	var batch []store.Item
	flush := func() {
		for _, res := range h.store.Store.Put(b.Context(), batch...) {
			if res.Err != nil {
				b.Fatal(res.Err)
			}
		}
		batch = batch[:0]
	}
	add := func(items ...store.Item) {
		if batch = append(batch, items...); len(batch) >= 4000 {
			flush()
		}
	}
	accounts := append([]string{"site"}, crowd...)
	now := h.at().Truncate(time.Hour)
	for k := range hours {
		at := now.Add(-time.Duration(k) * time.Hour)
		for _, name := range accounts {
			add(item(b, "hour", name, at.Format("2006010215"), pipeline.HourRow{}), item(b, "hour", "#"+at.Format("2006010215"), name, pipeline.HourRow{}))
		}
	}
	for i := range people {
		id, person := fmt.Sprint("site:a", i), fmt.Sprint("p", i)
		a := flow.Author{ID: id, Handle: fmt.Sprint("h", i), Name: "Somebody", Counted: true, Followers: i % 5000}
		conv := flow.Conversation{ID: conversationOf(i), Account: "site", Network: "site", Brand: "nord", Author: a, Subject: "Die Lampe ist kaputt", Status: flow.Waiting, Department: "service", Priority: "normal", Case: i%3 == 0,
			Opened: now.Add(-time.Hour), Due: now.Add(time.Duration(i%9-4) * time.Hour), Turns: []flow.Turn{{Mention: fmt.Sprintf("site:%010d", i), Direction: flow.In, By: a.Handle, At: now, Text: "Die Lampe ist kaputt"}}, Revision: 1}
		add(item(b, "author", id, "-", pipeline.AuthorRow{Author: a, Person: person, Score: flow.Score{Total: i % 100, Version: "1"}}),
			item(b, "person", person, "-", pipeline.PersonRow{Person: flow.Person{ID: person, Name: "Somebody", Authors: []string{id}, Revision: 1}}),
			item(b, "conversation", flow.Place(conv.ID), "current", pipeline.ConversationRow{Conversation: conv}))
	}
	for i := range mentions {
		who := i % people
		author := fmt.Sprint("site:a", who)
		at := now.Add(-time.Duration(i*hours/mentions) * time.Hour).Add(time.Duration(i%3000) * time.Second)
		receipt, id := fmt.Sprintf("%s%07d", at.Format("20060102150405"), i), fmt.Sprintf("site:%010d", i)
		account := accounts[i%len(accounts)]
		p := ledger.At(account, at, receipt, 0)
		state := ledger.Written
		if i%5000 == 7 {
			state = ledger.Dead
		}
		line := ledger.Line{Account: account, Network: "site", Brand: "nord", At: at, Mention: id, Author: h.app.AuthorMark(author), Outcome: ledger.Mention, Deliveries: []ledger.Delivery{{Account: "hub", State: state, Created: 1, At: at}}}
		add(item(b, "line", p.Part, p.Sort, line),
			item(b, "mention", id, "-", pipeline.MentionRow{At: at, Revision: 1, Events: []pipeline.EventRef{{ID: id, Line: p}},
				Mention:  flow.Mention{ID: id, Network: "site", Account: account, Brand: "nord", Kind: flow.Comment, Direction: flow.In, Text: "Die Lampe ist schon wieder kaputt, unverschämt!", Created: at, Author: flow.Author{ID: author, Handle: fmt.Sprint("h", who)}, Tags: []string{"lampe"}},
				Decision: decide.Decision{Outcome: decide.Mention, Lang: "de", Sentiment: "negative", Complaint: true, Intents: []string{"complaint"}, Department: "service", Priority: "normal", Person: fmt.Sprint("p", who), Conversation: &flow.Conversation{ID: conversationOf(who)}}}))
	}
	flush()
}

func item[T any](b *testing.B, table, part, sort string, v T) store.Item {
	i, err := store.Table[T]{Name: table}.Item(store.Row[T]{Part: part, Sort: sort, Value: v})
	if err != nil {
		b.Fatal(err)
	}
	return i
}
