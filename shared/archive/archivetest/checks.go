package archivetest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"rapport/shared/archive"
	"rapport/shared/fault"
)

func writeAndRead(ctx context.Context, b bench) error {
	for _, n := range []int{1, 2, 100} {
		batch := b.batch(fmt.Sprintf("b%d", n), noon, n)
		ref, err := b.write(ctx, batch)
		if err != nil {
			return err
		}
		if err := b.holds(ctx, ref, batch); err != nil {
			return err
		}
	}
	bare := archive.Batch{Account: b.account, At: noon, ID: "bare", Entries: []archive.Entry{{Line: "l", Account: b.account, At: noon}}}
	ref, err := b.write(ctx, bare)
	if err != nil {
		return err
	}
	return b.holds(ctx, ref, bare)
}

func bytesAsTheyAre(ctx context.Context, b bench) error {
	every := make([]byte, 256)
	for i := range every {
		every[i] = byte(i)
	}
	batch := b.batch("bytes", noon.Add(123456789), 1)
	odd := []string{"", "\x00", "\n", "{}\n{}", "\xff\xfe", string(every), `{"a": 1 , "b":"` + "\u2028" + `<>&"}`, strings.Repeat("\n", 1000), "not json"}
	for _, text := range odd {
		batch.Entries = append(batch.Entries, archive.Entry{
			Line: "line \"\\\n" + "👩‍👩‍👧", Account: b.account, At: noon.In(time.FixedZone("", 3600)),
			Mention: "x:<&>\u2028", Author: "x:\u0000a", Headers: []string{"A: b\tc", ""},
			Raw: []byte(text), Inputs: []byte(text + text), Decision: []byte(text), Previous: []byte(text),
		})
	}
	ref, err := b.write(ctx, batch)
	if err != nil {
		return err
	}
	return b.holds(ctx, ref, batch)
}

func writtenAgain(ctx context.Context, b bench) error {
	first, second := b.batch("again", noon, 3), b.batch("again", noon, 2)
	second.Entries[0].Raw = []byte("changed")
	one, err := b.write(ctx, first)
	if err != nil {
		return err
	}
	two, err := b.write(ctx, second)
	if err != nil {
		return err
	}
	if one != two {
		return fmt.Errorf("the same batch written again has reference %q, before %q", two, one)
	}
	if err := b.holds(ctx, one, second); err != nil {
		return err
	}
	return b.lists(ctx, time.Time{}, time.Time{}, one)
}

func notThere(ctx context.Context, b bench) error {
	batch := b.batch("gone", noon, 1)
	ref, err := b.write(ctx, batch)
	if err != nil {
		return err
	}
	if err := b.Rewrite(ctx, ref, func(archive.Entry) bool { return true }); err != nil {
		return fmt.Errorf("rewrite: %w", err)
	}
	if err := b.absent(ctx, ref); err != nil {
		return err
	}
	if err := b.Rewrite(ctx, ref, func(archive.Entry) bool { return true }); err != nil {
		return fmt.Errorf("rewrite of what is not there: %w", err)
	}
	for _, forged := range []string{"", "x", "../../etc/passwd", "a/b/c", ref + "/..", "../" + ref, ref + "x/y"} {
		if _, err := b.Read(ctx, forged); !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.NotFound) {
			return fmt.Errorf("read of the forged reference %q gave %v, want Invalid or NotFound", forged, err)
		}
	}
	account := b
	account.account += " unused"
	return account.lists(ctx, time.Time{}, time.Time{})
}

func impossible(ctx context.Context, b bench) error {
	nameless, homeless, mixed := b.batch("", noon, 1), b.batch("x", noon, 1), b.batch("x", noon, 2)
	homeless.Account, homeless.Entries = "", nil
	mixed.Entries[1].Account += "2"
	for what, batch := range map[string]archive.Batch{"a batch without id": nameless, "a batch without account": homeless, "a batch of two accounts": mixed} {
		_, err := b.Write(ctx, batch)
		if err := refused(what, err, fault.Invalid); err != nil {
			return err
		}
	}
	return nil
}

func anyName(ctx context.Context, b bench) error {
	texts := []string{".", "..", "../..", "a/b", `a\b`, "CON", "a", "A", "a ", " a", "a\x00b", "a\nb", "ä", "a\u0308", "\xff", "=41", "a~", "%2e",
		strings.Repeat("long", 300) + "1", strings.Repeat("long", 300) + "2", "a:b*c?", "💬"}
	refs := map[string]string{}
	for _, text := range texts {
		account := b
		account.account += text
		batch := account.batch("id"+text, noon, 1)
		// JSON, in which some drivers keep names, has no invalid UTF-8.
		batch.Account, batch.ID = strings.ToValidUTF8(batch.Account, "?"), strings.ToValidUTF8(batch.ID, "?")
		batch.Entries[0].Account, batch.Entries[0].Line = batch.Account, "l"
		account.account = batch.Account
		ref, err := account.write(ctx, batch)
		if err != nil {
			return err
		}
		if other, taken := refs[ref]; taken {
			return fmt.Errorf("%q and %q share the reference %q", text, other, ref)
		}
		refs[ref] = text
		if err := account.holds(ctx, ref, batch); err != nil {
			return err
		}
		if err := account.lists(ctx, noon, noon.Add(1), ref); err != nil {
			return fmt.Errorf("account %q: %w", text, err)
		}
	}
	return nil
}

func accountsApart(ctx context.Context, b bench) error {
	var want []string
	names := []string{b.account, b.account + "2", b.account + "/", strings.ToUpper(b.account) + "x", strings.ToLower(b.account) + "x"}
	for _, name := range names {
		account := bench{b.Archive, name}
		ref, err := account.write(ctx, account.batch("same", noon, 1))
		if err != nil {
			return err
		}
		want = append(want, ref)
	}
	for i, name := range names {
		account := bench{b.Archive, name}
		if err := account.lists(ctx, time.Time{}, time.Time{}, want[i]); err != nil {
			return fmt.Errorf("account %q: %w", name, err)
		}
		if err := account.holds(ctx, want[i], account.batch("same", noon, 1)); err != nil {
			return err
		}
	}
	return nil
}

// times lie around the edges of seconds, days and years, in order.
var times = []time.Time{
	time.Date(1999, 12, 31, 23, 59, 59, 999999999, time.UTC), time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
	noon.Add(-24 * time.Hour), noon, noon.Add(1), noon.Add(time.Millisecond), noon.Add(time.Second),
	time.Date(2026, 3, 15, 0, 30, 0, 0, time.FixedZone("", 3600)), // still the 14th in UTC
	time.Date(2026, 3, 14, 23, 59, 59, 0, time.UTC), time.Date(2026, 3, 15, 0, 0, 0, 0, time.UTC), time.Date(2031, 1, 1, 9, 0, 0, 0, time.UTC),
}

// timed writes a batch at each of the times, in a mixed order, and gives the references in time order.
func (b bench) timed(ctx context.Context) ([]string, error) {
	refs := make([]string, len(times))
	for k := range times {
		i := k * 7 % len(times)
		ref, err := b.write(ctx, b.batch(fmt.Sprintf("t%d", (i*5)%len(times)), times[i], 1))
		if err != nil {
			return nil, err
		}
		refs[i] = ref
	}
	return refs, nil
}

func listInOrder(ctx context.Context, b bench) error {
	refs, err := b.timed(ctx)
	if err != nil {
		return err
	}
	return b.lists(ctx, time.Time{}, time.Time{}, refs...)
}

func listRange(ctx context.Context, b bench) error {
	refs, err := b.timed(ctx)
	if err != nil {
		return err
	}
	for from := range times {
		if err := b.lists(ctx, times[from], time.Time{}, refs[from:]...); err != nil {
			return err
		}
		for to := range times {
			if err := b.lists(ctx, times[from], times[to], refs[min(from, to):to]...); err != nil {
				return err
			}
		}
	}
	return b.lists(ctx, noon.Add(-time.Hour), noon.Add(500*time.Millisecond), refs[3:6]...)
}

func listEndsEarly(ctx context.Context, b bench) error {
	refs, err := b.timed(ctx)
	if err != nil {
		return err
	}
	for ref, err := range b.List(ctx, b.account, time.Time{}, time.Time{}) {
		if err != nil || ref != refs[0] {
			return fmt.Errorf("list began with %q (%v), want %q", ref, err, refs[0])
		}
		break
	}
	var left []string // rewriting while walking, as an erasure does
	for ref, err := range b.List(ctx, b.account, time.Time{}, time.Time{}) {
		if err != nil {
			return fmt.Errorf("list: %w", err)
		}
		if err := b.Rewrite(ctx, ref, func(archive.Entry) bool { return true }); err != nil {
			return fmt.Errorf("rewrite while listing: %w", err)
		}
		left = append(left, ref)
	}
	if !slices.Equal(left, refs) {
		return fmt.Errorf("a walk that rewrites saw %q, want %q", left, refs)
	}
	return b.lists(ctx, time.Time{}, time.Time{})
}

func rewrite(ctx context.Context, b bench) error {
	batch := b.batch("rewrite", noon, 9)
	ref, err := b.write(ctx, batch)
	if err != nil {
		return err
	}
	neighbour := b.batch("neighbour", noon, 3)
	beside, err := b.write(ctx, neighbour)
	if err != nil {
		return err
	}
	whole := true
	err = b.Rewrite(ctx, ref, func(e archive.Entry) bool {
		whole = whole && len(e.Raw) > 0 && len(e.Inputs) > 0 && len(e.Decision) > 0 && len(e.Previous) > 0 && e.Mention != ""
		return e.Author == "mastodon:author-1"
	})
	if err != nil {
		return fmt.Errorf("rewrite: %w", err)
	}
	if !whole {
		return fmt.Errorf("rewrite does not show the whole entry")
	}
	want := batch
	want.Entries = slices.DeleteFunc(slices.Clone(batch.Entries), func(e archive.Entry) bool { return e.Author == "mastodon:author-1" })
	if err := b.holds(ctx, ref, want); err != nil {
		return err
	}
	if err := b.holds(ctx, beside, neighbour); err != nil {
		return err
	}
	sorted := []string{ref, beside}
	slices.Sort(sorted)
	return b.lists(ctx, noon, noon.Add(1), sorted...)
}

func rewriteToNothing(ctx context.Context, b bench) error {
	ref, err := b.write(ctx, b.batch("empty", noon, 4))
	if err != nil {
		return err
	}
	if err := b.Rewrite(ctx, ref, func(archive.Entry) bool { return true }); err != nil {
		return fmt.Errorf("rewrite: %w", err)
	}
	if err := b.absent(ctx, ref); err != nil {
		return err
	}
	return b.lists(ctx, time.Time{}, time.Time{})
}

func rewriteWithoutNeed(ctx context.Context, b bench) error {
	batch := b.batch("kept", noon, 4)
	ref, err := b.write(ctx, batch)
	if err != nil {
		return err
	}
	if err := b.Rewrite(ctx, ref, func(archive.Entry) bool { return false }); err != nil {
		return fmt.Errorf("rewrite: %w", err)
	}
	return b.holds(ctx, ref, batch)
}

func rewritesAtOnce(ctx context.Context, b bench) error {
	const n = 20
	ref, err := b.write(ctx, b.batch("erased", noon, n+1))
	if err != nil {
		return err
	}
	errs := make([]error, n)
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			mention := fmt.Sprintf("mastodon:%d", i)
			errs[i] = b.Rewrite(ctx, ref, func(e archive.Entry) bool { return e.Mention == mention })
		})
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return fmt.Errorf("rewrite: %w", err)
		}
	}
	want := b.batch("erased", noon, n+1)
	want.Entries = want.Entries[n:]
	if err := b.holds(ctx, ref, want); err != nil {
		return fmt.Errorf("after %d rewrites at once: %w", n, err)
	}
	return nil
}

func writesAtOnce(ctx context.Context, b bench) error {
	const n = 20
	refs, errs := make([]string, n), make([]error, n)
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			refs[i], errs[i] = b.Write(ctx, b.batch(fmt.Sprintf("w%02d", i), noon.Add(time.Duration(i)), 1+i%4))
		})
	}
	wait.Wait()
	for i := range n {
		if errs[i] != nil {
			return fmt.Errorf("write: %w", errs[i])
		}
		if err := b.holds(ctx, refs[i], b.batch(fmt.Sprintf("w%02d", i), noon.Add(time.Duration(i)), 1+i%4)); err != nil {
			return err
		}
	}
	return b.lists(ctx, noon, noon.Add(n), refs...)
}

func ownData(ctx context.Context, b bench) error {
	batch, want := b.batch("own", noon, 2), b.batch("own", noon, 2)
	ref, err := b.write(ctx, batch)
	if err != nil {
		return err
	}
	clear(batch.Entries[0].Raw)
	batch.Entries[1].Headers[0] = "changed"
	got, err := b.Read(ctx, ref)
	if err != nil {
		return err
	}
	got.Entries[0].Raw = append(got.Entries[0].Raw, "xxxxxxxxxxxxxxxx"...)
	if err := same(archive.Batch{Account: got.Account, At: got.At, ID: got.ID, Entries: got.Entries[1:]},
		archive.Batch{Account: want.Account, At: want.At, ID: want.ID, Entries: want.Entries[1:]}); err != nil {
		return fmt.Errorf("appending to one part of an answer changes another: %w", err)
	}
	clear(got.Entries[1].Inputs)
	if err := b.holds(ctx, ref, want); err != nil {
		return fmt.Errorf("the caller's changes reach the archive: %w", err)
	}
	return nil
}

func largeBatch(ctx context.Context, b bench) error {
	batch := b.batch("large", noon, 100)
	for i := range batch.Entries {
		batch.Entries[i].Raw = bytes.Repeat([]byte{byte(i), byte(i * 7), 'x', '\n'}, 10<<10) // 40 KiB each
	}
	ref, err := b.write(ctx, batch)
	if err != nil {
		return err
	}
	return b.holds(ctx, ref, batch)
}

func cancelled(ctx context.Context, b bench) error {
	ref, err := b.write(ctx, b.batch("kept", noon, 1))
	if err != nil {
		return err
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	_, err = b.Write(over, b.batch("never", noon, 1))
	if err := refused("write after the context's end", err, fault.Transient); err != nil {
		return err
	}
	_, err = b.Read(over, ref)
	if err := refused("read after the context's end", err, fault.Transient); err != nil {
		return err
	}
	err = b.Rewrite(over, ref, func(archive.Entry) bool { return true })
	if err := refused("rewrite after the context's end", err, fault.Transient); err != nil {
		return err
	}
	err = nil
	for _, err = range b.List(over, b.account, time.Time{}, time.Time{}) {
		break
	}
	if err := refused("list after the context's end", err, fault.Transient); err != nil {
		return err
	}
	return b.lists(ctx, time.Time{}, time.Time{}, ref)
}
