package datafile_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"rapport/shared/datafile"
)

func open(t testing.TB, path string, o datafile.Options) *datafile.File {
	t.Helper()
	f, err := datafile.Open(path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func counting(t testing.TB, f *datafile.File) {
	t.Helper()
	if err := f.Schema(context.Background(), "create table if not exists n(k integer primary key)"); err != nil {
		t.Fatal(err)
	}
}

func insert(k int) datafile.Work {
	return func(c *sqlite.Conn) error {
		return sqlitex.Execute(c, "insert into n values(?)", &sqlitex.ExecOptions{Args: []any{k}})
	}
}

func count(t testing.TB, f *datafile.File) int {
	t.Helper()
	n := 0
	err := f.Read(context.Background(), func(c *sqlite.Conn) error {
		return sqlitex.Execute(c, "select count(*) from n", &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
			n = s.ColumnInt(0)
			return nil
		}})
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOneWriterManyReaders(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "data.db")
	f := open(t, path, datafile.Options{})
	counting(t, f)
	if _, err := datafile.Open(path, datafile.Options{}); !errors.Is(err, datafile.ErrLocked) {
		t.Fatalf("a second writer got %v, want locked", err)
	}
	beside := open(t, path, datafile.Options{ReadOnly: true})
	for k := range 3 {
		if err := f.Write(context.Background(), datafile.Normal, insert(k)); err != nil {
			t.Fatal(err)
		}
		if n := count(t, beside); n != k+1 {
			t.Fatalf("a reader beside sees %d rows, want %d", n, k+1)
		}
	}
	if err := beside.Write(context.Background(), datafile.Normal, insert(9)); err == nil {
		t.Fatal("a reader may write")
	}
	if err := f.Read(context.Background(), insert(9)); err == nil {
		t.Fatal("a read may write")
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Write(context.Background(), datafile.Normal, insert(9)); !errors.Is(err, datafile.ErrClosed) {
		t.Fatalf("a write after close gave %v", err)
	}
	if err := f.Read(context.Background(), insert(9)); !errors.Is(err, datafile.ErrClosed) {
		t.Fatalf("a read after close gave %v", err)
	}
	if n := count(t, open(t, path, datafile.Options{})); n != 3 {
		t.Fatalf("%d rows after reopening, want 3", n)
	}
}

// TestNeighbours: work that fails takes nothing of its neighbours' work with it, and leaves nothing itself.
func TestNeighbours(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "data.db"), datafile.Options{})
	counting(t, f)
	ctx := context.Background()
	ended, cancel := context.WithCancel(ctx)
	cancel()
	broken := errors.New("broken")
	var wg sync.WaitGroup
	for k := range 200 {
		wg.Go(func() {
			switch k % 5 {
			case 1:
				err := f.Write(ctx, datafile.Normal, func(c *sqlite.Conn) error {
					return errors.Join(insert(1000+k)(c), broken)
				})
				if !errors.Is(err, broken) {
					t.Errorf("failing work gave %v", err)
				}
			case 2:
				if err := f.Write(ended, datafile.Urgent, insert(2000+k)); !errors.Is(err, context.Canceled) {
					t.Errorf("work with an ended context gave %v", err)
				}
			default:
				if err := f.Write(ctx, datafile.Priority(k%2), insert(k)); err != nil {
					t.Errorf("good work gave %v", err)
				}
			}
		})
	}
	wg.Wait()
	if n := count(t, f); n != 120 {
		t.Fatalf("%d rows, want 120", n)
	}
}

// TestUrgentFirst: urgent work that comes while normal work waits is done before it.
func TestUrgentFirst(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "data.db"), datafile.Options{})
	var order []string
	var wg sync.WaitGroup
	began, release := make(chan struct{}), make(chan struct{})
	note := func(p datafile.Priority, name string) {
		wg.Add(1)
		f.Begin(context.Background(), p, func(*sqlite.Conn) error {
			order = append(order, name)
			return nil
		}, func(error) { wg.Done() })
	}
	f.Begin(context.Background(), datafile.Normal, func(*sqlite.Conn) error {
		close(began)
		<-release
		return nil
	}, func(error) {})
	<-began
	note(datafile.Lazy, "lazy")
	note(datafile.Normal, "normal 1")
	note(datafile.Normal, "normal 2")
	note(datafile.Urgent, "urgent 1")
	note(datafile.Urgent, "urgent 2")
	close(release)
	wg.Wait()
	if got := fmt.Sprint(order); got != "[urgent 1 urgent 2 normal 1 normal 2 lazy]" {
		t.Fatal(got)
	}
}

// TestLazy: lazy work is done though nobody else comes, at once when there is much of it, and before the file is closed.
func TestLazy(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "data.db"), datafile.Options{})
	counting(t, f)
	for k := range 3 {
		if err := f.Write(context.Background(), datafile.Lazy, insert(k)); err != nil {
			t.Fatal(err)
		}
	}
	var wg sync.WaitGroup
	for k := range 100 {
		wg.Add(1)
		f.Begin(context.Background(), datafile.Lazy, insert(10+k), func(err error) {
			if err != nil {
				t.Error(err)
			}
			wg.Done()
		})
	}
	wg.Wait()
	if n := count(t, f); n != 103 {
		t.Fatalf("%d rows, want 103", n)
	}
	wg.Add(1)
	f.Begin(context.Background(), datafile.Lazy, insert(200), func(err error) {
		if err != nil {
			t.Error(err)
		}
		wg.Done()
	})
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
}

// TestLogStaysShort: the log is copied into the file while it is written.
func TestLogStaysShort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.db")
	f := open(t, path, datafile.Options{Log: 50})
	counting(t, f)
	if err := f.Schema(context.Background(), "create table big(k integer primary key, data blob)"); err != nil {
		t.Fatal(err)
	}
	for range 1200 {
		if err := f.Write(context.Background(), datafile.Normal, func(c *sqlite.Conn) error {
			return sqlitex.Execute(c, "insert into big(data) values(zeroblob(20000))", nil)
		}); err != nil {
			t.Fatal(err)
		}
	}
	pages := 0
	if err := f.Read(context.Background(), func(c *sqlite.Conn) error {
		return sqlitex.Execute(c, "pragma wal_checkpoint(noop)", &sqlitex.ExecOptions{ResultFunc: func(s *sqlite.Stmt) error {
			pages = s.ColumnInt(1)
			return nil
		}})
	}); err != nil {
		t.Fatal(err)
	}
	if pages > 1500 { // of about 4,000 written
		t.Fatalf("the log has %d pages", pages)
	}
}
