package ledger

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Format names the form of an exported ledger. It stands in its first line.
const Format = "rapport ledger 1"

// Record is one line of an exported ledger; one of its fields is set. First comes the file's head, then the seals of its
// hours, each followed by its entries; then the lines as they stand now; then later seals, followed by what changed since;
// then what is waiting for the next seal; and the end.
type Record struct {
	File   *File     `json:"file,omitempty"`
	Seal   *Seal     `json:"seal,omitempty"`
	Entry  *Entry    `json:"entry,omitempty"`  // of a line of the seal's own hour
	Change *Entry    `json:"change,omitempty"` // of a line of an earlier hour
	Line   *Exported `json:"line,omitempty"`
	Due    *Place    `json:"due,omitempty"` // a line that may have changed since the newest seal
	End    *End      `json:"end,omitempty"`
}

// File says what a file is about.
type File struct {
	Format string    `json:"format"`
	From   time.Time `json:"from"` // hours: from ≤ hour < to
	To     time.Time `json:"to"`
	Number int       `json:"number"` // of the newest seal
	Head   string    `json:"head"`   // its hash
}

// Exported is a line as a file holds it.
type Exported struct {
	Salt  string `json:"salt"`
	Facts Facts  `json:"facts"`
}

// End closes a file: one that was cut off has none.
type End struct {
	Seals   int `json:"seals"`
	Entries int `json:"entries"`
	Lines   int `json:"lines"`
}

// Finding is something that is not as it was sealed.
type Finding struct {
	What  string `json:"what"`  // altered, removed, added, order, changed, damaged
	Where string `json:"where"` // a line's place, a seal, or the file's line
	Say   string `json:"say"`
}

// Checked is what a check came to. The ledger is as it was sealed where Findings is empty.
type Checked struct {
	File     File      `json:"file"`
	Seals    int       `json:"seals"`
	Entries  int       `json:"entries"`
	Changes  int       `json:"changes"` // amendments among the entries
	Lines    int       `json:"lines"`
	Erased   int       `json:"erased"`
	Sealed   Tally     `json:"sealed"` // by the seals, as amended
	Now      Tally     `json:"now"`    // by the lines
	Due      []string  `json:"due"`    // lines that changed since the newest seal: the next one will tell
	Findings []Finding `json:"findings"`
}

// Check reads an exported ledger and needs nothing else. known is the hash of the newest seal as it was kept elsewhere, ""
// if it was not: without it, who could write the whole file could have made the whole chain anew.
func Check(r io.Reader, known string) (Checked, error) {
	in, c, number := bufio.NewReaderSize(r, 1<<20), NewChecker(), 0
	for {
		text, err := in.ReadBytes('\n')
		if len(bytes.TrimSpace(text)) > 0 {
			number++
			var rec Record
			d := json.NewDecoder(bytes.NewReader(text))
			d.DisallowUnknownFields()
			if bad := d.Decode(&rec); bad != nil {
				c.find("damaged", fmt.Sprintf("line %d of the file", number), "cannot be read: %v", bad)
			} else {
				c.Take(rec)
			}
		}
		if err == io.EOF {
			return c.End(known), nil
		}
		if err != nil {
			return Checked{}, err
		}
	}
}

// Checker compares lines with seals. It is fed with records and says at the end what it found. Not safe for concurrent use.
type Checker struct {
	out   Checked
	seals []Seal
	open  *summing // of the newest seal
	known map[Place]state
	lines map[Place]state
	due   map[Place]bool
	last  Place // line
	end   *End
}

// state is what is known of a line.
type state struct {
	leaf, column string
	seal         int // that said so
	erased       bool
}

// summing adds up what follows a seal.
type summing struct {
	entries, changes sums
	last             Place // of the entries
}

// sums adds up entries by partition.
type sums map[string]*sum

type sum struct {
	count Tally
	tree  Tree
}

func (s sums) add(part string, e Entry) {
	if s[part] == nil {
		s[part] = &sum{}
	}
	s[part].count.AddColumn(e.Column)
	s[part].tree.Add(e)
}

// NewChecker makes one.
func NewChecker() *Checker {
	return &Checker{known: map[Place]state{}, lines: map[Place]state{}, due: map[Place]bool{}}
}

func (c *Checker) find(what, where, say string, args ...any) {
	c.out.Findings = append(c.out.Findings, Finding{what, where, fmt.Sprintf(say, args...)})
}

func (p Place) String() string { return p.Part + "/" + p.Sort }

func (s Seal) name() string {
	return fmt.Sprintf("seal %d (%s)", s.Number, s.Hour.UTC().Format("2006-01-02 15h"))
}

// Take takes the next record.
func (c *Checker) Take(r Record) {
	switch {
	case r.File != nil:
		if c.out.File = *r.File; r.File.Format != Format {
			c.find("damaged", "the file", "is no ledger of this form: it says %q, not %q", r.File.Format, Format)
		}
	case r.Seal != nil:
		c.close()
		c.seals = append(c.seals, *r.Seal)
		c.open = &summing{entries: sums{}, changes: sums{}}
	case r.Entry != nil:
		c.entry(*r.Entry)
	case r.Change != nil:
		c.change(*r.Change)
	case r.Line != nil:
		c.line(*r.Line)
	case r.Due != nil:
		c.due[*r.Due] = true
	case r.End != nil:
		c.end = r.End
	}
}

func (c *Checker) entry(e Entry) {
	c.out.Entries++
	if c.open == nil {
		c.find("order", e.Place().String(), "its entry belongs to no seal")
		return
	}
	if !c.open.last.less(e.Place()) {
		c.find("order", e.Place().String(), "its entry stands behind that of %s", c.open.last)
	}
	c.open.last = e.Place()
	c.open.entries.add(e.Part, e)
	if _, twice := c.known[e.Place()]; twice {
		c.find("added", e.Place().String(), "it is sealed twice")
	}
	c.known[e.Place()] = state{leaf: e.Leaf, column: e.Column, seal: c.number()}
}

func (c *Checker) change(e Entry) {
	c.out.Entries++
	c.out.Changes++
	if c.open == nil {
		c.find("order", e.Place().String(), "its amendment belongs to no seal")
		return
	}
	_, shard, _ := cutLast(e.Part)
	c.open.changes.add(ChangesOf(c.seals[len(c.seals)-1].Hour, shard), e)
	was, known := c.known[e.Place()]
	switch {
	case known && (was.leaf != e.Old || was.column != e.From):
		c.find("altered", e.Place().String(), "its amendment in seal %d begins with another state (%s) than seal %d left it in (%s)", c.number(), e.From, was.seal, was.column)
	case !known && e.Old != "" && c.covers(e.Part):
		c.find("added", e.Place().String(), "seal %d amends it, and no seal before knows it", c.number())
	}
	// What is open is settled one day, and what is dead or cannot be read may be tried again.
	if e.Old != "" && e.From != e.Column && !slices.Contains([]string{"open", "dead", "rejected"}, e.From) {
		c.find("changed", e.Place().String(), "it was %s and became %s in seal %d: no road leads there", e.From, e.Column, c.number())
	}
	c.known[e.Place()] = state{leaf: e.Leaf, column: e.Column, seal: c.number()}
}

func (c *Checker) number() int { return c.seals[len(c.seals)-1].Number }

// covers tells whether the file is to hold the lines of a partition.
func (c *Checker) covers(part string) bool {
	hour, ok := HourOf(part)
	return ok && !hour.Before(c.out.File.From) && hour.Before(c.out.File.To)
}

func (c *Checker) line(x Exported) {
	at := Place{x.Facts.Part, x.Facts.Sort}
	c.out.Lines++
	if !c.last.less(at) {
		c.find("order", at.String(), "it stands behind %s", c.last)
	}
	c.last = at
	if _, twice := c.lines[at]; twice {
		c.find("added", at.String(), "it is there twice")
	}
	if !c.covers(at.Part) {
		c.find("added", at.String(), "it does not belong to the hours of the file")
	}
	if x.Facts.Erased {
		c.out.Erased++
	}
	s := state{leaf: Leaf(x.Salt, x.Facts), column: x.Facts.Column(), erased: x.Facts.Erased}
	c.out.Now.AddColumn(s.column)
	c.lines[at] = s
}

// close compares what followed the newest seal with what it says.
func (c *Checker) close() {
	if c.open == nil {
		return
	}
	s, sum := c.seals[len(c.seals)-1], c.open
	c.open = nil
	if !s.Hour.Before(c.out.File.From) && s.Hour.Before(c.out.File.To) {
		c.weigh(s, "lines", s.Parts, sum.entries)
	}
	c.weigh(s, "amendments", s.Changes, sum.changes)
	again := s
	again.Close()
	if again.Root != s.Root || again.Count != s.Count {
		c.find("altered", s.name(), "its root or count does not follow from its parts")
	}
}

// weigh compares entries with what a seal says of their partitions.
func (c *Checker) weigh(s Seal, what string, want []Sealed, have sums) {
	for _, p := range want {
		h := have[p.Part]
		delete(have, p.Part)
		switch {
		case h == nil:
			c.find("removed", p.Part, "%s has %d %s there, the file has no entries of them", s.name(), p.Count.Received, what)
		case h.count.Received != p.Count.Received:
			c.find(more(h.count.Received, p.Count.Received), p.Part, "%s has %d %s there, the file %d", s.name(), p.Count.Received, what, h.count.Received)
		case h.count != p.Count || h.tree.Root() != p.Root:
			c.find("altered", p.Part, "the %s are not those of %s", what, s.name())
		}
		if !p.Count.sums() {
			c.find("altered", p.Part, "in %s received is not the sum of the columns", s.name())
		}
	}
	for _, part := range slices.Sorted(maps.Keys(have)) {
		c.find("added", part, "%s knows no %s there", s.name(), what)
	}
}

func more(have, want int) string {
	if have > want {
		return "added"
	}
	return "removed"
}

// chain looks at the seals among themselves.
func (c *Checker) chain(known string) {
	for i := 1; i < len(c.seals); i++ {
		if a, b := c.seals[i-1], c.seals[i]; a.Number >= b.Number || !a.Hour.Before(b.Hour) {
			c.find("order", b.name(), "it stands behind %s", a.name())
		}
	}
	list := slices.Clone(c.seals)
	slices.SortStableFunc(list, func(a, b Seal) int { return a.Number - b.Number })
	for i, s := range list {
		if i == 0 {
			if s.Number == 1 && s.Prev != "" {
				c.find("altered", s.name(), "it is the first and names one before")
			}
			continue
		}
		for n := list[i-1].Number + 1; n < s.Number; n++ {
			c.find("removed", fmt.Sprintf("seal %d", n), "it is missing between %s and %s", list[i-1].name(), s.name())
		}
		if s.Number == list[i-1].Number+1 && s.Prev != list[i-1].Hash() {
			c.find("altered", list[i-1].name(), "it is not the one that %s names", s.name())
		}
	}
	f := c.out.File
	if n := len(list); n > 0 {
		head := list[n-1]
		switch {
		case f.Number != head.Number:
			c.find("removed", fmt.Sprintf("seal %d", f.Number), "it is the newest by the file's head, and the last there is %s", head.name())
		case f.Head != head.Hash():
			c.find("altered", head.name(), "it is not the one that the file's head names")
		}
	}
	if known != "" && known != f.Head && (len(list) == 0 || list[0].Prev != known) && !slices.ContainsFunc(list, func(s Seal) bool { return s.Hash() == known }) {
		c.find("altered", "the chain", "no seal of it has the hash %s that was kept", known)
	}
}

// End says what was found.
func (c *Checker) End(known string) Checked {
	c.close()
	if c.out.Seals = len(c.seals); c.out.File.Format == "" {
		c.find("damaged", "the file", "it has no head: is it an exported ledger?")
	}
	c.chain(known)
	switch e := c.end; {
	case e == nil:
		c.find("removed", "the file", "it has no end: it was cut off")
	case e.Seals != c.out.Seals || e.Entries != c.out.Entries || e.Lines != c.out.Lines:
		c.find("altered", "the file", "by its end it had %d seals, %d entries and %d lines, it has %d, %d and %d", e.Seals, e.Entries, e.Lines, c.out.Seals, c.out.Entries, c.out.Lines)
	}
	for _, at := range places(c.known, c.lines) {
		c.compare(at)
	}
	return c.out
}

// compare says how a line stands to what the seals know of it.
func (c *Checker) compare(at Place) {
	was, sealed := c.known[at]
	is, there := c.lines[at]
	if !c.covers(at.Part) {
		return
	}
	if sealed {
		c.out.Sealed.AddColumn(was.column)
	}
	switch {
	case sealed && there && was.leaf == is.leaf && was.column == is.column:
	case c.due[at] && there:
		c.out.Due = append(c.out.Due, at.String())
	case sealed && !there:
		c.find("removed", at.String(), "seal %d knows it (%s)", was.seal, was.column)
	case !sealed:
		c.find("added", at.String(), "no seal knows it (%s)", is.column)
	case was.column != is.column:
		c.find("altered", at.String(), "it says %s, seal %d says %s", is.column, was.seal, was.column)
	default:
		c.find("altered", at.String(), "what it says is not what seal %d knows it by", was.seal)
	}
}

func places(all ...map[Place]state) []Place {
	var out []Place
	for _, m := range all {
		for at := range m {
			out = append(out, at)
		}
	}
	slices.SortFunc(out, Place.compare)
	return slices.Compact(out)
}

func (p Place) compare(o Place) int {
	if n := strings.Compare(p.Part, o.Part); n != 0 {
		return n
	}
	return strings.Compare(p.Sort, o.Sort)
}

func (p Place) less(o Place) bool { return p.compare(o) < 0 }

// HourOf reads the hour out of the name of a partition.
func HourOf(part string) (time.Time, bool) {
	rest, _, ok := cutLast(part)
	if !ok {
		return time.Time{}, false
	}
	_, hour, ok := cutLast(rest)
	at, err := time.Parse("2006010215", hour)
	return at, ok && err == nil
}

// ChangesOf names what changed in an hour of lines of one shard.
func ChangesOf(hour time.Time, shard string) string {
	return hour.UTC().Format("2006010215") + "#" + shard
}

func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, '#')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// sums tells whether received is the sum of the columns.
func (t Tally) sums() bool {
	return t.Received == t.Written+t.Merged+t.Filtered+t.Suppressed+t.Rejected+t.Dead+t.Open
}
