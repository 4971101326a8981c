// Package sqlite queues messages in the data file of the local home.
//
// Bodies lie in the file; memory holds who waits, who is held and when somebody comes again. A claim costs no write: one
// process works on the file, and what it held is visible again when the file is opened anew. Which messages were in hand
// when the process died is noted in a small file of its own beside the data file (see flight), so that a message that
// keeps killing it ends in the dead letters.
package sqlite

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"rapport/shared/datafile"
	"rapport/shared/queue"
	"rapport/shared/topology"
)

var (
	_ queue.Queue    = (*Queue)(nil)
	_ queue.Consumer = (*Queue)(nil)
	_ queue.Admin    = (*Queue)(nil)
)

const (
	// tries counts how often the process died with the message in hand. The body is last, so that who looks at the
	// rest need not read it.
	schemaMessage = `create table if not exists message(id integer primary key, lane text, grp text, tries integer, body blob) strict`
	schemaDead    = `create table if not exists dead(id integer primary key, lane text, grp text, receives integer,
		reason text, at integer, body blob) strict`

	insertMessage = "insert into message values(?1, ?2, ?3, 0, ?4)"
	deleteMessage = "delete from message where id=?1"
	selectBody    = "select body from message where id=?1"
	insertDead    = "insert or replace into dead select id, lane, grp, ?2, ?3, ?4, body from message where id=?1"

	// One piece of work for the writer ends at so many messages or bytes.
	mostMessages = 64
	mostBytes    = 256 << 10
	// Bodies that were just sent are kept at hand up to so many bytes; the others are read when they are claimed.
	mostKept = 2 << 20
	// A batch has at most so many bytes of bodies, and one message.
	mostBatch = 8 << 20
)

// Options of New.
type Options struct {
	Lanes   []queue.Lane                        // nil = those of package topology
	Linger  func(lane queue.Lane) time.Duration // how long a batch may wait to fill up; nil = not at all
	Backoff time.Duration                       // wait after a first plain error, then twice as long each time; 0 = 1 s
	Now     func() time.Time                    // nil = time.Now
}

// Queue is the queues of a data file. All methods are safe for concurrent use.
type Queue struct {
	file    *datafile.File
	options Options
	flight  *flight

	mu         sync.Mutex
	last       int64 // the newest id: the microsecond of the send, or one more than the one before
	lanes      []*lane
	kept       map[int64][]byte // bodies at hand
	keptBytes  int
	suspecting bool // a suspect is in somebody's hands
}

type lane struct {
	name     queue.Lane
	line     queue.Line[entry]
	suspects []suspect // were in hand when the process died: handed out by themselves, one at a time
	held     int
	dead     int
	want     int // the smallest batch that a consumer wants
	wake     chan struct{}
}

// entry is a message that waits. It is small, for there may be a million.
type entry struct {
	id int64
	*past
}

// past is what a message went through; nil = nothing yet. It is never changed, only replaced.
type past struct {
	receives int
	alone    bool // a batch failed as a whole with it
}

type suspect struct {
	group string
	entry
}

// New opens the queues of a data file. Whatever waits there is visible at once.
func New(file *datafile.File, o Options) (*Queue, error) {
	if o.Lanes == nil {
		for _, l := range topology.Queues() {
			o.Lanes = append(o.Lanes, queue.Lane(l.Name))
		}
	}
	if o.Backoff == 0 {
		o.Backoff = time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	q := &Queue{file: file, options: o, kept: map[int64][]byte{}}
	for _, name := range o.Lanes {
		q.lanes = append(q.lanes, &lane{name: name, wake: make(chan struct{}, 1)})
	}
	if err := file.Schema(context.Background(), schemaMessage, schemaDead); err != nil {
		return nil, fmt.Errorf("sqlite queue: %w", err)
	}
	if file.ReadOnly() {
		return q, nil
	}
	blamed, err := q.openFlight()
	if err == nil {
		err = q.load(blamed)
	}
	if err != nil {
		return nil, fmt.Errorf("sqlite queue: %w", err)
	}
	return q, nil
}

// load reads what waits, without the bodies. Messages of lanes that are no more stay in the file.
func (q *Queue) load(blamed map[int64]bool) error {
	now := q.options.Now()
	if err := q.blame(blamed, now); err != nil {
		return err
	}
	begun := &past{receives: 1} // somebody may have
	return q.file.Read(context.Background(), func(c *sqlite.Conn) error {
		err := sqlitex.Execute(c, "select id, lane, grp, tries from message order by id", &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
			e, group := entry{s.ColumnInt64(0), begun}, s.ColumnText(2)
			q.last = max(q.last, e.id)
			l := q.lane(queue.Lane(s.ColumnText(1)))
			switch tries := s.ColumnInt(3); {
			case l == nil:
			case tries > 0:
				e.past = &past{receives: tries, alone: true}
				l.suspects = append(l.suspects, suspect{group, e})
			default:
				l.line.Push(group, e, now)
			}
			return nil
		}})
		if err != nil {
			return err
		}
		return sqlitex.Execute(c, "select lane, count(*), max(id) from dead group by lane", &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
			if l := q.lane(queue.Lane(s.ColumnText(0))); l != nil {
				l.dead = s.ColumnInt(1)
			}
			q.last = max(q.last, s.ColumnInt64(2))
			return nil
		}})
	})
}

// blame counts one more death for the messages that were in hand, and buries those that saw too many.
func (q *Queue) blame(blamed map[int64]bool, now time.Time) error {
	ids := make([]int64, 0, len(blamed))
	for id := range blamed {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	err := q.file.Write(context.Background(), datafile.Normal, func(c *sqlite.Conn) error {
		for _, id := range ids {
			if err := exec(c, "update message set tries=tries+1 where id=?1", id); err != nil {
				return err
			}
		}
		if err := exec(c, "insert or replace into dead select id, lane, grp, tries, ?2, ?3, body from message where tries>=?1",
			queue.MaxReceives, "the process died each time it worked on this message", now.UnixMilli()); err != nil {
			return err
		}
		return exec(c, "delete from message where tries>=?1", queue.MaxReceives)
	})
	if err != nil {
		return err
	}
	return q.flight.clear()
}

// exec runs a statement without rows.
func exec(c *sqlite.Conn, sql string, args ...any) error {
	return sqlitex.Execute(c, sql, &sqlitex.ExecOptions{Args: args})
}

// lane finds a lane; nil = there is none.
func (q *Queue) lane(name queue.Lane) *lane {
	if at := slices.Index(q.options.Lanes, name); at >= 0 {
		return q.lanes[at]
	}
	return nil
}

// Send implements queue.Queue.
func (q *Queue) Send(ctx context.Context, messages ...queue.Message) []error {
	return q.send(ctx, datafile.Normal, messages)
}

// Urgent gives a view of the queues whose sends go before all other work on the file: for who must answer soon.
func (q *Queue) Urgent() queue.Queue { return urgent{q} }

type urgent struct{ *Queue }

// Send implements queue.Queue.
func (u urgent) Send(ctx context.Context, messages ...queue.Message) []error {
	return u.send(ctx, datafile.Urgent, messages)
}

func (q *Queue) send(ctx context.Context, p datafile.Priority, messages []queue.Message) []error {
	errs := make([]error, len(messages))
	ids := make([]int64, len(messages)) // 0 = refused
	now := q.options.Now()
	q.mu.Lock()
	for k, m := range messages {
		if errs[k] = m.Check(q.options.Lanes); errs[k] == nil {
			q.last = max(q.last+1, now.UnixMicro())
			ids[k] = q.last
		}
	}
	q.mu.Unlock()
	var wait sync.WaitGroup
	for from := 0; from < len(messages); {
		to := slice(messages, from)
		some, ids, errs := messages[from:to], ids[from:to], errs[from:to]
		wait.Add(1)
		q.file.Begin(ctx, p, func(c *sqlite.Conn) error { return insert(c, some, ids) }, func(err error) {
			defer wait.Done()
			if err == nil {
				q.sent(some, ids, now)
				return
			}
			for k := range errs {
				if ids[k] != 0 {
					errs[k] = fmt.Errorf("sqlite queue: send: %w", err)
				}
			}
		})
		from = to
	}
	wait.Wait()
	return errs
}

// slice tells where a piece of work that begins at from ends.
func slice(messages []queue.Message, from int) int {
	bytes := 0
	for k := from; k < len(messages); k++ {
		bytes += len(messages[k].Body)
		if k-from == mostMessages || k > from && bytes > mostBytes {
			return k
		}
	}
	return len(messages)
}

// insert writes the messages that have an id.
func insert(c *sqlite.Conn, messages []queue.Message, ids []int64) error {
	for k := range messages {
		if ids[k] == 0 {
			continue
		}
		stmt, err := c.Prepare(insertMessage)
		if err != nil {
			return err
		}
		m := &messages[k]
		stmt.BindInt64(1, ids[k])
		stmt.BindText(2, string(m.Lane))
		stmt.BindText(3, m.Group)
		stmt.BindBytes(4, m.Body)
		if err := step(stmt); err != nil {
			return err
		}
	}
	return nil
}

// step runs a statement that gives no rows.
func step(stmt *sqlite.Stmt) error {
	_, err := stmt.Step()
	if again := stmt.Reset(); err == nil {
		err = again
	}
	return err
}

// sent makes durable messages visible. It runs on the writer's goroutine.
func (q *Queue) sent(messages []queue.Message, ids []int64, now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for k, m := range messages {
		if ids[k] == 0 {
			continue
		}
		if q.keptBytes+len(m.Body) <= mostKept {
			q.keptBytes += len(m.Body)
			q.kept[ids[k]] = bytes.Clone(m.Body)
		}
		l := q.lane(m.Lane)
		if m.Delay > 0 {
			l.line.Later(now.Add(m.Delay), m.Group, entry{id: ids[k]})
		} else {
			l.line.Push(m.Group, entry{id: ids[k]}, now)
		}
		if n := l.line.Ready(); n <= 1 || n >= l.want {
			l.rouse()
		}
	}
}

// rouse wakes one consumer that waits.
func (l *lane) rouse() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func name(id int64) string { return strconv.FormatInt(id, 36) }

// openFlight opens the notes on what was in hand when the process last ended.
func (q *Queue) openFlight() (map[int64]bool, error) {
	file, err := os.OpenFile(q.file.Path()+"-flight", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	q.file.Attach(file)
	q.flight = &flight{file: file}
	return q.flight.read()
}
