package pipeline

import (
	"context"
	"slices"
	"strings"
	"time"

	"rapport/shared/ledger"
	"rapport/shared/queue"
	"rapport/shared/store"
	"rapport/shared/topology"
)

// SealRow is one seal, kept under "chain" and its hour, or the head of the chain, kept under "head": how far the hours were
// looked at, and the newest seal. The head is written first and decides; the row of the chain follows.
type SealRow struct {
	Through time.Time    `json:"through,omitzero"` // of the head: the last hour that is done, sealed or without anything to seal
	Seal    *ledger.Seal `json:"seal,omitempty"`
	Hash    string       `json:"hash,omitempty"`
}

// LeafRow holds entries of a seal, in their order. Those of an hour's lines are kept under the lines' partition, sorted by
// hour and number; those of changes under hour and shard. A line's partition also has a row "~" and hour, without entries,
// for every later seal that amends something of it. Rows are never overwritten.
type LeafRow struct {
	Entries []ledger.Entry `json:"entries,omitempty"`
}

const (
	sealJob   = "#seal" // the message that wakes it
	chainPart = "chain"
	headPart  = "head"

	sealLines = 1000 // entries of one row
	sealMost  = 50   // rows of entries that one message writes, about; then the next goes on
	sealHours = 200  // hours that one message looks at
	sealAgain = 10 * time.Minute
)

func (p *Pipeline) sealHead(ctx context.Context) (store.Row[SealRow], error) {
	row, err := p.seals.One(ctx, headPart, "-")
	row.Part, row.Sort = headPart, "-"
	return row, err
}

// sealable tells whether the hour after the last one done can be sealed.
func (p *Pipeline) sealable(head store.Row[SealRow]) bool {
	return !p.now().Before(head.Value.Through.Add(2*time.Hour + p.settleAfter()))
}

// tickSeal wakes the one who seals, once an hour and again while there is something left. The first tick ever begins the
// chain, with the hour before its own.
func (p *Pipeline) tickSeal(ctx context.Context) error {
	head, err := p.sealHead(ctx)
	if err != nil {
		return err
	}
	if head.Version == 0 {
		head.Value.Through = p.now().Truncate(time.Hour).Add(-2 * time.Hour)
		if res := p.seals.Put(ctx, &head)[0]; res.Err != nil && !conflicted(res) {
			return res.Err
		}
		return nil
	}
	if !p.sealable(head) {
		return nil
	}
	row, err := p.accounts.One(ctx, sealJob, "-")
	if err != nil || p.now().Before(row.Value.Next) {
		return err
	}
	row.Part, row.Sort, row.Value.Next = sealJob, "-", p.now().Add(min(sealAgain, p.settleAfter()))
	if res := p.accounts.Put(ctx, &row)[0]; res.Err != nil {
		if conflicted(res) {
			return nil
		}
		return res.Err
	}
	return p.wake(ctx, sealJob, 0)
}

// Seal seals the hours that are over, and tells whether more are left. One seals at a time; whoever dies, another finds what is
// done and goes on. It never makes two seals of an hour: of two heads one is written.
func (p *Pipeline) Seal(ctx context.Context) (more bool, err error) {
	release, ok, err := p.Leases.Acquire(ctx, "seal", 5*time.Minute)
	if err != nil || !ok {
		return false, err
	}
	defer release()
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return false, err
	}
	head, err := p.sealHead(ctx)
	if err != nil {
		return false, err
	}
	if err := p.link(ctx, head.Value); err != nil {
		return false, err
	}
	s := &sealing{p: p, config: plan.Doc.Hash}
	for hours := 0; head.Version > 0 && p.sealable(head); hours++ {
		if hours >= sealHours || s.rows >= sealMost {
			return true, nil
		}
		hour := head.Value.Through.Add(time.Hour)
		made, err := s.hour(ctx, hour, head.Value)
		if err != nil {
			return false, err
		}
		head.Value.Through = hour
		if made != nil {
			head.Value.Seal, head.Value.Hash = made, made.Hash()
		}
		if res := p.seals.Put(ctx, &head)[0]; conflicted(res) {
			return false, nil // somebody else was faster, and goes on
		} else if res.Err != nil {
			return false, res.Err
		}
		if made != nil {
			if err := p.link(ctx, head.Value); err != nil {
				return false, err
			}
			p.Ports.Log.Info("hour sealed", "hour", hour.Format(time.RFC3339), "seal", made.Number, "received", made.Count.Received, "hash", head.Value.Hash)
		}
	}
	return false, nil
}

// link puts the newest seal into the chain. Who wrote the head may have died before.
func (p *Pipeline) link(ctx context.Context, head SealRow) error {
	if head.Seal == nil {
		return nil
	}
	row := &store.Row[SealRow]{Part: chainPart, Sort: head.Seal.Hour.Format(hourFormat), Value: SealRow{Seal: head.Seal, Hash: head.Hash}}
	if res := p.seals.Put(ctx, row)[0]; res.Err != nil && !conflicted(res) {
		return res.Err
	}
	return nil
}

// sealing is one call's work.
type sealing struct {
	p      *Pipeline
	config string
	rows   int // of entries, written or found
}

// hour makes the seal of an hour, nil if there is nothing to seal. Entries are kept as they are found first: whoever does the
// same hour again takes them over, so both come to one seal.
func (s *sealing) hour(ctx context.Context, hour time.Time, head SealRow) (*ledger.Seal, error) {
	seal := &ledger.Seal{Number: 1, Hour: hour, Config: s.config, At: s.p.now(), Prev: head.Hash}
	if head.Seal != nil {
		seal.Number = head.Seal.Number + 1
	}
	parts, err := s.p.hourParts(ctx, hour)
	if err != nil {
		return nil, err
	}
	for _, part := range parts {
		done, err := s.lines(ctx, hour, part)
		if err != nil {
			return nil, err
		}
		if done.Chunks > 0 {
			seal.Parts = append(seal.Parts, done)
		}
	}
	for shard := range ledger.Shards {
		done, err := s.changes(ctx, hour, string(rune('0'+shard)))
		if err != nil {
			return nil, err
		}
		if done.Chunks > 0 {
			seal.Changes = append(seal.Changes, done)
		}
	}
	if len(seal.Parts)+len(seal.Changes) == 0 {
		return nil, nil
	}
	seal.Close()
	return seal, nil
}

// hourParts names the partitions that may have lines of an hour, in order.
func (p *Pipeline) hourParts(ctx context.Context, hour time.Time) ([]string, error) {
	var parts []string
	for row, err := range p.hourly.List(ctx, store.Range{Part: hourIndex + hour.Format(hourFormat)}) {
		if err != nil {
			return nil, err
		}
		for shard := range ledger.Shards {
			parts = append(parts, ledger.Part(row.Sort, hour, shard))
		}
	}
	slices.Sort(parts)
	return parts, nil
}

// folding adds up the rows of entries of one part of a seal.
type folding struct {
	ledger.Sealed
	tree ledger.Tree
	last ledger.Entry
}

func (f *folding) add(entries []ledger.Entry) {
	for _, e := range entries {
		f.Count.AddColumn(e.Column)
		f.tree.Add(e)
		f.last = e
	}
	f.Chunks++
	f.Root = f.tree.Root()
}

// keep writes the next row of entries of a part; where there is one already, that is the one.
func (s *sealing) keep(ctx context.Context, f *folding, part string, hour time.Time, entries []ledger.Entry) ([]ledger.Entry, error) {
	s.rows++
	row := &store.Row[LeafRow]{Part: part, Sort: leafSort(hour, f.Chunks), Value: LeafRow{entries}}
	res := s.p.leaves.Put(ctx, row)[0]
	if conflicted(res) {
		stored, err := s.p.leaves.Row(res.Stored)
		return stored.Value.Entries, err
	}
	return entries, res.Err
}

func leafSort(hour time.Time, number int) string {
	return hour.Format(hourFormat) + "/" + string([]byte{byte('0' + number/1000%10), byte('0' + number/100%10), byte('0' + number/10%10), byte('0' + number%10)})
}

// found adds up the rows of entries that an earlier attempt left.
func (s *sealing) found(ctx context.Context, part string, hour time.Time) (*folding, error) {
	f := &folding{Sealed: ledger.Sealed{Part: part}}
	for row, err := range s.p.leaves.List(ctx, store.Range{Part: part, From: leafSort(hour, 0), To: hour.Format(hourFormat) + "0"}) {
		if err != nil {
			return nil, err
		}
		f.add(withPart(part, row.Value.Entries))
		s.rows++
	}
	return f, nil
}

// withPart puts back the partition that entries of lines are kept without.
func withPart(part string, entries []ledger.Entry) []ledger.Entry {
	out := slices.Clone(entries)
	for i := range out {
		if out[i].Part == "" {
			out[i].Part = part
		}
	}
	return out
}

// lines makes the entries of one partition, reading its lines once.
func (s *sealing) lines(ctx context.Context, hour time.Time, part string) (ledger.Sealed, error) {
	f, err := s.found(ctx, part, hour)
	for err == nil {
		var entries []ledger.Entry
		for row, lerr := range s.p.lines.List(ctx, store.Range{Part: part, From: f.last.Sort, Limit: sealLines}) {
			if lerr != nil {
				return f.Sealed, lerr
			}
			if row.Sort != f.last.Sort {
				facts := ledger.FactsOf(ledger.Place{Part: part, Sort: row.Sort}, row.Value)
				entries = append(entries, ledger.Entry{Sort: row.Sort, Leaf: ledger.Leaf(row.Value.Salt, facts), Column: facts.Column()})
			}
		}
		if len(entries) == 0 {
			break
		}
		if entries, err = s.keep(ctx, f, part, hour, entries); err == nil {
			f.add(withPart(part, entries))
		}
	}
	return f.Sealed, err
}

// changes makes the entries of what was changed of earlier hours, by shard.
func (s *sealing) changes(ctx context.Context, hour time.Time, shard string) (ledger.Sealed, error) {
	part := ledger.ChangesOf(hour, shard)
	f, err := s.found(ctx, part, hour)
	if err != nil {
		return f.Sealed, err
	}
	for n := range f.Chunks { // whoever wrote them may have died before it said so
		row, err := s.p.leaves.One(ctx, part, leafSort(hour, n))
		if err == nil {
			err = s.point(ctx, hour, row.Value.Entries)
		}
		if err != nil {
			return f.Sealed, err
		}
	}
	memory := &leafMemory{p: s.p, before: hour}
	from := ""
	if f.last.Sort != "" {
		from = f.last.Part + "|" + f.last.Sort
	}
	for {
		var places []ledger.Place
		next := from
		for row, err := range s.p.lates.List(ctx, store.Range{Part: part, From: from, Limit: sealLines / 4}) {
			if err != nil {
				return f.Sealed, err
			}
			if row.Sort != from {
				places, next = append(places, row.Value.Place), row.Sort
			}
		}
		if len(places) == 0 {
			return f.Sealed, nil
		}
		entries, err := s.amend(ctx, memory, places)
		if err == nil && len(entries) > 0 {
			if entries, err = s.keep(ctx, f, part, hour, entries); err == nil {
				f.add(entries)
				err = s.point(ctx, hour, entries)
				next = max(next, f.last.Part+"|"+f.last.Sort)
			}
		}
		if err != nil {
			return f.Sealed, err
		}
		from = next
	}
}

// amend compares lines with what the seals before know of them.
func (s *sealing) amend(ctx context.Context, memory *leafMemory, places []ledger.Place) ([]ledger.Entry, error) {
	keys := make([]store.Key, len(places))
	for i, at := range places {
		keys[i] = s.p.lines.Key(at.Part, at.Sort)
	}
	rows, err := s.p.lines.Get(ctx, keys...)
	if err != nil {
		return nil, err
	}
	var entries []ledger.Entry
	for i, row := range rows {
		if row.Version == 0 { // whoever was about to write it never did
			continue
		}
		at := places[i]
		was, err := memory.of(ctx, at)
		if err != nil {
			return nil, err
		}
		facts := ledger.FactsOf(at, row.Value)
		e := ledger.Entry{Part: at.Part, Sort: at.Sort, Old: was.Leaf, Leaf: ledger.Leaf(row.Value.Salt, facts), From: was.Column, Column: facts.Column()}
		if e.Old != e.Leaf {
			entries = append(entries, e)
		}
	}
	return entries, nil
}

// point notes at the partitions of lines that a seal amends something of them.
func (s *sealing) point(ctx context.Context, hour time.Time, entries []ledger.Entry) error {
	var rows []*store.Row[LeafRow]
	for _, e := range entries {
		if n := len(rows); n == 0 || rows[n-1].Part != e.Part {
			rows = append(rows, &store.Row[LeafRow]{Part: e.Part, Sort: "~" + hour.Format(hourFormat)})
		}
	}
	for _, res := range s.p.leaves.Put(ctx, rows...) {
		if res.Err != nil && !conflicted(res) {
			return res.Err
		}
	}
	return nil
}

// leafMemory tells what the seals before an hour know of lines. It keeps one partition at a time; zero "before" is all.
type leafMemory struct {
	p      *Pipeline
	before time.Time
	part   string
	known  map[string]ledger.Entry
}

func (m *leafMemory) of(ctx context.Context, at ledger.Place) (ledger.Entry, error) {
	if m.part != at.Part || m.known == nil {
		if err := m.load(ctx, at.Part); err != nil {
			return ledger.Entry{}, err
		}
	}
	return m.known[at.Sort], nil
}

func (m *leafMemory) load(ctx context.Context, part string) error {
	m.part, m.known = part, nil
	known := map[string]ledger.Entry{}
	own, ok := ledger.HourOf(part)
	if !ok {
		return nil
	}
	seal, err := m.p.sealOf(ctx, own)
	if err != nil {
		return err
	}
	err = m.p.entries(ctx, own, seal, part, func(e ledger.Entry) { known[e.Sort] = e })
	if err != nil {
		return err
	}
	shard := part[strings.LastIndexByte(part, '#')+1:]
	for row, err := range m.p.leaves.List(ctx, store.Range{Part: part, From: "~"}) {
		if err != nil {
			return err
		}
		hour, err := time.Parse("~"+hourFormat, row.Sort)
		if err != nil || !hour.Before(m.before) {
			continue
		}
		if seal, err = m.p.sealOf(ctx, hour); err != nil {
			return err
		}
		err = m.p.entries(ctx, hour, seal, ledger.ChangesOf(hour, shard), func(e ledger.Entry) {
			if e.Part == part {
				known[e.Sort] = e
			}
		})
		if err != nil {
			return err
		}
	}
	m.known = known
	return nil
}

// sealOf reads the seal of an hour, nil if it has none.
func (p *Pipeline) sealOf(ctx context.Context, hour time.Time) (*ledger.Seal, error) {
	row, err := p.seals.One(ctx, chainPart, hour.Format(hourFormat))
	return row.Value.Seal, err
}

// entries reads what a seal says of one of its parts: as many rows as it names. Others are what a slower one left behind.
func (p *Pipeline) entries(ctx context.Context, hour time.Time, seal *ledger.Seal, part string, visit func(ledger.Entry)) error {
	if seal == nil {
		return nil
	}
	chunks := 0
	for _, s := range slices.Concat(seal.Parts, seal.Changes) {
		if s.Part == part {
			chunks = s.Chunks
		}
	}
	for n := range chunks {
		row, err := p.leaves.One(ctx, part, leafSort(hour, n))
		if err != nil {
			return err
		}
		for _, e := range withPart(part, row.Value.Entries) {
			visit(e)
		}
	}
	return nil
}

// sealWoken seals and wakes itself while something is left.
func (p *Pipeline) sealWoken(ctx context.Context) error {
	more, err := p.Seal(ctx)
	if err != nil || !more {
		return err
	}
	return p.Queue.Send(ctx, queue.Message{Lane: topology.Jobs, Group: sealJob, Body: []byte(`"` + sealJob + `"`)})[0]
}
