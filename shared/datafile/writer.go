package datafile

import (
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"

	"rapport/shared/fault"
)

const (
	look  = 16              // commits between two looks at the log's length
	quiet = 2 * time.Second // without work before memory is given back

	ride     = 25 * time.Millisecond // lazy work waits no longer for others
	mostLazy = 32                    // so much lazy work is worth a transaction
)

// line is a queue of jobs that uses its memory again.
type line struct {
	jobs []*job
	head int
}

func (l *line) push(j *job) { l.jobs = append(l.jobs, j) }

func (l *line) pop() *job {
	if l.head == len(l.jobs) {
		return nil
	}
	j := l.jobs[l.head]
	l.jobs[l.head] = nil
	if l.head++; l.head == len(l.jobs) {
		l.jobs, l.head = l.jobs[:0], 0
	}
	return j
}

func (l *line) empty() bool { return l.head == len(l.jobs) }

func (l *line) len() int { return len(l.jobs) - l.head }

// write is the writer's goroutine.
func (f *File) write() {
	defer close(f.copying)
	commits := 0
	var ran []*job
	for f.waits() {
		if f.peek(); f.idle() {
			continue
		}
		ran = f.transaction(ran[:0])
		if commits++; commits%look == 0 {
			select {
			case f.copying <- struct{}{}:
			default:
			}
		}
		if f.copied.CompareAndSwap(true, false) {
			// Few pages came since the copier ended. With these in the file the log begins anew.
			_, _ = checkpoint(f.writer, "passive")
		}
	}
}

// waits blocks until there is work; false = closed and all done. After a while without work it gives memory back.
func (f *File) waits() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.writes() || !f.peeks.empty() {
		return true
	}
	rest := time.AfterFunc(quiet, func() {
		f.mu.Lock()
		f.quiet = true
		f.wake.Signal()
		f.mu.Unlock()
	})
	defer rest.Stop()
	f.quiet = false
	for !f.writes() && f.peeks.empty() {
		if f.closed {
			return false
		}
		if f.wake.Wait(); f.quiet {
			f.quiet = false
			_ = exec(f.writer, "pragma shrink_memory")
		}
	}
	return true
}

// idle tells whether there is nothing to write.
func (f *File) idle() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.writes()
}

// writes tells whether a transaction is due. f.mu is held.
func (f *File) writes() bool {
	return !f.urgent.empty() || !f.normal.empty() || !f.lazy.empty() && (f.lazyDue || f.closed)
}

// beLazy takes lazy work and sets the time when it is due. f.mu is held.
func (f *File) beLazy(j *job) {
	f.lazy.push(j)
	switch f.lazy.len() {
	case 1:
		time.AfterFunc(ride, func() {
			f.mu.Lock()
			f.lazyDue = true
			f.wake.Signal()
			f.mu.Unlock()
		})
	case mostLazy:
		f.lazyDue = true
	}
}

// peek runs the reading work that waits, with one look at the log for all of it.
func (f *File) peek() {
	f.mu.Lock()
	j := f.peeks.pop()
	f.mu.Unlock()
	if j == nil {
		return
	}
	err := exec(f.writer, "begin")
	for j != nil {
		if j.err = err; j.err == nil {
			j.err = j.ctx.Err()
		}
		if j.err == nil {
			j.err = j.work(f.writer)
		}
		j.then(j.err)
		f.mu.Lock()
		if j = nil; f.urgent.empty() {
			j = f.peeks.pop()
		}
		f.mu.Unlock()
	}
	_ = exec(f.writer, "commit")
}

// next gives the job that goes first, nil if none does in a transaction that runs for so long already.
func (f *File) next(ran time.Duration) *job {
	f.mu.Lock()
	defer f.mu.Unlock()
	if ran < 2*f.options.Slice {
		if j := f.urgent.pop(); j != nil {
			return j
		}
	}
	if ran >= f.options.Slice {
		return nil
	}
	if j := f.normal.pop(); j != nil {
		return j
	}
	j := f.lazy.pop()
	if f.lazy.empty() {
		f.lazyDue = false
	}
	return j
}

// transaction runs what waits, commits once and answers. It gives back its list of jobs for the next time.
func (f *File) transaction(ran []*job) []*job {
	err := exec(f.writer, "begin immediate")
	began := time.Now()
	for err == nil {
		j := f.next(time.Since(began))
		if j == nil {
			break
		}
		ran = append(ran, j)
		if j.err = j.ctx.Err(); j.err != nil {
			continue
		}
		if j.err = j.work(f.writer); j.err != nil {
			err = f.undo(ran)
		}
	}
	if len(ran) == 0 && err != nil {
		ran = append(ran, f.next(0)) // so that somebody hears of it
	}
	if err == nil {
		err = exec(f.writer, "commit")
	}
	if err != nil && !f.writer.AutocommitEnabled() {
		_ = exec(f.writer, "rollback")
	}
	for k, j := range ran {
		if err != nil && j.err == nil {
			j.err = fault.New(fault.Transient, "data file: %w", err)
		}
		j.then(j.err)
		ran[k] = nil
	}
	return ran
}

// undo rolls back for the last job, which has failed, and runs its neighbours again in a new transaction. A neighbour
// that fails now as well makes it begin once more.
func (f *File) undo(ran []*job) error {
	for {
		if err := exec(f.writer, "rollback"); err != nil && !f.writer.AutocommitEnabled() {
			return err
		}
		if err := exec(f.writer, "begin immediate"); err != nil {
			return err
		}
		failed := false
		for _, j := range ran {
			if j.err == nil {
				if j.err = j.work(f.writer); j.err != nil {
					failed = true
					break
				}
			}
		}
		if !failed {
			return nil
		}
	}
}

// copy is the copier's goroutine: it copies the log into the file beside the writer.
func (f *File) copy() {
	for range f.copying {
		pages, err := checkpoint(f.copier, "noop")
		if err != nil || pages < f.options.Log {
			continue
		}
		if _, err := checkpoint(f.copier, "passive"); err == nil {
			f.copied.Store(true)
		}
	}
}

// checkpoint copies the log into the file (or only looks) and gives the log's pages. A failure is no loss: the log stays.
func checkpoint(c *sqlite.Conn, mode string) (pages int, err error) {
	stmt, err := c.Prepare("pragma wal_checkpoint(" + mode + ")")
	if err != nil {
		return 0, fmt.Errorf("data file: %w", err)
	}
	defer stmt.Reset()
	if row, err := stmt.Step(); err != nil || !row {
		return 0, err
	}
	return stmt.ColumnInt(1), nil
}

// exec runs a statement without rows.
func exec(c *sqlite.Conn, sql string) error {
	stmt, err := c.Prepare(sql)
	if err != nil {
		return err
	}
	_, err = stmt.Step()
	if again := stmt.Reset(); err == nil {
		err = again
	}
	return err
}
