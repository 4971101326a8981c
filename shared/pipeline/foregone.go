package pipeline

import (
	"context"
	"slices"

	"rapport/shared/archive"
	"rapport/shared/fault"
)

// foregone finds out what earlier revisions of a mention may have written into the fields of its record that humans change: their
// receipts tell what was decided then, and with which mapping. Where a receipt is gone, what stands in the record is a human's.
func (b *delivering) foregone(ctx context.Context, w *want) error {
	i := slices.IndexFunc(b.tasks, func(t *task) bool { return slices.Contains(t.wants, w) })
	if i < 0 || b.mentions[b.tasks[i].Mention] == nil {
		return nil
	}
	r := b.p.replaying(nil)
	w.maybe = map[string][]string{}
	for _, e := range b.mentions[b.tasks[i].Mention].Value.Events {
		err := r.receipt(ctx, e.Line, func(x archive.Entry) error {
			in, d, err := recorded(x)
			if err != nil {
				return err
			}
			plan, err := r.plan(ctx, in.Config)
			if err != nil {
				return err
			}
			made, err := r.records(plan, in, d)
			for f, v := range made[recordID(b.conf.Name, w.record.Object, w.record.Key)].record.Fields {
				if slices.Contains(w.target.human, f) {
					w.maybe[f] = append(w.maybe[f], b.p.print(v))
				}
			}
			return err
		})
		if err != nil && !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Invalid) {
			return fault.New(fault.Transient, "an earlier receipt cannot be read: %w", err)
		}
	}
	return nil
}
