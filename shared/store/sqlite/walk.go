package sqlite

import (
	"context"
	"fmt"
	"iter"

	"zombiezen.com/go/sqlite"

	"rapport/shared/store"
)

var _ store.Walker = (*Store)(nil)

const walkAll = "select part, sort, version, expires, data from item where (part, sort)>(?1, ?2) and (expires=0 or expires>?3) order by part, sort limit ?4"

// Walk implements store.Walker. It reads in pages, in the order of keys, and holds nothing between two items.
func (s *Store) Walk(ctx context.Context) iter.Seq2[store.Item, error] {
	return func(yield func(store.Item, error) bool) {
		var after store.Key
		for {
			items, more, err := s.walkPage(ctx, after)
			if err != nil {
				yield(store.Item{}, fmt.Errorf("sqlite store: walk: %w", err))
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
				after = item.Key()
			}
			if !more {
				return
			}
		}
	}
}

func (s *Store) walkPage(ctx context.Context, after store.Key) (items []store.Item, more bool, err error) {
	err = s.file.Read(ctx, func(c *sqlite.Conn) error {
		stmt, err := c.Prepare(walkAll)
		if err != nil {
			return err
		}
		defer stmt.Reset()
		stmt.BindText(1, after.Part)
		stmt.BindText(2, after.Sort)
		stmt.BindInt64(3, s.now().Unix())
		stmt.BindInt64(4, mostItems)
		for bytes := 0; ; {
			row, err := stmt.Step()
			if err != nil || !row {
				return err
			}
			item := store.Item{Part: stmt.ColumnText(0), Sort: stmt.ColumnText(1)}
			fill(stmt, 2, &item)
			items = append(items, item)
			if bytes += len(item.Data); len(items) == mostItems || bytes > mostBytes {
				more = true
				return nil
			}
		}
	})
	return items, more, err
}
