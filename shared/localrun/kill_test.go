package localrun_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/localrun"
	"rapport/shared/network"
	"rapport/shared/queue"
	secrets "rapport/shared/secret/env"
	hooktwin "rapport/shared/twin/hook"
	sinktwin "rapport/shared/twin/sink"
)

const killConfig = `version: 1
brands: [{name: nordlicht}]
hooks:
  - name: monitor
    kind: hook
    settings: {scheme: body, header: X-Signature, fields: {id: item.id, text: item.text, author.id: item.who}}
    secrets: {secret: env:KILL_SECRET}
networks: [{name: listening, kind: hook, hook: monitor, brand: nordlicht}]
crms:
  - name: feedback
    kind: sink
    origin: %s
    mode: write
    settings:
      batch: 10
      id_field: ExternalId
      write: {path: /batch}
      results: body.results
      result: {ok: item.success, id: item.id, error: item.error}
      find: {path: /find, ids: body}
mapping:
  - {crm: feedback, object: feedback, for: mention, key: ExternalId, fields: {Text: text}}
`

// killEvents is how many webhooks are sent while the home is killed.
const killEvents = 500

// TestMain runs the test binary as a home where the environment asks for one.
func TestMain(m *testing.M) {
	if data := os.Getenv("KILL_DATA"); data != "" {
		if err := runHome(data); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// runHome is the child: a home that works until its standard input ends.
func runHome(data string) error {
	ctx := context.Background()
	if name := os.Getenv("KILL_PROFILE"); name != "" {
		f, err := os.Create(name)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	home, err := localrun.Open(ctx, homeOptions(data, os.Getenv("KILL_LISTEN")))
	if err != nil {
		return err
	}
	if err := home.Start(ctx); err != nil {
		return err
	}
	fmt.Println("ready")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return home.Stop(ctx)
}

func homeOptions(data, listen string) localrun.Options {
	return localrun.Options{Data: data, Config: filepath.Join(filepath.Dir(data), "rapport.yaml"), Listen: listen, Private: true,
		Secrets: secrets.New(secrets.Options{Lookup: os.LookupEnv}), Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))}
}

// child is a home in a process of its own.
type child struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
}

func spawn(t testing.TB, data, listen string) *child {
	t.Helper()
	c := &child{cmd: exec.Command(os.Args[0], "-test.run=^$")}
	c.cmd.Env = append(os.Environ(), "KILL_DATA="+data, "KILL_LISTEN="+listen, "KILL_SECRET=a-secret-of-the-test")
	c.cmd.Stderr = os.Stderr
	out, err := c.cmd.StdoutPipe()
	if err == nil {
		c.stdin, err = c.cmd.StdinPipe()
	}
	if err == nil {
		err = c.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.cmd.Process.Kill() }) // does nothing where it has ended
	if line, err := bufio.NewReader(out).ReadString('\n'); strings.TrimSpace(line) != "ready" {
		t.Fatalf("the home says %q: %v", line, err)
	}
	return c
}

// kill ends the process as a power cut would.
func (c *child) kill(t testing.TB) {
	t.Helper()
	if err := c.cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = c.cmd.Wait() // says that it was killed
}

// stop lets it finish what is in hand.
func (c *child) stop(t testing.TB) {
	t.Helper()
	if err := c.stdin.Close(); err != nil {
		t.Error(err)
	}
	if err := c.cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// wait looks often whether something is so.
func wait(t testing.TB, what string, so func() bool) {
	t.Helper()
	timer := time.NewTicker(5 * time.Millisecond)
	defer timer.Stop()
	for deadline := time.Now().Add(20 * time.Second); !so(); <-timer.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// prepare gives a CRM, the path of a data file with the configuration beside it, and an address to listen at.
func prepare(t testing.TB) (feedback *sinktwin.CRM, data, listen string) {
	t.Helper()
	feedback = sinktwin.New(sinktwin.Options{})
	server := httptest.NewServer(feedback)
	t.Cleanup(server.Close)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "rapport.yaml"), fmt.Appendf(nil, killConfig, server.URL), 0o600); err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return feedback, filepath.Join(dir, "kill.db"), ln.Addr().String()
}

// settle waits until the CRM has so many records and nothing is left to do.
func settle(t testing.TB, data string, feedback *sinktwin.CRM, records int) {
	t.Helper()
	client, err := localrun.Dial(data)
	if err != nil {
		t.Fatal(err)
	}
	wait(t, "the queues are empty", func() bool {
		var depth []queue.Depth
		if err := client.Do(t.Context(), "queue/depth", struct{}{}, &depth); err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, d := range depth {
			n += d.Waiting + d.Held + d.Delayed
		}
		return n == 0 && feedback.Total() >= records
	})
}

func TestKilledTwice(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	dice := rand.New(rand.NewPCG(seed, 3))
	t.Logf("seed %d", seed)
	feedback, data, listen := prepare(t)
	home := spawn(t, data, listen)
	sent := make(chan error, 1)
	go func() {
		sent <- sendAll(t.Context(), listen, killEvents, func(i int) string { return fmt.Sprintf("Bremse Nummer %d quietscht.", i) }, func(i int) string { return fmt.Sprint("author-", i%40) })
	}()
	for _, moment := range []int{30 + dice.IntN(100), 200 + dice.IntN(150)} {
		wait(t, fmt.Sprintf("%d records are there", moment), func() bool { return feedback.Total() >= moment })
		home.kill(t)
		t.Logf("killed with %d records in the CRM", feedback.Total())
		home = spawn(t, data, listen)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	settle(t, data, feedback, killEvents)
	home.stop(t)
	if feedback.Total() != killEvents || feedback.Doubles() != 0 {
		t.Errorf("the CRM holds %d records with %d doubles, %d were sent", feedback.Total(), feedback.Doubles(), killEvents)
	}
	for i := range killEvents {
		if n := feedback.Count(flow.Key(flow.KindMention, flow.MentionID("hook", name(i)))); n != 1 {
			t.Errorf("the CRM holds %d records of %s", n, name(i))
		}
	}
	count(t, data)
}

func name(i int) string { return fmt.Sprintf("event-%04d", i) }

// sendAll sends every event until the home has taken it.
func sendAll(ctx context.Context, listen string, events int, text, who func(int) string) error {
	settings := map[string]any{"scheme": "body", "header": "X-Signature", "fields": map[string]any{"id": "item.id"}}
	tool := hooktwin.New(hooktwin.Options{Target: "http://" + listen + "/hooks/monitor", Now: time.Now, Tries: 1 << 30, Twice: 0.05, Seed: 1,
		Hook: network.Hook{Name: "monitor", Kind: "hook", Settings: settings, Secrets: map[string]flow.Secret{"secret": flow.NewSecret("a-secret-of-the-test")}}})
	for i := range events {
		event := map[string]any{"id": name(i), "text": text(i), "who": who(i)}
		if err := tool.Add(event); err != nil {
			return err
		}
	}
	for {
		r, err := tool.Send(ctx)
		if err != nil || r.Open == 0 {
			return err
		}
	}
}

// count opens the file as it was left and adds the ledger up: each event once, everything else merged, nothing open.
func count(t *testing.T, data string) {
	t.Helper()
	t.Setenv("KILL_SECRET", "a-secret-of-the-test")
	home, err := localrun.Open(t.Context(), homeOptions(data, ""))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := home.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	var tally ledger.Tally
	seen := map[string]int{}
	err = home.Lines(t.Context(), "listening", time.Now().Add(-time.Hour), time.Now().Add(time.Hour), func(_ ledger.Place, l ledger.Line) error {
		tally.Add(l)
		if l.Outcome == ledger.Mention {
			seen[l.Mention]++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%+v", tally)
	for i := range killEvents {
		if id := flow.MentionID("hook", name(i)); seen[id] != 1 {
			t.Errorf("the ledger has %d lines of %s", seen[id], id)
		}
	}
	if tally.Written != killEvents || tally.Written+tally.Merged != tally.Received || tally.Open+tally.Dead+tally.Rejected != 0 {
		t.Errorf("the ledger does not add up: %+v", tally)
	}
}
