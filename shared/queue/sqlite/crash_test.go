package sqlite_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rapport/shared/datafile"
	"rapport/shared/queue"
	"rapport/shared/queue/sqlite"
)

const (
	childFile = "RAPPORT_TEST_CHILD_FILE"
	childDoes = "RAPPORT_TEST_CHILD_DOES"
)

// TestChild is the process that the tests below kill. Without its variables it is nothing.
func TestChild(t *testing.T) {
	path := os.Getenv(childFile)
	if path == "" {
		return
	}
	f, err := datafile.Open(path, datafile.Options{Log: 100})
	if err != nil {
		t.Fatal(err)
	}
	q, err := sqlite.New(f, sqlite.Options{Lanes: lanes})
	if err != nil {
		t.Fatal(err)
	}
	switch os.Getenv(childDoes) {
	case "send":
		sendForEver(q)
		select {}
	case "both":
		sendForEver(q)
		sayDone(q)
	case "consume":
		consumeAndDie(q)
	}
}

func sendForEver(q *sqlite.Queue) {
	for worker := range 8 {
		go func() {
			to := []queue.Queue{q, q.Urgent()}[worker%2]
			for n := 0; ; n++ {
				body := fmt.Sprintf("%d-%d", worker, n)
				if err := to.Send(context.Background(), queue.Message{Lane: "one", Body: []byte(body)})[0]; err != nil {
					panic(err)
				}
				fmt.Println(body) // answered
			}
		}()
	}
}

func sayDone(q *sqlite.Queue) {
	_ = q.Consume(context.Background(), "one", 10, func(_ context.Context, batch []queue.Message) []error {
		for _, m := range batch {
			fmt.Println("done", string(m.Body))
		}
		return make([]error, len(batch))
	})
}

func consumeAndDie(q *sqlite.Queue) {
	for range 2 {
		go q.Consume(context.Background(), "one", 4, func(_ context.Context, batch []queue.Message) []error {
			for _, m := range batch {
				if string(m.Body) == "poison" {
					self, _ := os.FindProcess(os.Getpid())
					_ = self.Kill()
					select {}
				}
			}
			for _, m := range batch {
				fmt.Println(string(m.Body))
			}
			return make([]error, len(batch))
		})
	}
	for {
		depth, _ := q.Depth(context.Background())
		if depth[0].Waiting+depth[0].Held+depth[0].Delayed == 0 {
			fmt.Println("empty")
			select {}
		}
		time.Sleep(time.Millisecond)
	}
}

// child runs the child until it dies or stop says that it has said enough, and gives what it said.
func child(t *testing.T, path, does string, stop func(n int, line string) bool) []string {
	t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^TestChild$")
	c.Env = append(os.Environ(), childFile+"="+path, childDoes+"="+does)
	var noise bytes.Buffer
	c.Stderr = &noise
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for scan := bufio.NewScanner(out); scan.Scan(); {
		if lines = append(lines, scan.Text()); stop(len(lines), scan.Text()) {
			_ = c.Process.Kill()
		}
	}
	_ = c.Wait()
	if noise.Len() > 0 {
		t.Fatalf("the child fails: %s", noise.String())
	}
	return lines
}

// TestKilled: a message that was answered is done or there after the process was killed.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	for k, after := range []int{1, 200, 20, 201, 40, 202, 60, 203, 80, 204, 300, 4000} {
		path := filepath.Join(dir, fmt.Sprint(after))
		owed := map[string]bool{}
		for _, line := range child(t, path, []string{"send", "both"}[k%2], func(n int, _ string) bool { return n == after }) {
			if body, ok := strings.CutPrefix(line, "done "); ok {
				owed[body] = false
			} else if _, known := owed[line]; !known {
				owed[line] = true
			}
		}
		q, shut := open(t, path, sqlite.Options{})
		depth, err := q.Depth(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if n := depth[0].Waiting; n > 0 {
			consume(t, q, 1, n, func(m queue.Message) error {
				if m.Receives < 2 {
					t.Errorf("%q comes at receive %d after the process died", m.Body, m.Receives)
				}
				delete(owed, string(m.Body))
				return nil
			})
		}
		shut()
		for body, lost := range owed {
			if lost {
				t.Fatalf("%q was answered and is lost", body)
			}
		}
	}
}

// TestPoisonKills: a message that kills the process each time ends in the dead letters, alone.
func TestPoisonKills(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data.db")
	q, shut := open(t, path, sqlite.Options{})
	for k := range 20 {
		body := fmt.Sprint("good ", k)
		if k == 6 {
			body = "poison"
		}
		send(t, q, queue.Message{Lane: "one", Body: []byte(body)})
	}
	shut()
	did := map[string]bool{}
	for n := 0; !did["empty"]; n++ {
		if n > queue.MaxReceives+2 {
			t.Fatalf("the message kills the process for the %dth time", n)
		}
		for _, line := range child(t, path, "consume", func(_ int, line string) bool { return line == "empty" }) {
			did[line] = true
		}
	}
	if len(did) != 20 { // 19 good ones and "empty"
		t.Errorf("done: %v", did)
	}
	q, _ = open(t, path, sqlite.Options{})
	dead, err := q.Dead(context.Background(), "one", 10)
	if err != nil || len(dead) != 1 || string(dead[0].Body) != "poison" || dead[0].Receives != queue.MaxReceives {
		t.Fatalf("dead letters: %+v, %v", dead, err)
	}
}
