package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"rapport/shared/archive"
	"rapport/shared/decide/identity"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/queue"
	"rapport/shared/store"
)

// Traces is what a scan looks for: everything by which somebody could be told. It is personal data itself: whoever keeps it
// from before an erasure, to scan for the same afterwards, removes it when that is done.
type Traces struct {
	Ids     []string `json:"ids,omitempty"`     // of authors, mentions, persons, conversations: found where they stand by themselves
	Handles []string `json:"handles,omitempty"` // likewise, in any case
	Words   []string `json:"words,omitempty"`   // addresses, names, numbers, lines of what was said: found anywhere, in any case
}

// A Hit is a place in which a trace was found. It names the trace by its kind, never by itself.
type Hit struct {
	Where string `json:"where"` // store, archive, dead letters, waiting
	Place string `json:"place"` // key, reference or lane
	What  string `json:"what"`  // id, handle, word
	Count int    `json:"count"` // traces of the subject that stand there
}

// Scanned is what a scan read, and what it found.
type Scanned struct {
	At      time.Time `json:"at"`
	Items   int       `json:"items"`   // of the store
	Batches int       `json:"batches"` // of the archive
	Letters int       `json:"letters"` // dead letters
	Traces  int       `json:"traces"`  // looked for
	Hits    []Hit     `json:"hits"`
	Unread  []string  `json:"unread,omitempty"` // what could not be looked into, in words
}

// TracesOf gathers what a subject can be told by, as far as it is known now: so it is called before an erasure.
func (p *Pipeline) TracesOf(ctx context.Context, s Subject) (Traces, error) {
	var t Traces
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return t, err
	}
	first, err := p.firstHour(ctx, plan, p.now())
	if err != nil {
		return t, err
	}
	for _, author := range s.Authors {
		t.author(plan, author)
		row, err := p.authors.One(ctx, author, "-")
		if err != nil {
			return t, err
		}
		t.profile(row.Value.Author)
		found, err := p.trace(ctx, plan, author, first, p.now().Add(time.Hour))
		if err != nil {
			return t, err
		}
		for _, id := range sorted(found.mentions) {
			row, err := p.mentions.One(ctx, id, "-")
			if err != nil {
				return t, err
			}
			t.Ids = with1(t.Ids, id)
			t.profile(row.Value.Mention.Author)
			t.said(row.Value.Mention.Permalink)
			t.said(row.Value.Mention.Text)
		}
	}
	if s.Person != "" {
		row, err := p.person(ctx, s.Person)
		if err != nil {
			return t, err
		}
		t.Words = with1(t.Words, long(row.Value.Person.Name))
		for _, place := range sorted(row.Value.Keys) {
			for _, h := range row.Value.Keys[place] {
				t.Ids = with1(t.Ids, "key#"+h)
			}
		}
	}
	return t, nil
}

// author adds an author's id, and what conversations with them are called: that can be computed from the id.
func (t *Traces) author(plan *Plan, author string) {
	t.Ids = with1(t.Ids, author)
	if native := flow.Native(author); len(native) >= 8 {
		t.Ids = with1(t.Ids, native)
	}
	for _, conf := range plan.Doc.Networks {
		_, hash, _ := strings.Cut(flow.ConversationID(conf.Name, "", author, false), "~")
		t.Ids = with1(t.Ids, "~"+hash)
	}
}

// profile adds what an author shows.
func (t *Traces) profile(a flow.Author) {
	if len(a.Handle) > 2 {
		t.Handles = with1(t.Handles, strings.TrimPrefix(a.Handle, "@"))
	}
	for _, text := range []string{a.URL, a.Avatar, a.Name} {
		t.Words = with1(t.Words, long(text))
	}
	t.said(a.Bio)
}

// said adds the beginnings of lines, as longer texts are kept shortened in places.
func (t *Traces) said(text string) {
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(line)
		if runes := []rune(line); len(runes) > saidLength {
			line = string(runes[:saidLength])
		}
		if utf8.RuneCountInString(line) >= 12 {
			t.Words = with1(t.Words, line)
		}
	}
}

// saidLength is by how many characters of a line it is found.
const saidLength = 40

// long leaves out what is too short to be told from anything else.
func long(text string) string {
	if utf8.RuneCountInString(text) < 4 {
		return ""
	}
	return text
}

// MoreTraces adds what somebody names: an e-mail address is looked for as it stands and by the hash of its matching key.
func (p *Pipeline) MoreTraces(ctx context.Context, t Traces, authors, handles, emails, people, words []string) (Traces, error) {
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return t, err
	}
	for _, a := range authors {
		t.author(plan, a)
	}
	for _, h := range handles {
		t.Handles = with1(t.Handles, strings.TrimPrefix(h, "@"))
	}
	for _, e := range emails {
		for _, form := range strongForms(plan, identity.KeyEmail, e) {
			t.Words = with1(t.Words, form)
			t.Ids = with1(t.Ids, "key#"+p.hashed(identity.KeyEmail, form))
		}
	}
	for _, id := range people {
		t.Ids = with1(t.Ids, id)
	}
	for _, w := range words {
		t.Words = with1(t.Words, long(w))
	}
	if len(t.Ids)+len(t.Handles)+len(t.Words) == 0 {
		return t, fault.New(fault.Invalid, "a scan needs somebody: %s", subjectForms)
	}
	return t, nil
}

// Scan reads the whole store, the whole archive and the dead letters, and tells where traces stand. What an erasure leaves on
// purpose is no hit: tombstones and its report, which hold hashes alone. Invalid: the store cannot be read whole.
func (p *Pipeline) Scan(ctx context.Context, t Traces, dead []queue.Dead) (Scanned, error) {
	out := Scanned{At: p.now(), Traces: len(t.Ids) + len(t.Handles) + len(t.Words), Hits: []Hit{}}
	walker, can := p.Store.(store.Walker)
	if !can {
		return out, fault.New(fault.Invalid, "this store cannot be read whole")
	}
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return out, err
	}
	look := t.looker()
	for item, err := range walker.Walk(ctx) {
		if err != nil {
			return out, err
		}
		out.Items++
		out.add("store", item.Part+" / "+item.Sort, look, []byte(item.Part+" "+item.Sort), p.opened(item))
	}
	for _, name := range places(plan.Doc) {
		for ref, err := range p.Archive.List(ctx, name, time.Time{}, time.Time{}) {
			var b archive.Batch
			if err == nil {
				b, err = p.Archive.Read(ctx, ref)
			}
			if fault.Is(err, fault.NotFound) {
				continue // rewritten meanwhile
			}
			if err != nil {
				return out, err
			}
			out.Batches++
			var all [][]byte
			for _, e := range b.Entries {
				all = append(all, []byte(e.Mention+" "+e.Author), e.Raw, e.Inputs, e.Decision, e.Previous)
			}
			out.add("archive", ref, look, all...)
		}
	}
	for _, d := range dead {
		out.Letters++
		out.add("dead letters", string(d.Lane), look, d.Body, []byte(d.Reason))
	}
	slices.SortFunc(out.Hits, func(a, b Hit) int { return strings.Compare(a.Where+a.Place+a.What, b.Where+b.Place+b.What) })
	return out, nil
}

// opened gives the bytes of an item in which traces can be seen, nil for what has to stay: of a person who is erased that
// it was one.
func (p *Pipeline) opened(item store.Item) []byte {
	text, err := store.Unpack(item.Data)
	if err != nil {
		return item.Data
	}
	if strings.HasPrefix(item.Part, p.parked.Name+"#") {
		var row ParkedRow
		if json.Unmarshal(text, &row) == nil {
			return append(row.Body, row.Reason...)
		}
	}
	return text
}

// erasedPerson tells whether an item may name a person by the hash that is their id: what stays so that nothing comes back is the
// tombstone, which of the customer's own records leads to it, and the report and job of the erasure.
func erasedPerson(where, place string) bool {
	table, _, _ := strings.Cut(place, "#")
	return where == "store" && slices.Contains([]string{"person", "foreign", "record", "erasure", "job", "hold", "audit"}, table)
}

func (s *Scanned) add(where, place string, look func(byID bool, texts ...[]byte) map[string]int, texts ...[]byte) {
	found := look(!erasedPerson(where, place), texts...)
	for _, what := range sorted(found) {
		s.Hits = append(s.Hits, Hit{where, place, what, found[what]})
	}
}

// looker makes the function that counts traces in texts, by kind. byID: persons' ids count as well.
func (t Traces) looker() func(byID bool, texts ...[]byte) map[string]int {
	var ids, people, handles, words [][]byte
	for _, id := range t.Ids {
		forms := written(strings.TrimPrefix(id, "key#"), false)
		if !strings.Contains(id, ":") && strings.HasPrefix(id, "p") {
			people = append(people, forms...)
		} else {
			ids = append(ids, forms...)
		}
	}
	for _, h := range t.Handles {
		handles = append(handles, written(h, true)...)
	}
	for _, w := range t.Words {
		words = append(words, written(w, true)...)
	}
	return func(byID bool, texts ...[]byte) map[string]int {
		found := map[string]int{}
		count := func(what string, list [][]byte, text []byte, alone bool) {
			for _, x := range list {
				if stands(text, x, alone) {
					found[what]++
				}
			}
		}
		for _, text := range texts {
			if len(text) == 0 {
				continue
			}
			lower := bytes.ToLower(text)
			count("id", ids, text, true)
			if byID {
				count("id", people, text, true)
			}
			count("handle", handles, lower, true)
			count("word", words, lower, false)
		}
		return found
	}
}

// written gives a text as it may stand: as it is, and inside JSON.
func written(text string, lower bool) (forms [][]byte) {
	if lower {
		text = strings.ToLower(text)
	}
	if text == "" {
		return nil
	}
	forms = append(forms, []byte(text))
	quoted, _ := json.Marshal(text) // a text: cannot fail
	inside := quoted[1 : len(quoted)-1]
	if lower {
		inside = bytes.ToLower(inside)
	}
	if !bytes.Equal(inside, forms[0]) {
		forms = append(forms, inside)
	}
	return forms
}

// stands tells whether something stands in a text; alone: not as a part of a longer word.
func stands(text, x []byte, alone bool) bool {
	for at := 0; ; {
		i := bytes.Index(text[at:], x)
		if i < 0 {
			return false
		}
		i += at
		before, _ := utf8.DecodeLastRune(text[:i])
		after, _ := utf8.DecodeRune(text[i+len(x):])
		if !alone || (i == 0 || !wordly(before)) && (i+len(x) == len(text) || !wordly(after)) {
			return true
		}
		at = i + 1
	}
}

func wordly(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }
