package pipeline

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"rapport/shared/archive"
	"rapport/shared/crm"
	"rapport/shared/fault"
)

// A receipt never changes. What a replay decided otherwise, and what was undone, is a receipt of its own: a batch of the
// same account and hour, named after the job. The newest receipt of a line counts, from when the job has done its page.

// The names of batches that are no first receipts.
const (
	amendPrefix = "replay-"
	keptPrefix  = "kept-"
)

// amendment is what a newer receipt of a line says. Its Inputs and Decision stand in the entry as in a first one, the rest
// in its Previous.
type amendment struct {
	archive.Entry `json:"-"`

	Job    string             `json:"job"`
	Undone bool               `json:"undone,omitempty"` // its records hold what was before it
	Was    json.RawMessage    `json:"was,omitempty"`    // the decision before
	Writes []Write            `json:"writes,omitempty"` // of which this line is the newest; values packed
	Holds  map[string]holding `json:"holds,omitempty"`  // of what was undone: record → what it holds since
}

// holding is what a record holds after an undo: no fields where it holds nothing of ours. Values are packed.
type holding struct {
	Kind   string         `json:"kind"`
	Fields map[string]any `json:"fields,omitempty"`
}

// kept is what stood in the fields of a record of others before we wrote into them for the first time.
type kept struct {
	Record string         `json:"record"`
	Kind   string         `json:"kind"`
	Fields map[string]any `json:"fields"` // packed
}

// refs are the batches of an account.
type refs struct {
	first []string
	later map[time.Time][]string // that amend others, by hour
}

// refs lists the batches of an account in a time, with what amends them.
func (p *Pipeline) refs(ctx context.Context, account string, from, to time.Time) (refs, error) {
	out := refs{later: map[time.Time][]string{}}
	end := to
	if !to.IsZero() {
		end = to.Add(time.Hour).Truncate(time.Hour)
	}
	for ref, err := range p.Archive.List(ctx, account, from.Truncate(time.Hour), end) {
		if err != nil {
			return out, err
		}
		at, err := archive.Locate(ref)
		switch {
		case err != nil:
			return out, err
		case named(ref, amendPrefix), named(ref, keptPrefix):
			hour := at.At.Truncate(time.Hour)
			out.later[hour] = append(out.later[hour], ref)
		case archive.Within(at.At, from, to):
			out.first = append(out.first, ref)
		}
	}
	return out, nil
}

// around lists the batches of the account and hour of one.
func (p *Pipeline) around(ctx context.Context, at archive.Place) (refs, error) {
	hour := at.At.Truncate(time.Hour)
	return p.refs(ctx, at.Account, hour, hour.Add(time.Hour))
}

// inside tells whether what amends the hour of a batch is at hand.
func (r *replay) inside(at archive.Place) bool {
	return r.newer != nil && at.At.Truncate(time.Hour).Equal(r.hour) && r.account == at.Account
}

// named tells whether the name of a batch begins so.
func named(ref, prefix string) bool {
	_, file, _ := strings.Cut(ref[strings.LastIndexByte(ref, '/')+1:], "-")
	return strings.HasPrefix(file, prefix)
}

// enter reads what amends the hour of a batch, if that is not at hand.
func (r *replay) enter(ctx context.Context, list refs, ref string) error {
	at, err := archive.Locate(ref)
	if err != nil {
		return err
	}
	r.at = at.At
	if r.inside(at) {
		return nil
	}
	hour := at.At.Truncate(time.Hour)
	r.hour, r.account, r.newer, r.kept = hour, at.Account, map[string]amendment{}, map[string][]kept{}
	for _, ref := range list.later[hour] {
		batch, err := r.p.Archive.Read(ctx, ref)
		if fault.Is(err, fault.NotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if named(ref, keptPrefix) {
			err = r.keptBefore(batch)
		} else {
			err = r.amended(ctx, ref, batch)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// amended takes in a batch of newer receipts, if its job came so far. Ids of jobs sort by time.
func (r *replay) amended(ctx context.Context, ref string, b archive.Batch) error {
	for _, e := range b.Entries {
		a := amendment{Entry: e}
		if err := json.Unmarshal(e.Previous, &a); err != nil {
			return fault.New(fault.Invalid, "the amended receipt of %s is damaged: %w", e.Line, err)
		}
		done, err := r.reached(ctx, a.Job, ref)
		if err != nil {
			return err
		}
		if !done {
			return nil
		}
		if have, ok := r.newer[e.Line]; !ok || have.Job < a.Job {
			r.newer[e.Line] = a
		}
	}
	return nil
}

// reached tells whether a job has done the page that a batch stands for.
func (r *replay) reached(ctx context.Context, job, ref string) (bool, error) {
	j := r.jobs[job]
	if j == nil {
		row, err := r.p.jobs.One(ctx, job, "-")
		if err != nil {
			return false, err
		}
		j = &row.Value
		r.jobs[job] = j
	}
	if j.Again == nil {
		return false, nil
	}
	at := slices.Index(j.Again.Refs, ref)
	return at >= 0 && at < j.Again.Next, nil
}

func (r *replay) keptBefore(b archive.Batch) error {
	for _, e := range b.Entries {
		var k kept
		if err := json.Unmarshal(e.Previous, &k); err != nil {
			return fault.New(fault.Invalid, "what was kept of %s is damaged: %w", e.Line, err)
		}
		r.kept[e.Line] = append(r.kept[e.Line], k)
	}
	return nil
}

// undone gives what the records of an undone event hold since.
func (r *replay) undone(a amendment) map[string]shown {
	out := map[string]shown{}
	for _, id := range sorted(a.Holds) {
		h := a.Holds[id]
		if len(h.Fields) == 0 {
			delete(r.was, id)
			continue
		}
		_, object, key := recordOf(id)
		out[id] = shown{kind: h.Kind, record: crm.Record{Object: object, Key: key, Fields: unpacked(h.Fields)}}
	}
	return out
}

// packed makes values fit for JSON in a way that unpacked undoes: a time stays a time.
func packed(fields map[string]any) map[string]any {
	out := make(map[string]any, len(fields))
	for f, v := range fields {
		out[f] = pack(v)
	}
	return out
}

func unpacked(fields map[string]any) map[string]any {
	out := make(map[string]any, len(fields))
	for f, v := range fields {
		out[f] = unpack(v)
	}
	return out
}

func pack(v any) any {
	if at, ok := v.(time.Time); ok {
		return map[string]any{"time": at.UTC().Format(time.RFC3339Nano)}
	}
	return v
}

func unpack(v any) any {
	if m, ok := v.(map[string]any); ok {
		if text, ok := m["time"].(string); ok {
			if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
				return at
			}
		}
	}
	return v
}
