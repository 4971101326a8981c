package privacy_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"rapport/shared/mapping"
	"rapport/shared/privacy"
	"rapport/shared/topology"
)

const mend = "say in shared/privacy what it is, then run go run ./scripts/docs"

// TestEveryTableIsMapped compares the tables that the code makes with those of the map.
func TestEveryTableIsMapped(t *testing.T) {
	s := readSource(t)
	mapped := map[table]bool{}
	for _, p := range privacy.Places() {
		if p.Where == privacy.Store && p.Name != "lease" {
			of := p.Type
			if of == "" {
				of = "string"
			}
			mapped[table{p.Name, of}] = true
		}
	}
	made := s.tables()
	if len(made) < 25 {
		t.Fatalf("only %d tables were found in the code", len(made))
	}
	delete(made, table{of: "pipeline.namedRow"}) // rows of the others, in which a name is replaced
	for tab := range made {
		if !mapped[tab] {
			t.Errorf("the table %q of %s stands not in the data map: %s", tab.name, tab.of, mend)
		}
	}
	for tab := range mapped {
		if !made[tab] {
			t.Errorf("the data map has a table %q of %s that no code makes", tab.name, tab.of)
		}
	}
}

// TestEveryFieldIsMapped walks everything that is stored, down to its fields.
func TestEveryFieldIsMapped(t *testing.T) {
	s := readSource(t)
	var kept []stored
	seen := map[string]bool{}
	for _, p := range privacy.Places() {
		if p.Type == "" {
			continue
		}
		if s.types[p.Type] == nil {
			t.Errorf("the data map keeps %s in %s %s: there is no such type", p.Type, p.Where, p.Name)
			continue
		}
		s.walk(p.Type, seen, &kept)
	}
	if len(kept) < 300 {
		t.Fatalf("only %d stored fields were found in the code", len(kept))
	}
	found := map[string]bool{}
	for _, f := range kept {
		found[f.of+" "+f.name] = true
		typ, ok := privacy.Find(f.of)
		if !ok {
			t.Errorf("the type %s is stored and stands not in the data map: %s", f.of, mend)
			continue
		}
		field, ok := typ.Field(f.name)
		switch {
		case !ok:
			t.Errorf("the field %s of %s is stored and stands not in the data map: %s", f.name, f.of, mend)
		case (field.Category == privacy.Part) != (len(f.parts) > 0):
			t.Errorf("the field %s of %s consists of %v, and the data map says %s", f.name, f.of, f.parts, field.Category)
		}
	}
	names := map[string]bool{}
	for _, typ := range privacy.Types() {
		if names[typ.Name] {
			t.Errorf("the data map has %s twice", typ.Name)
		}
		names[typ.Name] = true
		if !seen[typ.Name] {
			t.Errorf("the data map has a type %s that is stored nowhere", typ.Name)
			continue
		}
		fields := map[string]bool{}
		for _, f := range typ.Fields {
			if fields[f.Name] || !found[typ.Name+" "+f.Name] {
				t.Errorf("the data map has a field %s of %s that is not stored, or twice", f.Name, typ.Name)
			}
			fields[f.Name] = true
		}
	}
}

// TestWhoSendsAndStores pins down who puts a body into a queue and who writes to the store past its tables, so that nothing
// new travels or stays without standing in the map.
func TestWhoSendsAndStores(t *testing.T) {
	s := readSource(t)
	want := map[string]string{ // function → lanes, as the map names them
		"pipeline.enqueue": "mentions, changes", "pipeline.message": "deliver", "pipeline.tickPolls": "polls", "pipeline.tickAttention": "polls",
		"pipeline.wake": "jobs", "pipeline.sealWoken": "jobs", "pipeline.mediaMessage": "jobs", "pipeline.wakeReply": "replies", "pipeline.feed": "what was parked", "pipeline.again": "mentions",
	}
	for fn := range s.makers("queue.Message", "Body") {
		if pkg, _, _ := strings.Cut(fn, "."); strings.HasPrefix(pkg, "queue") {
			continue
		}
		if want[fn] == "" {
			t.Errorf("%s puts a body into a queue: %s, and name it here", fn, mend)
		}
		delete(want, fn)
	}
	for fn := range want {
		t.Errorf("%s puts nothing into a queue any more", fn)
	}
	for fn := range s.makers("store.Item", "Data") {
		if pkg, _, _ := strings.Cut(fn, "."); !strings.HasPrefix(pkg, "store") && fn != "pipeline.Acquire" {
			t.Errorf("%s writes to the store past its tables: %s, and name it here", fn, mend)
		}
	}
	var lanes []string
	for _, p := range privacy.Places() {
		if p.Where == privacy.Queue {
			lanes = append(lanes, strings.Split(p.Name, ", ")...)
		}
	}
	for _, q := range topology.Queues() {
		if !slices.Contains(lanes, q.Name) {
			t.Errorf("the lane %s stands not in the data map: %s", q.Name, mend)
		}
	}
}

// TestPapersPromiseNothing that the code does not do: whether content ends by itself, and whether names of staff are replaced.
func TestPapersPromiseNothing(t *testing.T) {
	s := readSource(t)
	if sweeps := s.reads("pipeline", "Retain") && s.declares("pipeline", "sweep"); sweeps != privacy.Sweeps {
		t.Errorf("the pipeline heeds retain: %t, and the papers say %t: set Sweeps in shared/privacy/places.go, then run go run ./scripts/docs", sweeps, privacy.Sweeps)
	}
	if replaces := s.declares("pipeline", "pseudonym"); replaces != privacy.Pseudonyms {
		t.Errorf("names in the audit trail are replaced after 90 days: %t, and the papers say %t: set Pseudonyms in shared/privacy/places.go, then run go run ./scripts/docs", replaces, privacy.Pseudonyms)
	}
}

// TestMapIsWhole wants every entry to say all it has to say.
func TestMapIsWhole(t *testing.T) {
	terms := map[string]int{}
	for _, k := range privacy.Terms() {
		terms[k.Name] = 0
		for _, text := range []privacy.Text{k.What, k.Long, k.Ends} {
			if text.EN == "" || text.DE == "" {
				t.Errorf("the term %s says not everything in both languages", k.Name)
			}
		}
	}
	for _, p := range privacy.Places() {
		if _, ok := terms[p.Keep]; !ok {
			t.Errorf("%s %s is kept for %q, which is no term", p.Where, p.Name, p.Keep)
		}
		terms[p.Keep]++
		if p.Type == "" && (p.What.EN == "" || p.What.DE == "") {
			t.Errorf("%s %s says not what it is", p.Where, p.Name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(terms)) {
		if terms[name] == 0 {
			t.Errorf("nothing is kept for the term %s", name)
		}
	}
	for _, typ := range privacy.Types() {
		if typ.What.EN == "" || typ.What.DE == "" {
			t.Errorf("%s says not what it is in both languages", typ.Name)
		}
		for _, f := range typ.Fields {
			if f.Category == privacy.Staff && (privacy.StaffNote(typ.Name, f.Name).EN == "" || privacy.StaffNote(typ.Name, f.Name).DE == "") {
				t.Errorf("%s of %s is about staff and has no note", f.Name, typ.Name)
			}
			if f.Category != privacy.Part && f.Purpose == "" || f.Category != privacy.Operational && f.Category != privacy.Part && f.Whose == privacy.Nobody {
				t.Errorf("%s of %s says not what for, or whose it is", f.Name, typ.Name)
			}
		}
	}
}

// TestReads wants of every field that a default mapping fills to be known where it comes from.
func TestReads(t *testing.T) {
	for _, c := range []struct{ expression, want string }{
		{"text", "text/content"},
		{`mention.kind + " from @" + author.handle`, "kind/operational handle/identifier"},
		{"'author.name' + \"person.name\"", ""},
		{"author.counted ? author.followers : nil", "counted/profile followers/profile"},
		{`join(map(conversation.turns, "@" + .by), ", ")`, "text/content"},
		{`findLast(conversation.turns, .permalink != "")?.permalink ?? ""`, "text/content"},
		{"conversation.author.id", "id/identifier"},
		{`decision.score.version != "" ? score : nil`, "version/derived total/derived"},
		{"person.score.total", "total/derived"},
		{"nobody.name", ""},
	} {
		var got []string
		for _, f := range privacy.Reads(c.expression) {
			got = append(got, f.Name+"/"+string(f.Category))
		}
		if s := strings.Join(got, " "); s != c.want {
			t.Errorf("%s reads %q, not %q", c.expression, s, c.want)
		}
	}
	for _, kind := range []string{"hubspot", "salesforce", "salesforce-person", "sink"} {
		objects, _ := mapping.Default(kind, true)
		if len(objects) == 0 {
			t.Errorf("%s has no default mapping", kind)
		}
		for _, o := range objects {
			for name, f := range o.Fields {
				if len(privacy.Reads(f.Value)) == 0 && f.Value != "source" {
					t.Errorf("%s %s.%s = %s: nobody knows what it reads", kind, o.Object, name, f.Value)
				}
			}
		}
	}
}
