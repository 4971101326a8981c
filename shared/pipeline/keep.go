package pipeline

import (
	"context"
	"encoding/json"
	"slices"

	"rapport/shared/archive"
	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/flow"
)

// others lists the fields of a person's record that exists, which we are about to write for the first time: what stands in
// them is somebody else's, and kept before it is replaced.
func (w *want) others() []string {
	if w.kind != flow.KindPerson || w.record.ID == "" || w.patch != nil {
		return nil
	}
	var fields []string
	for _, f := range sorted(w.record.Fields) {
		if _, ours := w.journal.Value.Fields[f]; !ours && f != w.record.KeyField {
			fields = append(fields, f)
		}
	}
	return fields
}

// keep archives what stands in fields that are about to be replaced, beside the receipt of what asks for it. Of two attempts
// the first is right.
func (b *delivering) keep(ctx context.Context, w *want, row crm.Row) error {
	fields := map[string]any{}
	for _, f := range w.others() {
		if _, writes := w.record.Fields[f]; writes {
			fields[f] = pack(row.Fields[f])
		}
	}
	if !row.Found || len(fields) == 0 {
		return nil
	}
	line, entry, err := b.askedBy(ctx, w)
	if err != nil || line == "" {
		return err
	}
	entry.Previous, err = json.Marshal(kept{Record: recordID(b.conf.Name, w.record.Object, w.record.Key), Kind: w.kind, Fields: fields})
	if err != nil {
		return fault.New(fault.Invalid, "what %s held cannot be kept: %w", w.record.Key, err)
	}
	_, err = b.p.Archive.Write(ctx, archive.Batch{Account: entry.Account, At: entry.At, ID: keptPrefix + b.p.Ports.NewID(), Entries: []archive.Entry{entry}})
	return err
}

// askedBy finds the event that asks for a record, "" where none does.
func (b *delivering) askedBy(ctx context.Context, w *want) (string, archive.Entry, error) {
	for _, t := range b.tasks {
		m := b.mentions[t.Mention]
		if !slices.Contains(t.wants, w) || m == nil || len(m.Value.Events) == 0 {
			continue
		}
		line, sort := t.Line, t.Place.Sort
		if sort == "" {
			at := m.Value.Events[len(m.Value.Events)-1].Line
			row, err := b.p.lines.One(ctx, at.Part, at.Sort)
			if err != nil || row.Version == 0 {
				return "", archive.Entry{}, err
			}
			line, sort = row.Value, at.Sort
		}
		author := m.Value.Mention.Author.ID
		return sort, archive.Entry{Line: sort, Account: line.Account, At: line.At, Mention: t.Mention, Author: author}, nil
	}
	return "", archive.Entry{}, nil
}

// keepAll looks at records that turned out to exist, before they are written.
func (b *delivering) keepAll(ctx context.Context, list []*want) []*want {
	if !b.readable() {
		return list
	}
	return slices.DeleteFunc(list, func(w *want) bool {
		if len(w.others()) == 0 {
			return false
		}
		if err := b.read(ctx, w.record.Object, []*want{w}); err != nil {
			w.err = err
		}
		return w.err != nil || w.state != ""
	})
}
