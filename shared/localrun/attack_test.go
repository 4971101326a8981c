package localrun_test

import (
	"bytes"
	"compress/gzip"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"rapport/shared/ledger"
	"rapport/shared/webhook"
)

var update = flag.Bool("update", false, "write the table of docs/security.md anew")

// kinds of attacks, in the order of the table.
var attacks = []string{"forged", "too old", "replayed", "oversized", "bombs", "slow", "broken HTTP", "garbage"}

// score counts one kind of attack at one door.
type score struct{ sent, held int }

type scores map[string]map[string]*score // door → attack

func (all scores) count(d door, attack string, held bool) {
	if all[d.name] == nil {
		all[d.name] = map[string]*score{}
	}
	if all[d.name][attack] == nil {
		all[d.name][attack] = &score{}
	}
	all[d.name][attack].sent++
	if held {
		all[d.name][attack].held++
	}
}

// TestAttacks calls every receiver of a running home over real sockets: forged, old, repeated, too large, packed, slow,
// broken, and genuine calls that hold garbage. None may have an effect, and genuine ones come through before, meanwhile and
// afterwards. The table of docs/security.md is what it counts: go test ./shared/localrun -run TestAttacks -update
func TestAttacks(t *testing.T) {
	s := besiege(t)
	all := scores{}
	slow := s.slow()
	for _, d := range s.doors {
		if got := s.genuine(d, d.event(1), time.Now()); got != http.StatusOK {
			t.Fatalf("%s answers a genuine call with %d", d.name, got)
		}
	}
	if dead := s.settled(); dead != 0 {
		t.Fatalf("%d genuine calls are dead", dead)
	}
	first := map[string]int{}
	for _, d := range s.doors {
		if first[d.name] = s.outcomes(d)[ledger.Mention]; (first[d.name] == 1) == d.crm {
			t.Errorf("%s: a genuine event became %d mentions", d.name, first[d.name])
		}
	}
	for _, d := range s.doors {
		s.forge(d, all)
		s.flood(d, all)
		s.mangle(d, all)
	}
	s.settled()
	for _, d := range s.doors { // so far nothing may have left a trace but the event that was repeated
		if got := s.outcomes(d); got[ledger.Mention] != first[d.name] || got[ledger.Rejected] != 0 {
			t.Errorf("%s: refused calls left traces: %v", d.name, got)
		}
	}
	before := map[string]int{}
	for _, d := range s.doors {
		before[d.name] = s.outcomes(d)[ledger.Merged]
		s.litter(d, all)
	}
	s.settled()
	for _, d := range s.doors {
		if got := s.outcomes(d); got[ledger.Mention] != first[d.name] || got[ledger.Merged] != before[d.name] {
			t.Errorf("%s: garbage became mentions: %v", d.name, got)
		}
	}
	for r := range slow {
		all.count(r.door, "slow", r.held)
	}
	for _, d := range s.doors {
		if got := s.genuine(d, d.event(2), time.Now()); got != http.StatusOK {
			t.Errorf("%s answers a genuine call with %d after all that", d.name, got)
		}
	}
	s.settled()
	for _, d := range s.doors {
		if got := s.outcomes(d)[ledger.Mention]; got != 2*first[d.name] {
			t.Errorf("%s: %d mentions after a second genuine event, want %d", d.name, got, 2*first[d.name])
		}
	}
	s.stop()
	if pieces := s.search(); pieces < 300 {
		t.Errorf("only %d pieces were looked through for secrets", pieces)
	}
	publish(t, table(s.doors, all))
}

// forge sends calls whose proof is absent or wrong, old ones, and one that was taken, again.
func (s *besieged) forge(d door, all scores) {
	now, address := time.Now(), attackBase+d.path()
	body := d.event(3)
	good := d.sign(d.key, address, body, now)
	refused := func(what string, method string, h http.Header, body []byte) {
		got := s.post(d, method, h, bytes.NewReader(body))
		if all.count(d, what, got >= 400 && got < 500); got < 400 || got >= 500 {
			s.t.Errorf("%s: a call that is %s is answered with %d", d.name, what, got)
		}
	}
	refused("forged", http.MethodPost, http.Header{}, body)
	refused("forged", http.MethodPost, d.sign(d.wrong, address, body, now), body)
	refused("forged", http.MethodPut, good, body)
	refused("forged", http.MethodDelete, good, body)
	refused("forged", http.MethodGet, good, nil)
	for name := range good {
		for _, change := range []func(string) string{func(string) string { return "" }, func(v string) string { return v[:len(v)-1] }, func(v string) string { return v + "0" },
			func(v string) string { return strings.Map(swap, v) }} {
			h := good.Clone()
			h.Set(name, change(h.Get(name)))
			refused("forged", http.MethodPost, h, body)
		}
	}
	if d.signed {
		for _, other := range [][]byte{append(body, ' '), bytes.Replace(body, []byte("g"), []byte("h"), 1), bytes.Replace(body, []byte("7"), []byte("8"), 1), nil} {
			if !bytes.Equal(other, body) {
				refused("forged", http.MethodPost, good, other)
			}
		}
	}
	if d.timed {
		for _, off := range []time.Duration{-time.Hour, -24 * 365 * time.Hour, time.Hour} {
			refused("too old", http.MethodPost, d.sign(d.key, address, body, now.Add(off)), body)
		}
	}
	again := d.event(1)
	h := d.sign(d.key, address, again, now)
	for range 5 { // taken, since nobody can tell it from a vendor's own repeat; that nothing comes of it is looked at later
		got := s.post(d, http.MethodPost, h, bytes.NewReader(again))
		if all.count(d, "replayed", got == http.StatusOK); got != http.StatusOK {
			s.t.Errorf("%s answers a repeat with %d", d.name, got)
		}
	}
}

// swap exchanges letters and digits, so that a signature keeps its form.
func swap(r rune) rune {
	switch {
	case r >= '1' && r <= '9':
		return '1' + ('9' - r)
	case r >= 'a' && r <= 'e':
		return 'a' + ('e' - r)
	}
	return r
}

// flood sends bodies that are too large as they are or once unpacked. They are signed rightly: the size alone is wrong.
func (s *besieged) flood(d door, all scores) {
	now, address := time.Now(), attackBase+d.path()
	large := append(d.event(4), bytes.Repeat([]byte(" "), webhook.MaxBody)...)
	for _, body := range []io.Reader{bytes.NewReader(large), io.MultiReader(bytes.NewReader(large))} { // the second tells no length
		got := s.post(d, http.MethodPost, d.sign(d.key, address, large, now), body)
		if all.count(d, "oversized", got == http.StatusRequestEntityTooLarge || got == 0); got != http.StatusRequestEntityTooLarge && got != 0 {
			s.t.Errorf("%s answers %d bytes with %d", d.name, len(large), got)
		}
	}
	packed := []struct {
		as   string
		body []byte
	}{{"gzip", bomb()}, {"gzip", bomb()[:2000]}, {"gzip", []byte("\x1f\x8b\x08 no gzip")}, {"gzip, gzip", zip(bomb())}, {"br", bomb()}, {"zstd", bomb()}, {"deflate", bomb()}}
	var was, is runtime.MemStats
	runtime.ReadMemStats(&was)
	for _, p := range packed {
		h := d.sign(d.key, address, p.body, now)
		h.Set("Content-Encoding", p.as)
		got := s.post(d, http.MethodPost, h, bytes.NewReader(p.body))
		if all.count(d, "bombs", got >= 400 && got < 500); got < 400 || got >= 500 {
			s.t.Errorf("%s answers a packed body (%s) with %d", d.name, p.as, got)
		}
	}
	runtime.ReadMemStats(&is)
	if each := (is.TotalAlloc - was.TotalAlloc) / uint64(len(packed)); each > 8<<20 {
		s.t.Errorf("%s: a packed body of 64 MiB takes %d MiB of memory", d.name, each>>20)
	}
}

// bomb is 64 MiB of nothing in 64 KiB.
var bomb = sync.OnceValue(func() []byte { return zip(make([]byte, 64<<20)) })

func zip(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	_, _ = z.Write(b)
	_ = z.Close()
	return out.Bytes()
}

// mangle sends what is no proper HTTP, or goes to no proper address.
func (s *besieged) mangle(d door, all scores) {
	body := string(d.event(5))
	for _, raw := range []string{
		"POST " + d.path() + "\r\n\r\n",
		"POST " + d.path() + " HTTP/1.1\r\n\r\n",
		"POST " + d.path() + " HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
		"POST " + d.path() + " HTTP/1.1\r\nHost: a\r\nX-Large: " + strings.Repeat("x", 64<<10) + "\r\n\r\n",
		"POST " + d.path() + " HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n" + body,
		"POST " + d.path() + " HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n" + body,
		"POST " + d.path() + " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + body,
		"POST " + d.path() + " HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n" + body,
		"POST " + d.path() + " HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"POST " + d.path() + "/../" + d.name + " HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
		"POST " + d.path() + "/ HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
		"POST /" + d.path() + " HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
		"POST " + d.path() + "%00 HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
		"POST " + d.path() + "%zz HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
		"GARBAGE\x00\xff\r\n\r\n",
	} {
		conn, err := net.Dial("tcp", s.Addr())
		if err != nil {
			s.t.Fatal(err)
		}
		_, _ = io.WriteString(conn, raw)
		_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
		line := make([]byte, 12)
		n, _ := io.ReadFull(conn, line)
		_ = conn.Close()
		held := n == 0 || strings.HasPrefix(string(line), "HTTP/1.1 4") || strings.HasPrefix(string(line), "HTTP/1.1 50") && strings.Contains(raw, "identity")
		if all.count(d, "broken HTTP", held); !held {
			s.t.Errorf("%s answers %.60q with %q", d.name, raw, line[:n])
		}
	}
}

// litter sends bodies that hold nothing, rightly signed.
func (s *besieged) litter(d door, all scores) {
	for _, body := range []string{"{", "}", "null", "[]", "{}", "[[]]", `"text"`, "42", "1e999", "true", strings.Repeat("[", 100_000), strings.Repeat(`{"a":`, 20_000),
		strings.Repeat(`[{"id":`, 20_000), strings.Repeat("9", 200_000), "\x00", "\xff\xfe\xfd", "{\"id\":\"\",\"text\":\"\xff\"}", `{"id":null,"text":{"a":[]}}`, `{"object":"page","entry":"none"}`,
		`{"object":"page","entry":[{"changes":[null,1,"a",[]]}]}`, `{"data":[],"detail":7,"payload":[]}`, `[{"eventId":{},"portalId":[],"subscriptionType":7}]`,
		`<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "b">]><a>&b;</a>`, "signed_request=a.b", "a=%zz&b", `{"detail":{"payload":{"ChangeEventHeader":null}}}`,
		"{\"__proto__\":{},\"constructor\":1}", strings.Repeat("x", 900<<10)} {
		got := s.genuine(d, []byte(body), time.Now())
		held := got == http.StatusOK || got >= 400 && got < 500
		if all.count(d, "garbage", held); !held {
			s.t.Errorf("%s answers %.40q with %d", d.name, body, got)
		}
	}
}

// late is how a slow call ended.
type late struct {
	door door
	held bool
}

// slow opens calls that never end: their headers, or their bodies. The home has to end them itself.
func (s *besieged) slow() <-chan late {
	out := make(chan late, 2*len(s.doors))
	var calls sync.WaitGroup
	for _, d := range s.doors {
		head := "POST " + d.path() + " HTTP/1.1\r\nHost: a\r\n"
		for _, raw := range []string{head + "X-Slow: 1\r\n", head + "Content-Length: 1000\r\n\r\n{"} {
			conn, err := net.Dial("tcp", s.Addr())
			if err != nil {
				s.t.Fatal(err)
			}
			calls.Go(func() {
				defer func() { _ = conn.Close() }()
				_, _ = io.WriteString(conn, raw)
				_ = conn.SetReadDeadline(time.Now().Add(time.Minute))
				answer, err := io.ReadAll(conn)
				held := err == nil && (len(answer) == 0 || strings.HasPrefix(string(answer), "HTTP/1.1 4"))
				if !held {
					s.t.Errorf("%s: a call that never ends got %q, %v", d.name, answer, err)
				}
				out <- late{d, held}
			})
		}
	}
	go func() { calls.Wait(); close(out) }()
	return out
}

// table shows the counts: how many calls of a kind had no effect, of how many.
func table(doors []door, all scores) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| receiver | %s |\n|---|%s\n", strings.Join(attacks, " | "), strings.Repeat("---|", len(attacks)))
	sums := scores{}
	row := func(name string, of map[string]*score) {
		fmt.Fprintf(&b, "| %s |", name)
		for _, attack := range attacks {
			if n := of[attack]; n != nil {
				fmt.Fprintf(&b, " %d of %d |", n.held, n.sent)
			} else {
				b.WriteString(" – |")
			}
		}
		b.WriteString("\n")
	}
	for _, d := range doors {
		row(d.name, all[d.name])
		for _, attack := range attacks {
			for i := 0; all[d.name][attack] != nil && i < all[d.name][attack].sent; i++ {
				sums.count(door{name: "all"}, attack, i < all[d.name][attack].held)
			}
		}
	}
	row("all", sums["all"])
	return b.String()
}

// publish compares the table with the one in docs/security.md, or writes it there.
func publish(t *testing.T, table string) {
	t.Helper()
	path := filepath.Join("..", "..", "docs", "security.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- counted by go test ./shared/localrun -run TestAttacks -update -->\n", "<!-- end -->"
	head, rest, found := strings.Cut(string(text), begin)
	old, tail, closed := strings.Cut(rest, end)
	switch {
	case !found || !closed:
		t.Fatal("docs/security.md has no place for the table")
	case old == table:
	case *update:
		if err := os.WriteFile(path, []byte(head+begin+table+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("the table in docs/security.md is out of date: go test ./shared/localrun -run TestAttacks -update\n%s", table)
	}
}
