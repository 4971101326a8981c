package sqlite_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"rapport/shared/datafile"
	"rapport/shared/store"
	"rapport/shared/store/sqlite"
)

const childFile = "RAPPORT_TEST_CHILD_FILE"

// TestChild is the process that TestKilled kills. Without its variable it is nothing.
func TestChild(t *testing.T) {
	path := os.Getenv(childFile)
	if path == "" {
		return
	}
	f, err := datafile.Open(path, datafile.Options{Log: 100})
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.New(f, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for worker := range 8 {
		go func() {
			for n := 0; ; n++ {
				part := fmt.Sprintf("p%d-%d", worker, n)
				item := store.Item{Part: part, Sort: "a", Data: []byte(strings.Repeat(part, 50))}
				if r := s.Put(context.Background(), item)[0]; r.Err != nil {
					panic(r.Err)
				}
				fmt.Printf("%s 1\n", part) // answered
				if n%3 == 0 {
					item.Version = 1
					if r := s.Put(context.Background(), item)[0]; r.Err != nil {
						panic(r.Err)
					}
					fmt.Printf("%s 2\n", part)
				}
			}
		}()
	}
	select {}
}

// TestKilled: what was answered is there after the process was killed, whenever that was.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	for _, after := range []int{1, 250, 3000} {
		path := filepath.Join(dir, fmt.Sprint(after))
		child := exec.Command(os.Args[0], "-test.run=^TestChild$")
		child.Env = append(os.Environ(), childFile+"="+path)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		answered := map[string]int64{}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			part, version := "", int64(0)
			if _, err := fmt.Sscan(lines.Text(), &part, &version); err != nil {
				t.Fatalf("the child says %q", lines.Text())
			}
			answered[part] = max(answered[part], version)
			if n == after {
				if err := child.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		_ = child.Wait()
		if len(answered) < after/2 {
			t.Fatalf("the child ended after %d answers", len(answered))
		}
		checkAnswered(t, path, answered)
	}
}

func checkAnswered(t *testing.T, path string, answered map[string]int64) {
	t.Helper()
	f, err := datafile.Open(path, datafile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s, err := sqlite.New(f, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for part, version := range answered {
		got, err := s.Get(context.Background(), store.Key{Part: part, Sort: "a"})
		if err != nil {
			t.Fatal(err)
		}
		if got[0].Version < version || string(got[0].Data) != strings.Repeat(part, 50) {
			t.Fatalf("%s was answered at version %d and is there at %d with %d bytes", part, version, got[0].Version, len(got[0].Data))
		}
	}
}
