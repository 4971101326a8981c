package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	hubspottwin "rapport/shared/twin/hubspot"
	mastodontwin "rapport/shared/twin/mastodon"
	sinktwin "rapport/shared/twin/sink"
)

// program is the compiled command line.
var program string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "rapport-cli-")
	if err != nil {
		panic(err)
	}
	program = filepath.Join(dir, "rapport")
	if out, err := exec.Command("go", "build", "-o", program, ".").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "the command line does not build: %v\n%s", err, out)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// canaries are the secrets of the tests. No output may ever hold one.
func canaries() map[string]string {
	return map[string]string{"REVIEWS_SECRET": "canary-reviews-5d1f", "SINK_TOKEN": "canary-sink-77ab", "HUBSPOT_TOKEN": "canary-hubspot-90c2"}
}

// place is a folder with a configuration, and fake services on loopback ports.
type place struct {
	t        *testing.T
	dir      string
	sink     *sinktwin.CRM
	mastodon *mastodontwin.Server
	hubspot  *hubspottwin.Portal
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{t: t, dir: t.TempDir(),
		sink:     sinktwin.New(sinktwin.Options{Token: canaries()["SINK_TOKEN"], Fields: []string{"Text", "Author", "Stars"}}),
		mastodon: mastodontwin.New(mastodontwin.Options{}),
		hubspot:  hubspottwin.New(hubspottwin.Options{Now: time.Now, Token: canaries()["HUBSPOT_TOKEN"], Limit10s: -1, LimitSearch: -1}),
	}
	serve := func(h http.Handler) string {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return s.URL
	}
	origin := serve(p.mastodon)
	p.mastodon.SetSelf(origin)
	text, err := os.ReadFile("testdata/rapport.yaml")
	if err != nil {
		t.Fatal(err)
	}
	filled := strings.NewReplacer("${MASTODON}", origin, "${SINK}", serve(p.sink), "${HUBSPOT}", serve(p.hubspot)).Replace(string(text))
	p.write("rapport.yaml", filled)
	var env strings.Builder
	for name, value := range canaries() {
		fmt.Fprintf(&env, "%s=%s\n", name, value)
	}
	p.write(".env", env.String())
	return p
}

func (p *place) write(name, text string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) read(name string) string {
	p.t.Helper()
	text, err := os.ReadFile(filepath.Join(p.dir, name))
	if err != nil {
		p.t.Fatal(err)
	}
	return string(text)
}

// change replaces a text in rapport.yaml and writes it under another name.
func (p *place) change(name string, oldnew ...string) {
	p.t.Helper()
	was := p.read("rapport.yaml")
	is := strings.NewReplacer(oldnew...).Replace(was)
	if was == is {
		p.t.Fatalf("nothing to replace: %q", oldnew)
	}
	p.write(name, is)
}

func (p *place) command(args ...string) *exec.Cmd {
	c := exec.Command(program, append([]string{"--allow-private"}, args...)...)
	c.Dir = p.dir
	c.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.dir, "TMPDIR=" + p.dir, "USER=tester"}
	return c
}

// run runs a command to its end and looks that it exits with code.
func (p *place) run(code int, args ...string) string { return p.feed("", code, args...) }

// feed is run with an input. What the command printed on both streams comes back, standard output first.
func (p *place) feed(input string, code int, args ...string) string {
	p.t.Helper()
	c := p.command(args...)
	var out, errs bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(input), &out, &errs
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		p.t.Fatal(err)
	}
	said := out.String() + errs.String()
	p.safe(said)
	if got := c.ProcessState.ExitCode(); got != code {
		p.t.Fatalf("rapport %s: exit code %d, want %d\n%s", strings.Join(args, " "), got, code, said)
	}
	return said
}

// safe looks for secrets in what was printed.
func (p *place) safe(said string) {
	p.t.Helper()
	for name, secret := range canaries() {
		if strings.Contains(said, secret) {
			p.t.Errorf("the secret %s was printed:\n%s", name, said)
		}
	}
}

// says runs a command that exits with 0 and looks for texts in what it prints.
func (p *place) says(wanted string, args ...string) string {
	p.t.Helper()
	said := p.run(0, args...)
	p.holds(said, wanted)
	return said
}

func (p *place) holds(said string, wanted ...string) {
	p.t.Helper()
	for _, w := range wanted {
		if !strings.Contains(said, w) {
			p.t.Errorf("nothing says %q:\n%s", w, said)
		}
	}
}

// reads runs a command with --json and decodes what it prints.
func (p *place) reads(code int, v any, args ...string) {
	p.t.Helper()
	c := p.command(append(args, "--json")...)
	out, err := c.Output()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || c.ProcessState.ExitCode() != code {
		p.t.Fatalf("rapport %s: %v, exit code %d, want %d\n%s", strings.Join(args, " "), err, c.ProcessState.ExitCode(), code, out)
	}
	p.safe(string(out))
	if err := json.Unmarshal(out, v); err != nil {
		p.t.Fatalf("rapport %s prints no JSON: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// home is a running `rapport up`.
type home struct {
	*place
	cmd  *exec.Cmd
	url  string
	mu   sync.Mutex
	log  strings.Builder
	gone chan struct{} // closed when its output has ended
}

// up starts the home and waits until it says where it listens.
func (p *place) up(args ...string) *home {
	p.t.Helper()
	h := &home{place: p, cmd: p.command(append([]string{"up", "--listen", "127.0.0.1:0"}, args...)...), gone: make(chan struct{})}
	errs, err := h.cmd.StderrPipe()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := h.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		_ = h.cmd.Process.Kill() // no matter if it ended before
		<-h.gone
		p.safe(h.said())
	})
	ready := make(chan string, 1)
	go h.listen(errs, ready)
	select {
	case h.url = <-ready:
	case <-time.After(20 * time.Second):
	}
	if h.url == "" {
		p.t.Fatalf("rapport up does not listen:\n%s", h.said())
	}
	return h
}

func (h *home) listen(r io.Reader, ready chan<- string) {
	defer close(h.gone)
	defer close(ready)
	where := regexp.MustCompile(`hooks at (http://[0-9.:]+)/hooks/`)
	for lines := bufio.NewScanner(r); lines.Scan(); {
		h.mu.Lock()
		h.log.WriteString(lines.Text() + "\n")
		h.mu.Unlock()
		if m := where.FindStringSubmatch(lines.Text()); m != nil {
			ready <- m[1]
		}
	}
}

func (h *home) said() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.log.String()
}

// stop ends the home as an operator does, and wants exit code 0.
func (h *home) stop() {
	h.t.Helper()
	if err := h.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		h.t.Fatal(err)
	}
	<-h.gone
	if err := h.cmd.Wait(); err != nil {
		h.t.Fatalf("rapport up ends with %v:\n%s", err, h.said())
	}
}

// until looks again and again whether something is so.
func (p *place) until(what string, so func() bool) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-ctx.Done():
			p.t.Fatalf("waited in vain until %s\n%s", what, p.run(0, "queue"))
		case <-tick.C:
		}
	}
}

// tally is the ledger's last line.
type tally struct {
	Total                        map[string]int
	Waiting, Parked, Unaccounted int
}

func (p *place) tally() (t tally) {
	p.reads(0, &t, "ledger")
	return t
}

// review is a body that the review portal sends.
func review(id, text string, stars int) string {
	b, _ := json.Marshal(map[string]any{"id": id, "text": text, "stars": stars, "at": "2026-11-21T09:30:00Z", "by": "kunde-" + id}) // plain data
	return string(b)
}

// mac signs a body as the review portal does.
func mac(key, body string) string {
	m := hmac.New(sha256.New, []byte(key))
	_, _ = m.Write([]byte(body)) // never fails
	return hex.EncodeToString(m.Sum(nil))
}

// syncBuilder collects what a process prints while it is read.
type syncBuilder struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *syncBuilder) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *syncBuilder) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
