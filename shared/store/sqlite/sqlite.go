// Package sqlite keeps items in the data file of the local home.
//
// One table clustered by key holds everything; there is no second index to keep. All writes of a moment share one
// transaction and one sync (package datafile). About clustered tables: https://www.sqlite.org/withoutrowid.html
package sqlite

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"time"

	"zombiezen.com/go/sqlite"

	"rapport/shared/datafile"
	"rapport/shared/fault"
	"rapport/shared/store"
)

var _ store.Store = (*Store)(nil)

const (
	schema = `create table if not exists item(part text, sort text, version integer, expires integer, data blob,
		primary key(part, sort)) without rowid, strict`

	// One piece of work for the writer and one page of a walk end at so many items or bytes.
	mostItems = 64
	mostBytes = 256 << 10

	// A sweep looks at so many rows for each one that it may remove.
	sweepLooks = 20
)

const (
	selectItem = "select version, expires, data from item where part=?1 and sort=?2 and (expires=0 or expires>?3)"
	insertItem = `insert into item values(?1, ?2, 1, ?4, ?5) on conflict(part, sort)
		do update set version=1, expires=excluded.expires, data=excluded.data where item.expires between 1 and ?3`
	updateItem = "update item set version=?6+1, expires=?4, data=?5 where part=?1 and sort=?2 and version=?6 and (expires=0 or expires>?3)"
	deleteItem = "delete from item where part=?1 and sort=?2 and version=?4 and (expires=0 or expires>?3)"
	deleteAny  = "delete from item where part=?1 and sort=?2"

	listUp       = "select sort, version, expires, data from item where part=?1 and sort>=?2 and sort<?5 and (expires=0 or expires>?3) order by sort limit ?4"
	listUpOpen   = "select sort, version, expires, data from item where part=?1 and sort>=?2 and (expires=0 or expires>?3) order by sort limit ?4"
	listDown     = "select sort, version, expires, data from item where part=?1 and sort>=?2 and sort<?5 and (expires=0 or expires>?3) order by sort desc limit ?4"
	listDownOpen = "select sort, version, expires, data from item where part=?1 and sort>=?2 and (expires=0 or expires>?3) order by sort desc limit ?4"

	sweepLook   = "select part, sort, expires from item where (part, sort)>(?1, ?2) order by part, sort limit ?3"
	sweepDelete = "delete from item where part=?1 and sort=?2 and expires between 1 and ?3"
)

// Options of New.
type Options struct {
	Now func() time.Time // the clock for expiry; nil = time.Now
}

// Store is a store in a data file. All methods are safe for concurrent use.
type Store struct {
	file *datafile.File
	now  func() time.Time

	sweep sync.Mutex
	swept store.Key // where the next sweep goes on
}

// New makes a store in an open data file. Where the file is open for reading only, every write is refused.
func New(file *datafile.File, o Options) (*Store, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if err := file.Schema(context.Background(), schema); err != nil {
		return nil, fmt.Errorf("sqlite store: %w", err)
	}
	return &Store{file: file, now: o.Now}, nil
}

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, keys ...store.Key) ([]store.Item, error) {
	if len(keys) > store.MaxGet {
		return nil, fault.New(fault.Invalid, "sqlite store: get of %d keys: ask for at most %d", len(keys), store.MaxGet)
	}
	items := make([]store.Item, len(keys))
	for k, key := range keys {
		if err := key.Check(); err != nil {
			return nil, err
		}
		items[k] = store.Item{Part: key.Part, Sort: key.Sort}
	}
	if len(keys) == 0 {
		return items, ctx.Err()
	}
	err := s.file.Peek(ctx, func(c *sqlite.Conn) error {
		now := s.now().Unix()
		for k := range items {
			if err := read(c, &items[k], now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("sqlite store: get: %w", err)
	}
	return items, nil
}

// Put implements store.Store.
func (s *Store) Put(ctx context.Context, items ...store.Item) []store.Result {
	return s.write(ctx, "put", put, items)
}

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, items ...store.Item) []store.Result {
	return s.write(ctx, "delete", remove, items)
}

// write hands the items to the writer in slices and waits until all are durable.
func (s *Store) write(ctx context.Context, verb string, change func(*sqlite.Conn, *store.Item, int64) (store.Result, error), items []store.Item) []store.Result {
	results := store.Check(items)
	var wait sync.WaitGroup
	for from := 0; from < len(items); {
		to := slice(items, from)
		slice, out := items[from:to], results[from:to]
		refused := make([]bool, len(out))
		for k := range out {
			refused[k] = out[k].Err != nil
		}
		wait.Add(1)
		s.file.Begin(ctx, datafile.Normal, func(c *sqlite.Conn) (err error) {
			now := s.now().Unix()
			for k := range slice {
				if refused[k] {
					continue
				}
				if out[k], err = change(c, &slice[k], now); err != nil {
					return err
				}
			}
			return nil
		}, func(err error) {
			defer wait.Done()
			if err == nil {
				return
			}
			for k := range out {
				if !refused[k] {
					out[k] = store.Result{Err: fmt.Errorf("sqlite store: %s: %w", verb, err)}
				}
			}
		})
		from = to
	}
	wait.Wait()
	return results
}

// slice tells where a piece of work that begins at from ends.
func slice(items []store.Item, from int) int {
	bytes := 0
	for k := from; k < len(items); k++ {
		bytes += len(items[k].Data)
		if k-from == mostItems || k > from && bytes > mostBytes {
			return k
		}
	}
	return len(items)
}

// put writes one item if its version is the stored one.
func put(c *sqlite.Conn, item *store.Item, now int64) (store.Result, error) {
	sql := insertItem
	if item.Version != 0 {
		sql = updateItem
	}
	stmt, err := c.Prepare(sql)
	if err != nil {
		return store.Result{}, err
	}
	bind(stmt, item, now)
	expires := int64(0)
	if !item.Expires.IsZero() {
		expires = item.Expires.Unix()
	}
	stmt.BindInt64(4, expires)
	stmt.BindBytes(5, item.Data)
	if item.Version != 0 {
		stmt.BindInt64(6, item.Version)
	}
	if err := step(stmt); err != nil {
		return store.Result{}, err
	}
	if c.Changes() == 0 {
		return conflict(c, item, now)
	}
	return store.Result{Version: item.Version + 1}, nil
}

// remove deletes one item if its version is the stored one.
func remove(c *sqlite.Conn, item *store.Item, now int64) (store.Result, error) {
	sql := deleteItem
	if item.Version == store.AnyVersion {
		sql = deleteAny
	}
	stmt, err := c.Prepare(sql)
	if err != nil {
		return store.Result{}, err
	}
	stmt.BindText(1, item.Part)
	stmt.BindText(2, item.Sort)
	if item.Version != store.AnyVersion {
		stmt.BindInt64(3, now)
		stmt.BindInt64(4, item.Version)
	}
	if err := step(stmt); err != nil {
		return store.Result{}, err
	}
	if c.Changes() == 0 && item.Version != store.AnyVersion {
		return conflict(c, item, now)
	}
	return store.Result{}, nil
}

// conflict reads what is stored instead.
func conflict(c *sqlite.Conn, item *store.Item, now int64) (store.Result, error) {
	stored := store.Item{Part: item.Part, Sort: item.Sort}
	if err := read(c, &stored, now); err != nil {
		return store.Result{}, err
	}
	return store.Result{Stored: stored, Err: fault.New(fault.Conflict,
		"store: %.80q / %.80q is at version %d, not %d", item.Part, item.Sort, stored.Version, item.Version)}, nil
}

// read fills an item by its key; what is absent or expired keeps Version 0.
func read(c *sqlite.Conn, item *store.Item, now int64) error {
	stmt, err := c.Prepare(selectItem)
	if err != nil {
		return err
	}
	bind(stmt, item, now)
	row, err := stmt.Step()
	if row {
		fill(stmt, 0, item)
	}
	if again := stmt.Reset(); err == nil {
		err = again
	}
	return err
}

// bind sets key and time.
func bind(stmt *sqlite.Stmt, item *store.Item, now int64) {
	stmt.BindText(1, item.Part)
	stmt.BindText(2, item.Sort)
	stmt.BindInt64(3, now)
}

// fill takes version, expires and data from three columns of a row.
func fill(stmt *sqlite.Stmt, col int, item *store.Item) {
	item.Version = stmt.ColumnInt64(col)
	if at := stmt.ColumnInt64(col + 1); at != 0 {
		item.Expires = time.Unix(at, 0).UTC()
	}
	item.Data = make([]byte, stmt.ColumnLen(col+2))
	stmt.ColumnBytes(col+2, item.Data)
}

// step runs a statement that gives no rows.
func step(stmt *sqlite.Stmt) error {
	_, err := stmt.Step()
	if again := stmt.Reset(); err == nil {
		err = again
	}
	return err
}

// List implements store.Store. It reads in pages and holds nothing between two items.
func (s *Store) List(ctx context.Context, r store.Range) iter.Seq2[store.Item, error] {
	return func(yield func(store.Item, error) bool) {
		if err := (store.Key{Part: r.Part, Sort: "-"}).Check(); err != nil {
			yield(store.Item{}, err)
			return
		}
		given := 0
		for {
			want := mostItems
			if r.Limit > 0 {
				want = min(want, r.Limit-given)
			}
			items, more, err := s.page(ctx, r, want)
			if err != nil {
				yield(store.Item{}, fmt.Errorf("sqlite store: list: %w", err))
				return
			}
			for _, item := range items {
				if !yield(item, nil) {
					return
				}
			}
			if given += len(items); !more || given == r.Limit {
				return
			}
			last := items[len(items)-1].Sort
			if r.Desc {
				r.To = last
			} else {
				r.From = last + "\x00" // the very next key: none holds a NUL
			}
		}
	}
}

// page reads the next items of a range.
func (s *Store) page(ctx context.Context, r store.Range, want int) (items []store.Item, more bool, err error) {
	sql := listUp
	switch {
	case r.Desc && r.To == "":
		sql = listDownOpen
	case r.Desc:
		sql = listDown
	case r.To == "":
		sql = listUpOpen
	}
	err = s.file.Read(ctx, func(c *sqlite.Conn) error {
		stmt, err := c.Prepare(sql)
		if err != nil {
			return err
		}
		defer stmt.Reset()
		stmt.BindText(1, r.Part)
		stmt.BindText(2, r.From)
		stmt.BindInt64(3, s.now().Unix())
		stmt.BindInt64(4, int64(want))
		if r.To != "" {
			stmt.BindText(5, r.To)
		}
		for bytes := 0; ; {
			row, err := stmt.Step()
			if err != nil || !row {
				return err
			}
			item := store.Item{Part: r.Part, Sort: stmt.ColumnText(0)}
			fill(stmt, 1, &item)
			items = append(items, item)
			if bytes += len(item.Data); len(items) == want || bytes > mostBytes {
				more = true
				return nil
			}
		}
	})
	return items, more, err
}

// Sweep removes up to limit expired items and counts them. It looks at the next stretch of the file only, about twenty
// rows for each one it may remove, and goes on there at its next call; so call it now and then, not until it finds
// nothing.
func (s *Store) Sweep(ctx context.Context, limit int) (int, error) {
	s.sweep.Lock()
	defer s.sweep.Unlock()
	now := s.now().Unix()
	var found []store.Key
	next, looked := s.swept, 0
	err := s.file.Read(ctx, func(c *sqlite.Conn) error {
		stmt, err := c.Prepare(sweepLook)
		if err != nil {
			return err
		}
		defer stmt.Reset()
		stmt.BindText(1, next.Part)
		stmt.BindText(2, next.Sort)
		stmt.BindInt64(3, int64(limit)*sweepLooks)
		for len(found) < limit {
			row, err := stmt.Step()
			if err != nil || !row {
				return err
			}
			looked++
			next = store.Key{Part: stmt.ColumnText(0), Sort: stmt.ColumnText(1)}
			if at := stmt.ColumnInt64(2); at > 0 && at <= now {
				found = append(found, next)
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("sqlite store: sweep: %w", err)
	}
	if looked < limit*sweepLooks && len(found) < limit {
		next = store.Key{} // the end: around again
	}
	swept, err := s.removeExpired(ctx, found, now)
	if err == nil {
		s.swept = next
	}
	return swept, err
}

// removeExpired deletes those of the keys whose item is still expired.
func (s *Store) removeExpired(ctx context.Context, keys []store.Key, now int64) (swept int, err error) {
	for len(keys) > 0 {
		some := keys[:min(len(keys), mostItems)]
		keys = keys[len(some):]
		n := 0
		err := s.file.Write(ctx, datafile.Normal, func(c *sqlite.Conn) error {
			n = 0
			for _, key := range some {
				stmt, err := c.Prepare(sweepDelete)
				if err != nil {
					return err
				}
				bind(stmt, &store.Item{Part: key.Part, Sort: key.Sort}, now)
				if err := step(stmt); err != nil {
					return err
				}
				n += c.Changes()
			}
			return nil
		})
		if err != nil {
			return swept, fmt.Errorf("sqlite store: sweep: %w", err)
		}
		swept += n
	}
	return swept, nil
}
