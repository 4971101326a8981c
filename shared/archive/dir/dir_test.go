package dir_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"rapport/shared/archive"
	"rapport/shared/archive/archivetest"
	"rapport/shared/archive/dir"
	"rapport/shared/fault"
)

func open(t testing.TB, o dir.Options) *dir.Archive {
	t.Helper()
	a, err := dir.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestArchive(t *testing.T) {
	archivetest.Run(t, archivetest.Harness{New: func(t testing.TB) archive.Archive {
		return open(t, dir.Options{Root: filepath.Join(t.TempDir(), "deep", "archive")})
	}})
}

func TestArchiveWithoutSync(t *testing.T) {
	archivetest.Run(t, archivetest.Harness{New: func(t testing.TB) archive.Archive {
		return open(t, dir.Options{Root: t.TempDir(), NoSync: true})
	}})
}

var at = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

func batch(id string) archive.Batch {
	return archive.Batch{Account: "nordlicht", At: at, ID: id, Entries: []archive.Entry{
		{Line: id + "-0", Account: "nordlicht", At: at, Raw: []byte("the text of a post")}, {Line: id + "-1", Account: "nordlicht", At: at}}}
}

func TestLayout(t *testing.T) {
	root := t.TempDir()
	a := open(t, dir.Options{Root: root})
	ref, err := a.Write(context.Background(), batch("b7"))
	if err != nil || ref != "nordlicht/2026-03-14/120000.000000000-b7" {
		t.Fatalf("write gave %q, %v", ref, err)
	}
	info, err := os.Stat(filepath.Join(root, "nordlicht", "2026-03-14", "120000.000000000-b7.zst"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the file may be read by others: %v", info.Mode())
	}
	if left, err := os.ReadDir(filepath.Join(root, ".tmp")); err != nil || len(left) != 0 {
		t.Errorf(".tmp holds %v (%v), want nothing", left, err)
	}
}

// What a rewrite dropped must be in no file of the folder any more.
func TestRewriteLeavesNoTrace(t *testing.T) {
	root := t.TempDir()
	a := open(t, dir.Options{Root: root})
	ref, err := a.Write(context.Background(), batch("b"))
	if err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(root, ".tmp", "batch-killed") // a process died while writing, an hour ago
	if err := os.WriteFile(old, []byte("half a batch"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(old, time.Time{}, time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	fresh := filepath.Join(root, ".tmp", "batch-now") // another write is under way
	if err := os.WriteFile(fresh, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := a.Rewrite(context.Background(), ref, func(e archive.Entry) bool { return e.Line == "b-0" }); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(old); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the unfinished file of a killed process is still there (%v)", err)
	}
	if _, err := os.Stat(fresh); err != nil {
		t.Errorf("a file being written was removed: %v", err)
	}
	var codec archive.Codec
	_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path == fresh {
			return err
		}
		object, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		b, err := codec.Decode(object)
		if err != nil {
			t.Errorf("%s: %v", path, err)
		}
		for _, e := range b.Entries {
			if strings.Contains(string(e.Raw), "the text of a post") {
				t.Errorf("%s still holds the erased text", path)
			}
		}
		return nil
	})
}

func TestDamage(t *testing.T) {
	root := t.TempDir()
	a := open(t, dir.Options{Root: root})
	ref, err := a.Write(context.Background(), batch("b"))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, filepath.FromSlash(ref)+".zst")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(whole)
	flipped[len(flipped)/2] ^= 1
	for name, object := range map[string][]byte{"empty": {}, "cut": whole[:len(whole)-3], "flipped": flipped, "foreign": []byte("hello")} {
		if err := os.WriteFile(path, object, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Read(context.Background(), ref); !fault.Is(err, fault.Invalid) {
			t.Errorf("a file that is %s gives %v, want Invalid", name, err)
		}
		if err := a.Rewrite(context.Background(), ref, func(archive.Entry) bool { return true }); !fault.Is(err, fault.Invalid) {
			t.Errorf("rewriting a file that is %s gives %v, want Invalid", name, err)
		}
	}
}

func TestForeignFilesAreNotListed(t *testing.T) {
	root := t.TempDir()
	a := open(t, dir.Options{Root: root})
	ref, err := a.Write(context.Background(), batch("b"))
	if err != nil {
		t.Fatal(err)
	}
	day := filepath.Join(root, "nordlicht", "2026-03-14")
	for _, name := range []string{".DS_Store", "notes.txt", "120000.000000000-b.zst.bak", "120000.000000000-B.zst"} {
		if err := os.WriteFile(filepath.Join(day, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for ref, err := range a.List(context.Background(), "nordlicht", time.Time{}, time.Time{}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, ref)
	}
	if len(got) != 1 || got[0] != ref {
		t.Errorf("list gave %q, want only %q", got, ref)
	}
}

func TestFullOrForbiddenFolderPasses(t *testing.T) {
	root := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(root, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, dir.Options{Root: root}).Write(context.Background(), batch("b")); !fault.Is(err, fault.Transient) {
		t.Errorf("writing into what is no folder gives %v, want Transient", err)
	}
	if _, err := dir.New(dir.Options{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("an archive without folder gives %v, want Invalid", err)
	}
}

// realistic makes 100 entries of about 1.3 KB raw, 2 KB inputs and 2 KB decision. As in life, ids and the text differ from
// entry to entry, the text comes again in inputs and decision, and the rest is the same words in the same order.
func realistic() archive.Batch {
	rnd := rand.New(rand.NewPCG(1, 2))
	words := strings.Fields("the delivery came late again and nobody answers since three weeks my order is broken support please help thanks great service love it camera lens shop refund parcel box damaged")
	text := func(n int) string {
		var b strings.Builder
		for b.Len() < n {
			b.WriteString(words[rnd.IntN(len(words))] + " ")
		}
		return b.String()[:n]
	}
	num := func() string { return strconv.FormatUint(rnd.Uint64(), 10) }
	b := archive.Batch{Account: "nordlicht", At: at, ID: "bench"}
	for i := range 100 {
		post, id, author, name, bio := text(240), num(), num(), text(16), text(160)
		raw := `{"id":"` + id + `","created_at":"2026-03-14T12:00:00.000Z","in_reply_to_id":null,"in_reply_to_account_id":null,"sensitive":false,"spoiler_text":"","visibility":"public","language":"en","uri":"https://social.example/users/` + author + `/statuses/` + id + `","url":"https://social.example/@` + author + `/` + id + `","replies_count":0,"reblogs_count":3,"favourites_count":17,"edited_at":null,"content":"<p>` + post + `</p>","reblog":null,"account":{"id":"` + author + `","username":"` + author + `","acct":"` + author + `@social.example","display_name":"` + name + `","locked":false,"bot":false,"discoverable":true,"group":false,"created_at":"2022-11-05T00:00:00.000Z","note":"` + bio + `","url":"https://social.example/@` + author + `","avatar":"https://files.social.example/avatars/` + author + `.png","header":"https://files.social.example/headers/` + author + `.png","followers_count":123,"following_count":77,"statuses_count":4821,"last_status_at":"2026-03-14","emojis":[],"fields":[]},"media_attachments":[],"mentions":[{"id":"1","username":"nordlicht","url":"https://social.example/@nordlicht","acct":"nordlicht"}],"tags":[],"emojis":[],"card":null,"poll":null}`
		known := `{"id":"mastodon:` + author + `","network":"mastodon","handle":"@` + author + `@social.example","name":"` + name + `","bio":"` + bio + `","followers":123,"url":"https://social.example/@` + author + `","first":"2026-01-02T10:11:12Z"}`
		conversation := `{"id":"nordlicht-mastodon/` + id + `/mastodon:` + author + `","account":"nordlicht-mastodon","brand":"nordlicht","author":"mastodon:` + author + `","status":"open","due":"2026-03-14T16:00:00Z","mentions":["mastodon:` + id + `"],"last":"` + post[:120] + `","opened":"2026-03-14T12:00:00Z"}`
		inputs := `{"now":"2026-03-14T12:00:00Z","config":"sha256:5bd1bd5ac4f2e3","model":"2026-02","event":{"id":"mastodon:` + id + `#new#` + num() + `","verb":"new","account":"nordlicht-mastodon","network":"mastodon","mention":{"id":"mastodon:` + id + `","kind":"post","direction":"in","text":"` + post + `","lang":"en","url":"https://social.example/@` + author + `/` + id + `","at":"2026-03-14T12:00:00Z","author":` + known + `,"root":"mastodon:` + id + `","likes":17,"shares":3,"visibility":"public","to":["mastodon:1"]},"received":"2026-03-14T12:00:01Z"},"source":"live","known":` + known + `,"seen":{"mentions":3,"reactions":1.5,"relevant":2.25,"last":"2026-03-01T08:00:00Z"},"conversation":` + conversation + `,"may_match":"strong keys","may_score":true}`
		decision := `{"outcome":"mention","lang":"en","sentiment":"negative","polarity":-0.62,"complaint":true,"severity":2,"intents":["complaint","delivery"],"confidence":0.81,"words":["-late","-broken","-nobody"],"pii":["order_number"],"safe":"` + post + `","score":{"value":42,"parts":{"reach":10,"history":12,"topic":20},"rule":"2026-02"},"seen":{"mentions":4,"reactions":1.4,"relevant":3.2,"last":"2026-03-14T12:00:00Z"},"department":"service","route":"complaints in English","priority":"high","due":"2026-03-14T16:00:00Z","action":"open_case","why":"a complaint of severity 2 by an author with three earlier mentions","runner_up":"reply_public","forbidden":["send_to_sales","thank"],"urgent":true,"conversation":` + conversation + `,"receipts":[{"of":"language","say":"English: the, and, is, my"},{"of":"sentiment","say":"negative: late, broken, nobody answers"},{"of":"complaint","say":"complaint: «broken», «three weeks»"},{"of":"intent","say":"complaint before delivery"},{"of":"personal data","say":"order number, redacted in public fields"},{"of":"identity","say":"no strong key, the author stays a stranger"},{"of":"score","say":"42 = reach 10 + history 12 + topic 20, half-life 30 days"},{"of":"route","say":"rule «complaints in English» sends it to service"},{"of":"action","say":"open_case: severity 2 and no open case; next best reply_public"}]}`
		b.Entries = append(b.Entries, archive.Entry{Line: "r" + num() + "#" + strconv.Itoa(i), Account: "nordlicht", At: at, Mention: "mastodon:" + id, Author: "mastodon:" + author,
			Raw: []byte(raw), Inputs: []byte(inputs), Decision: []byte(decision)})
	}
	return b
}

func BenchmarkWrite(b *testing.B) {
	for _, noSync := range []bool{false, true} {
		b.Run("nosync="+strconv.FormatBool(noSync), func(b *testing.B) {
			a := open(b, dir.Options{Root: b.TempDir(), NoSync: noSync})
			batch := realistic()
			size := 0
			for _, e := range batch.Entries {
				size += len(e.Raw) + len(e.Inputs) + len(e.Decision)
			}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := a.Write(context.Background(), batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(len(batch.Entries)), "µs/entry")
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	var codec archive.Codec
	batch := realistic()
	var object []byte
	b.ReportAllocs()
	for b.Loop() {
		object, _ = codec.Encode(batch)
	}
	b.ReportMetric(float64(len(object))/float64(len(batch.Entries)), "B/entry")
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(len(batch.Entries)), "µs/entry")
}
