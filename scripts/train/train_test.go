package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"rapport/scripts/train/corpus"
	"rapport/shared/decide/text"
)

// bare is a text without what a typist or a template varies: small letters alone.
func bare(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, text)
}

// measured gives all texts of this repository by which the readers are measured.
func measured(t *testing.T) map[string]string {
	t.Helper()
	const dir = "../../shared/decide/text/testdata/"
	out := map[string]string{}
	var posts []corpus.Post
	for _, name := range []string{"heldback.txt", "heldback-second.txt"} {
		b, err := os.ReadFile(dir + name)
		if err != nil {
			t.Fatal(err)
		}
		more, err := corpus.Parse(name, b)
		if err != nil {
			t.Fatal(err)
		}
		posts = append(posts, more...)
	}
	for _, name := range []string{"posts.jsonl", "unseen.jsonl"} {
		b, err := os.ReadFile(dir + name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(b) {
			var p corpus.Post
			if err := json.Unmarshal(line, &p); err != nil {
				t.Fatal(err)
			}
			posts = append(posts, p)
		}
	}
	for _, p := range posts {
		if k := bare(p.Text); len(k) >= 12 { // "ok" and emoji are said by everybody
			out[k] = p.Text
		}
	}
	if len(out) < 450 {
		t.Fatalf("only %d texts to measure by", len(out))
	}
	return out
}

func TestNothingMeasuredIsTrainedWith(t *testing.T) {
	kept := measured(t)
	hand, more, err := gather()
	if err != nil {
		t.Fatal(err)
	}
	if len(hand) < 1000 || len(more) < 5000 {
		t.Fatalf("%d and %d posts: the data are not whole", len(hand), len(more))
	}
	check := func(where, text string) {
		if have, ok := kept[bare(text)]; ok {
			t.Errorf("%s trains with what is measured by: %q", where, have)
		}
	}
	for _, p := range hand {
		check("a post by hand", p.Text)
	}
	for _, p := range more {
		check("a made post", p.Text)
	}
	for _, name := range []string{"data/sentences.txt", "data/words-de.txt"} {
		b, err := own.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			check(name, line)
			if _, text, ok := strings.Cut(line, "\t"); ok {
				check(name, text)
			}
		}
	}
}

func TestTheSamePostsEachTime(t *testing.T) {
	_, a, err := gather()
	if err != nil {
		t.Fatal(err)
	}
	_, b, err := gather()
	if err != nil {
		t.Fatal(err)
	}
	for i := range a {
		if a[i].Text != b[i].Text {
			t.Fatalf("post %d: %q, then %q", i, a[i].Text, b[i].Text)
		}
	}
}

func TestDataIsListed(t *testing.T) {
	list, err := os.ReadFile("../../DATA.md")
	if err != nil {
		t.Fatal(err)
	}
	err = fs.WalkDir(own, "data", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := own.ReadFile(path)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(b)
		if want := hex.EncodeToString(sum[:]); !strings.Contains(string(list), "scripts/train/"+filepath.ToSlash(path)) || !strings.Contains(string(list), want) {
			t.Errorf("DATA.md does not list %s with SHA-256 %s", path, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What a post about anything shows is no attitude to a brand.
func TestToneInGeneral(t *testing.T) {
	hand, _, err := gather()
	if err != nil {
		t.Fatal(err)
	}
	tones := map[string]int{}
	for _, p := range hand {
		if p.Intents[0] == "chatter" && p.Sentiment != "neutral" {
			t.Errorf("%q: chatter, and %s toward the brand", p.Text, p.Sentiment)
		}
		tones[p.Tone]++
	}
	for _, tone := range []string{"positive", "neutral", "negative"} {
		if tones[tone] < 200 {
			t.Errorf("%d posts of tone %s", tones[tone], tone)
		}
	}
}

// Training may lean on one kind of evidence for the main intent; here it must find that the strongest output is it.
func TestStackFindsTheMainIntent(t *testing.T) {
	var w text.Weights
	for o := range w.Slope {
		w.Slope[o] = 1
	}
	var data []example
	var scores [][text.Outputs]float64
	for i := range 120 {
		p := corpus.Post{Intents: []string{"question"}, Department: "service", Family: "a"}
		var z [text.Outputs]float64
		for o := range z {
			z[o] = -3
		}
		at := 4 // the output for questions
		if i%3 == 0 {
			p.Intents, p.Department, at = []string{"purchase"}, "sales", 6
		}
		z[at] = 2
		data, scores = append(data, example{post: p, weight: 1}), append(scores, z)
	}
	data = append(data, example{post: corpus.Post{Intents: []string{"spam"}, Family: "b"}})
	scores = append(scores, [text.Outputs]float64{})
	m := fitStack(&w, data, scores, func(x *example) bool { return x.post.Family == "b" })
	var wide [text.Mains][text.StackWidth]float64
	for c := range m {
		for k, v := range m[c] {
			wide[c][k] = float64(v)
		}
	}
	for i := range 120 {
		var x [text.StackWidth]float64
		for k, v := range text.StackInput(&w, &scores[i], &data[i].dense) {
			x[k] = float64(v)
		}
		p, want := softmax(&wide, &x), text.MainOf(data[i].post.Intents[0], data[i].post.Department)
		if p[want] < 0.7 {
			t.Fatalf("post %d: %.2f for its main intent: %.2f", i, p[want], p)
		}
	}
}
