package pipeline

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"rapport/shared/ledger"
	"rapport/shared/store"
)

// Head gives the newest seal and its hash, and the last hour that is done; a nil seal: nothing is sealed yet.
func (p *Pipeline) Head(ctx context.Context) (SealRow, error) {
	row, err := p.sealHead(ctx)
	return row.Value, err
}

// ExportLedger gives the sealed hours between two times, record by record, so that whoever has the records can check them
// without anything else. It reads everything once and holds nothing up; what changes meanwhile is told as due.
func (p *Pipeline) ExportLedger(ctx context.Context, from, to time.Time, emit func(ledger.Record) error) error {
	x, err := p.exporting(ctx, from, to, emit)
	if err != nil {
		return err
	}
	if err := x.emit(ledger.Record{File: &x.file}); err != nil {
		return err
	}
	if err := x.seals(ctx, x.file.From, x.file.To, true); err != nil {
		return err
	}
	if err := x.lines(ctx); err != nil {
		return err
	}
	if err := x.seals(ctx, x.file.To, x.through.Add(time.Hour), false); err != nil {
		return err
	}
	if err := x.due(ctx); err != nil {
		return err
	}
	return x.emit(ledger.Record{End: &x.end})
}

// VerifyLedger compares the lines of sealed hours with their seals, where both are. known is the hash of the newest seal as it
// was kept elsewhere, "" if it was not.
func (p *Pipeline) VerifyLedger(ctx context.Context, from, to time.Time, known string) (ledger.Checked, error) {
	c := ledger.NewChecker()
	err := p.ExportLedger(ctx, from, to, func(r ledger.Record) error {
		c.Take(r)
		return nil
	})
	return c.End(known), err
}

// exporting is one export at work. It shows the chain as it was when it began.
type exporting struct {
	p       *Pipeline
	file    ledger.File
	through time.Time // the last hour done
	newest  *ledger.Seal
	end     ledger.End
	parts   map[string]bool
	out     func(ledger.Record) error
}

func (p *Pipeline) exporting(ctx context.Context, from, to time.Time, emit func(ledger.Record) error) (*exporting, error) {
	head, err := p.Head(ctx)
	if err != nil {
		return nil, err
	}
	x := &exporting{p: p, parts: map[string]bool{}, out: emit, through: head.Through}
	x.file = ledger.File{Format: ledger.Format, From: from.UTC().Truncate(time.Hour), To: to.UTC().Add(time.Hour - 1).Truncate(time.Hour)}
	if head.Seal == nil {
		x.file.To = x.file.From
		return x, nil
	}
	x.newest = head.Seal
	x.file.Number, x.file.Head = head.Seal.Number, head.Hash
	first := head.Seal.Hour
	for row, err := range p.seals.List(ctx, store.Range{Part: chainPart, Limit: 1}) {
		if err != nil {
			return nil, err
		}
		first = row.Value.Seal.Hour
	}
	if first.After(x.file.From) {
		x.file.From = first
	}
	if end := x.through.Add(time.Hour); end.Before(x.file.To) {
		x.file.To = end
	}
	if x.file.To.Before(x.file.From) {
		x.file.To = x.file.From
	}
	return x, nil
}

func (x *exporting) emit(r ledger.Record) error {
	switch {
	case r.Seal != nil:
		x.end.Seals++
	case r.Entry != nil, r.Change != nil:
		x.end.Entries++
	case r.Line != nil:
		x.end.Lines++
	}
	return x.out(r)
}

// seals gives the seals of hours with their changes and, where they are the file's own, the entries of their lines.
func (x *exporting) seals(ctx context.Context, from, to time.Time, own bool) error {
	list, err := x.chain(ctx, from, to)
	if err != nil {
		return err
	}
	for _, seal := range list {
		if err := x.emit(ledger.Record{Seal: seal}); err != nil {
			return err
		}
		var failed error
		tell := func(r ledger.Record) {
			if failed == nil {
				failed = x.emit(r)
			}
		}
		for _, part := range seal.Parts {
			if !own {
				break
			}
			x.parts[part.Part] = true
			err := x.p.entries(ctx, seal.Hour, seal, part.Part, func(e ledger.Entry) { tell(ledger.Record{Entry: &e}) })
			if err != nil || failed != nil {
				return errors.Join(err, failed)
			}
		}
		for _, part := range seal.Changes {
			err := x.p.entries(ctx, seal.Hour, seal, part.Part, func(e ledger.Entry) {
				if x.covers(e.Part) {
					x.parts[e.Part] = true
				}
				tell(ledger.Record{Change: &e})
			})
			if err != nil || failed != nil {
				return errors.Join(err, failed)
			}
		}
	}
	return nil
}

// chain reads the seals of hours. The newest may stand at the head alone still.
func (x *exporting) chain(ctx context.Context, from, to time.Time) (list []*ledger.Seal, err error) {
	for row, err := range x.p.seals.List(ctx, store.Range{Part: chainPart, From: from.Format(hourFormat), To: to.Format(hourFormat)}) {
		if err != nil {
			return nil, err
		}
		list = append(list, row.Value.Seal)
	}
	if s := x.newest; s != nil && !s.Hour.Before(from) && s.Hour.Before(to) && (len(list) == 0 || list[len(list)-1].Hour.Before(s.Hour)) {
		list = append(list, s)
	}
	return list, nil
}

func (x *exporting) covers(part string) bool {
	hour, ok := ledger.HourOf(part)
	return ok && !hour.Before(x.file.From) && hour.Before(x.file.To)
}

// lines gives the lines of the file's hours as they are now: of the partitions that seals know, and of all others that may have some.
func (x *exporting) lines(ctx context.Context) error {
	for hour := x.file.From; hour.Before(x.file.To); hour = hour.Add(time.Hour) {
		parts, err := x.p.hourParts(ctx, hour)
		if err != nil {
			return err
		}
		for _, part := range parts {
			x.parts[part] = true
		}
	}
	for _, part := range slices.Sorted(maps.Keys(x.parts)) {
		for row, err := range x.p.lines.List(ctx, store.Range{Part: part}) {
			if err != nil {
				return err
			}
			line := &ledger.Exported{Salt: row.Value.Salt, Facts: ledger.FactsOf(ledger.Place{Part: part, Sort: row.Sort}, row.Value)}
			if err := x.emit(ledger.Record{Line: line}); err != nil {
				return err
			}
		}
	}
	return nil
}

// due gives the lines that were changed since the last hour done. It is read after the lines: who changes one says so before.
func (x *exporting) due(ctx context.Context) error {
	if x.file.Head == "" {
		return nil
	}
	for hour := x.through.Add(time.Hour); !hour.After(x.p.now().Add(skew)); hour = hour.Add(time.Hour) {
		for shard := range ledger.Shards {
			part := ledger.ChangesOf(hour, string(rune('0'+shard)))
			for row, err := range x.p.lates.List(ctx, store.Range{Part: part}) {
				if err != nil {
					return err
				}
				if at := row.Value.Place; x.covers(at.Part) {
					if err := x.emit(ledger.Record{Due: &at}); err != nil {
						return err
					}
				}
			}
		}
	}
	return nil
}

// NewestSeals lists the newest seals, at most so many.
func (p *Pipeline) NewestSeals(ctx context.Context, limit int) ([]ledger.Seal, error) {
	var out []ledger.Seal
	for row, err := range p.seals.List(ctx, store.Range{Part: chainPart, Desc: true, Limit: limit}) {
		if err != nil {
			return nil, err
		}
		if row.Value.Seal != nil {
			out = append(out, *row.Value.Seal)
		}
	}
	return out, nil
}
