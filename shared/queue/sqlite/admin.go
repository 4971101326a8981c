package sqlite

import (
	"context"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"rapport/shared/datafile"
	"rapport/shared/fault"
	"rapport/shared/queue"
)

// Depth implements queue.Admin. What waits after an error counts as delayed. Beside the process that works on the file,
// all messages count as waiting: only that process knows more.
func (q *Queue) Depth(ctx context.Context) ([]queue.Depth, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("sqlite queue: depth: %w", err)
	}
	if q.file.ReadOnly() {
		return q.depthBeside(ctx)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.options.Now()
	var out []queue.Depth
	for _, l := range q.lanes {
		l.line.Due(now, 1, 0)
		d := queue.Depth{Lane: l.name, Waiting: l.line.Ready() + len(l.suspects), Held: l.held, Delayed: l.line.Delayed(), Dead: l.dead}
		oldest := func(e entry) { d.Oldest = max(d.Oldest, now.Sub(time.UnixMicro(e.id))) }
		l.line.Each(oldest)
		for _, s := range l.suspects {
			oldest(s.entry)
		}
		out = append(out, d)
	}
	return out, nil
}

func (q *Queue) depthBeside(ctx context.Context) ([]queue.Depth, error) {
	out := make([]queue.Depth, len(q.lanes))
	at := map[string]*queue.Depth{}
	for k, l := range q.lanes {
		out[k].Lane = l.name
		at[string(l.name)] = &out[k]
	}
	now := q.options.Now()
	err := q.file.Read(ctx, func(c *sqlite.Conn) error {
		err := sqlitex.Execute(c, "select lane, count(*), min(id) from message group by lane", &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
			if d := at[s.ColumnText(0)]; d != nil {
				d.Waiting, d.Oldest = s.ColumnInt(1), now.Sub(time.UnixMicro(s.ColumnInt64(2)))
			}
			return nil
		}})
		if err != nil {
			return err
		}
		return sqlitex.Execute(c, "select lane, count(*) from dead group by lane", &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
			if d := at[s.ColumnText(0)]; d != nil {
				d.Dead = s.ColumnInt(1)
			}
			return nil
		}})
	})
	if err != nil {
		return nil, fmt.Errorf("sqlite queue: depth: %w", err)
	}
	return out, nil
}

// Dead implements queue.Admin: the oldest first.
func (q *Queue) Dead(ctx context.Context, lane queue.Lane, limit int) ([]queue.Dead, error) {
	if q.lane(lane) == nil {
		return nil, fault.New(fault.Invalid, "sqlite queue: there is no lane %q", lane)
	}
	var out []queue.Dead
	err := q.file.Read(ctx, func(c *sqlite.Conn) error {
		out = nil
		const sql = "select id, grp, receives, reason, at, body from dead where lane=?1 order by id limit ?2"
		return sqlitex.Execute(c, sql, &sqlitex.ExecOptions{Args: []any{string(lane), limit}, ResultFunc: func(s *sqlite.Stmt) error {
			body := make([]byte, s.ColumnLen(5))
			s.ColumnBytes(5, body)
			out = append(out, queue.Dead{
				Message: queue.Message{ID: name(s.ColumnInt64(0)), Lane: lane, Group: s.ColumnText(1), Body: body, Receives: s.ColumnInt(2)},
				Reason:  s.ColumnText(3), At: time.UnixMilli(s.ColumnInt64(4)).UTC(),
			})
			return nil
		}})
	})
	if err != nil {
		return nil, fmt.Errorf("sqlite queue: dead letters: %w", err)
	}
	return out, nil
}

// Redrive implements queue.Admin: the oldest first. A letter that goes back gets a new id and begins anew.
func (q *Queue) Redrive(ctx context.Context, lane queue.Lane, limit int, wanted func(reason string) bool) (int, error) {
	l := q.lane(lane)
	if l == nil {
		return 0, fault.New(fault.Invalid, "sqlite queue: there is no lane %q", lane)
	}
	sent, after := 0, int64(0)
	for sent < limit {
		n, last, err := q.redrive(ctx, l, after, min(limit-sent, mostMessages), wanted)
		if err != nil {
			return sent, fmt.Errorf("sqlite queue: redrive: %w", err)
		}
		if sent += n; last == after {
			break
		}
		after = last
	}
	return sent, nil
}

type letter struct {
	old   int64
	group string
	id    int64
}

// redrive looks at the next letters after one and moves those that are wanted, up to n in one piece of work. last is the last
// that was looked at; the same as before says that there are no more.
func (q *Queue) redrive(ctx context.Context, l *lane, after int64, n int, wanted func(reason string) bool) (moved int, last int64, err error) {
	var letters []letter
	now := q.options.Now()
	err = q.file.Write(ctx, datafile.Normal, func(c *sqlite.Conn) error {
		letters, last = letters[:0], after
		const oldest = "select id, grp, reason from dead where lane=?1 and id>?2 order by id limit ?3"
		if err := sqlitex.Execute(c, oldest, &sqlitex.ExecOptions{Args: []any{string(l.name), after, n}, ResultFunc: func(s *sqlite.Stmt) error {
			if last = s.ColumnInt64(0); wanted == nil || wanted(s.ColumnText(2)) {
				letters = append(letters, letter{old: last, group: s.ColumnText(1)})
			}
			return nil
		}}); err != nil {
			return err
		}
		q.mu.Lock()
		for k := range letters {
			q.last = max(q.last+1, now.UnixMicro())
			letters[k].id = q.last
		}
		q.mu.Unlock()
		for _, d := range letters {
			if err := exec(c, "insert into message select ?2, lane, grp, 0, body from dead where id=?1", d.old, d.id); err != nil {
				return err
			}
			if err := exec(c, "delete from dead where id=?1", d.old); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, after, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, d := range letters {
		l.line.Push(d.group, entry{id: d.id}, now)
	}
	l.dead -= len(letters)
	l.rouse()
	return len(letters), last, nil
}
