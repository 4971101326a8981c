package pipeline

import (
	"cmp"
	"context"
	"strings"
	"time"

	"rapport/shared/fault"
	"rapport/shared/ledger"
	"rapport/shared/store"
)

// LateRow says that a line of an earlier hour is about to be changed: the next seal looks at it. Kept under the hour in which
// that was said and the line's shard; it is there before the line is changed, and stays.
type LateRow struct {
	Place ledger.Place `json:"place"`
}

// settle is how long after its end an hour is sealed, unless Ports say otherwise. A line is called late a third of that after
// the end of its hour, so that who did not call it late has written it long before anybody seals.
const settleAfter = 15 * time.Minute

func (p *Pipeline) settleAfter() time.Duration { return cmp.Or(p.Ports.Settle, settleAfter) }

func (p *Pipeline) grace() time.Duration { return p.settleAfter() / 3 }

// writeLines writes ledger lines, each conditional on its version. Every line is written by it or by changeLine, so that no
// change of a sealed hour goes unseen.
func (p *Pipeline) writeLines(ctx context.Context, rows ...*store.Row[ledger.Line]) []store.Result {
	places := make([]ledger.Place, len(rows))
	for i, row := range rows {
		places[i] = ledger.Place{Part: row.Part, Sort: row.Sort}
	}
	began := p.now()
	if err := p.late(ctx, began, places); err != nil {
		out := make([]store.Result, len(rows))
		for i := range out {
			out[i].Err = err
		}
		return out
	}
	out := p.lines.Put(ctx, rows...)
	if now := p.now(); now.Sub(began) > p.grace() { // the machine slept in between
		if err := p.late(ctx, now, places); err != nil {
			p.Ports.Log.Error("late lines are not noted", "error", err.Error())
		}
	}
	return out
}

// changeLine changes one line that is there; change says whether to write.
func (p *Pipeline) changeLine(ctx context.Context, at ledger.Place, change func(*ledger.Line) bool) (store.Row[ledger.Line], error) {
	row, err := p.lines.One(ctx, at.Part, at.Sort)
	for round := 0; err == nil && row.Version > 0 && round < 20; round++ {
		row.Part, row.Sort = at.Part, at.Sort
		if !change(&row.Value) {
			return row, nil
		}
		res := p.writeLines(ctx, &row)[0]
		if !conflicted(res) {
			return row, res.Err
		}
		row, err = p.lines.Row(res.Stored)
	}
	if err == nil && row.Version > 0 {
		err = fault.New(fault.Transient, "ledger line %s is written by too many at once", at.Sort)
	}
	return row, err
}

// late notes which of some lines belong to hours that are over.
func (p *Pipeline) late(ctx context.Context, now time.Time, places []ledger.Place) error {
	var rows []*store.Row[LateRow]
	for _, at := range places {
		hour, ok := ledger.HourOf(at.Part)
		if !ok || now.Before(hour.Add(time.Hour+p.grace())) {
			continue
		}
		shard := at.Part[strings.LastIndexByte(at.Part, '#')+1:]
		rows = append(rows, &store.Row[LateRow]{Part: ledger.ChangesOf(now, shard), Sort: at.Part + "|" + at.Sort, Value: LateRow{Place: at}})
	}
	if len(rows) == 0 {
		return nil
	}
	for _, res := range p.lates.Put(ctx, rows...) {
		if res.Err != nil && !conflicted(res) {
			return res.Err
		}
	}
	return nil
}

// salt makes the salt of a line. Nobody can make it again: the id it comes from is kept nowhere.
func (p *Pipeline) salt() string { return p.hashed("salt", p.Ports.NewID()) }
