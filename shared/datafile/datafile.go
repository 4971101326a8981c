// Package datafile opens the one data file of the local home: SQLite, with one writer and group commit.
//
// Who wants to write hands work to the writer. It runs all work that waits in one transaction, makes it durable with one
// sync, and then answers everybody. While nobody else waits, nothing is held back. Urgent work (a webhook that waits for
// its answer) goes before the rest, and a transaction takes on normal work for a few milliseconds only. Reads run beside
// the writer and see the last committed state.
//
// The pages written are copied from SQLite's log into the file by a goroutine of their own, so that no answer waits for it.
// About SQLite's log: https://www.sqlite.org/wal.html
package datafile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"rapport/shared/fault"
)

// Work is one piece of work in the file. It runs on the writer's (or a reader's) goroutine, must not keep the connection,
// and should take less than about two milliseconds. Work of a Write runs again if its neighbours in the transaction
// fail, so it must be able to; an error means that nothing of it is kept.
type Work func(c *sqlite.Conn) error

// Priority says who goes first.
type Priority int

// Normal work waits for Urgent work, never the other way round. Lazy work goes along with the next transaction of others,
// or alone after a moment: a sync of its own would cost more than the work.
const (
	Normal Priority = iota
	Urgent
	Lazy
)

// Options of Open. Zero values are good for the local home.
type Options struct {
	ReadOnly bool          // open beside the process that writes; Write is refused then
	Cache    int           // KiB of page cache of the writer; 0 = 8192. Each reader has an eighth of it
	Readers  int           // most reads at once; 0 = 3
	Log      int           // pages the log may grow to before it is copied into the file; 0 = 2000
	Slice    time.Duration // how long one transaction takes on normal work; 0 = 3 ms
}

const (
	pageSize = 8192
	busyWait = 5 * time.Second
)

// ErrLocked says that another process has the file open for writing.
var ErrLocked = errors.New("another process has this data file open: stop it first, or use its local API")

// ErrClosed says that the file was closed before the work was done.
var ErrClosed = errors.New("the data file is closed")

// File is the open data file. All methods are safe for concurrent use.
type File struct {
	path    string
	options Options
	lock    *flock.Flock
	writer  *sqlite.Conn // of the writer's goroutine alone
	copier  *sqlite.Conn // of the copier's goroutine alone
	readers chan *reader // a slot each; the connection in it is opened when first used

	mu       sync.Mutex
	wake     sync.Cond
	urgent   line
	normal   line
	peeks    line
	lazy     line
	lazyDue  bool // what is lazy has waited long enough
	closed   bool
	quiet    bool // nothing has come for a while
	attached []io.Closer

	copying chan struct{} // asks the copier to look at the log; closed when the writer has ended
	copied  atomic.Bool   // the copier has done its part: the writer does the rest
	done    chan struct{} // closed when writer and copier have ended
}

type reader struct{ conn *sqlite.Conn }

type job struct {
	ctx  context.Context
	work Work
	then func(error)
	err  error
}

// Open opens the data file at path and makes it if there is none. With another writer it fails with ErrLocked.
func Open(path string, o Options) (*File, error) {
	if o.Cache == 0 {
		o.Cache = 8192
	}
	if o.Readers == 0 {
		o.Readers = 3
	}
	if o.Log == 0 {
		o.Log = 2000
	}
	if o.Slice == 0 {
		o.Slice = 3 * time.Millisecond
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("data file: %w", err)
	}
	f := &File{path: path, options: o, readers: make(chan *reader, o.Readers),
		copying: make(chan struct{}, 1), done: make(chan struct{})}
	f.wake.L = &f.mu
	for range o.Readers {
		f.readers <- &reader{}
	}
	if o.ReadOnly {
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("data file: %w", err)
		}
		close(f.done)
		return f, nil
	}
	if err := f.openWriter(); err != nil {
		return nil, err
	}
	var ended sync.WaitGroup
	ended.Go(f.write)
	ended.Go(f.copy)
	go func() {
		ended.Wait()
		close(f.done)
	}()
	return f, nil
}

func (f *File) openWriter() (err error) {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o700); err != nil {
		return fmt.Errorf("data file: %w", err)
	}
	f.lock = flock.New(f.path+"-lock", flock.SetPermissions(0o600))
	held, err := f.lock.TryLock()
	if err != nil {
		return fmt.Errorf("data file %s: cannot be locked: %w", f.path, err)
	}
	if !held {
		return fmt.Errorf("data file %s: %w", f.path, ErrLocked)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.closeAll())
		}
	}()
	// Nobody else on the machine may read what people said.
	// A file that is there is not opened here: closing it would drop the locks of readers in this process.
	made, err := os.OpenFile(f.path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	switch {
	case err == nil:
		err = made.Close()
	case errors.Is(err, os.ErrExist):
		err = nil
	}
	if err != nil {
		return fmt.Errorf("data file: %w", err)
	}
	if f.writer, err = f.open(sqlite.OpenReadWrite, f.options.Cache, fmt.Sprintf("pragma page_size=%d", pageSize),
		"pragma auto_vacuum=none", "pragma journal_mode=wal", "pragma synchronous=full", "pragma wal_autocheckpoint=0",
		fmt.Sprintf("pragma journal_size_limit=%d", 2*f.options.Log*pageSize)); err != nil {
		return err
	}
	f.copier, err = f.open(sqlite.OpenReadWrite, 128, "pragma synchronous=full", "pragma wal_autocheckpoint=0")
	return err
}

// open opens a connection with so many KiB of page cache.
func (f *File) open(flags sqlite.OpenFlags, cache int, pragmas ...string) (*sqlite.Conn, error) {
	c, err := sqlite.OpenConn(f.path, flags)
	if err != nil {
		return nil, fmt.Errorf("data file %s: %w", f.path, err)
	}
	c.SetBusyTimeout(busyWait)
	pragmas = append(pragmas, fmt.Sprintf("pragma cache_size=-%d", cache), "pragma temp_store=memory", "pragma mmap_size=0")
	for _, p := range pragmas {
		if err := sqlitex.ExecuteTransient(c, p, nil); err != nil {
			return nil, errors.Join(fmt.Errorf("data file %s: %s: %w", f.path, p, err), c.Close())
		}
	}
	return c, nil
}

// Path gives the file's absolute path; drivers may keep small files of their own beside it, led by it and a dash.
func (f *File) Path() string { return f.path }

// Attach hands over a file of a driver's own: it is closed after the data file.
func (f *File) Attach(c io.Closer) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.attached = append(f.attached, c)
}

// ReadOnly tells whether the file was opened beside its writer.
func (f *File) ReadOnly() bool { return f.options.ReadOnly }

// Schema runs statements that make tables, if the file may be written. Each must bear to be run again.
func (f *File) Schema(ctx context.Context, statements ...string) error {
	if f.ReadOnly() {
		return nil
	}
	return f.Write(ctx, Normal, func(c *sqlite.Conn) error {
		for _, s := range statements {
			if err := sqlitex.ExecuteTransient(c, s, nil); err != nil {
				return fmt.Errorf("schema: %w", err)
			}
		}
		return nil
	})
}

// Write hands work to the writer and returns when it is durable, or with its error. Where ctx ends before the work has
// begun it is not done; once begun it is finished, whatever becomes of ctx. Any failure of the file is Transient.
func (f *File) Write(ctx context.Context, p Priority, work Work) error {
	answer := make(chan error, 1)
	f.Begin(ctx, p, work, func(err error) { answer <- err })
	return <-answer
}

// Begin hands work to the writer, as Write does, and calls then on the writer's goroutine when the work is durable or has
// failed. then must neither block nor Write.
func (f *File) Begin(ctx context.Context, p Priority, work Work, then func(error)) {
	f.mu.Lock()
	if f.closed || f.writer == nil {
		f.mu.Unlock()
		err := ErrClosed
		if f.ReadOnly() {
			err = errors.New("the data file is open for reading only: another process writes it")
		}
		then(fault.New(fault.Transient, "data file: write: %w", err))
		return
	}
	j := &job{ctx: ctx, work: work, then: then}
	switch p {
	case Urgent:
		f.urgent.push(j)
	case Lazy:
		f.beLazy(j)
	default:
		f.normal.push(j)
	}
	if p != Lazy || f.lazyDue {
		f.wake.Signal()
	}
	f.mu.Unlock()
}

// Peek runs reading work on the writer's goroutine, between two transactions: it sees the last committed state, and the
// pages it finds are at hand for the write that follows. Good for a few keys; longer reads belong to Read.
func (f *File) Peek(ctx context.Context, work Work) error {
	if f.ReadOnly() {
		return f.Read(ctx, work)
	}
	answer := make(chan error, 1)
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return fault.New(fault.Transient, "data file: read: %w", ErrClosed)
	}
	f.peeks.push(&job{ctx: ctx, work: work, then: func(err error) { answer <- err }})
	f.wake.Signal()
	f.mu.Unlock()
	return <-answer
}

// Read runs work on a connection that sees the last committed state and cannot write.
func (f *File) Read(ctx context.Context, work Work) error {
	var r *reader
	select {
	case r = <-f.readers:
	default:
		select {
		case r = <-f.readers:
		case <-ctx.Done():
			return fmt.Errorf("data file: read: %w", ctx.Err())
		}
	}
	if r == nil {
		return fault.New(fault.Transient, "data file: read: %w", ErrClosed)
	}
	defer func() { f.readers <- r }()
	if r.conn == nil {
		c, err := f.open(sqlite.OpenReadOnly, f.options.Cache/8)
		if err != nil {
			return fault.New(fault.Transient, "%w", err)
		}
		r.conn = c
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("data file: read: %w", err)
	}
	return work(r.conn)
}

// Close lets the work that was handed in finish, copies the log into the file and closes it. A second Close does nothing.
func (f *File) Close() error {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		<-f.done
		return nil
	}
	f.closed = true
	f.wake.Signal()
	f.mu.Unlock()
	<-f.done
	var err error
	for range f.options.Readers {
		if r := <-f.readers; r != nil && r.conn != nil {
			err = errors.Join(err, r.conn.Close())
		}
	}
	close(f.readers)
	return errors.Join(err, f.closeAll())
}

func (f *File) closeAll() error {
	var err error
	for _, c := range []*sqlite.Conn{f.copier, f.writer} {
		if c != nil {
			err = errors.Join(err, c.Close())
		}
	}
	for _, c := range f.attached {
		err = errors.Join(err, c.Close())
	}
	if f.lock != nil {
		err = errors.Join(err, f.lock.Close())
	}
	return err
}
