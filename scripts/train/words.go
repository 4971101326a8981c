package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"rapport/scripts/train/corpus"
	"rapport/shared/decide/text"
)

// fetched reads a set of other people's making and holds it against its hash in DATA.md.
func fetched(dir, name string) ([]byte, error) {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return nil, fmt.Errorf("%w: DATA.md says where %s comes from", err, name)
	}
	list, err := os.ReadFile("DATA.md")
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(b)
	want := hex.EncodeToString(sum[:])
	for line := range bytes.Lines(list) {
		if strings.Contains(string(line), "`"+name+"`") {
			if strings.Contains(string(line), want) {
				return b, nil
			}
			return nil, fmt.Errorf("%s has SHA-256 %s, not what DATA.md says", name, want)
		}
	}
	return nil, fmt.Errorf("%s is not in DATA.md", name)
}

// wordLists gives words of known tone as the shortest of posts; the outputs of sentiment and tone alone learn from them.
func wordLists(list []text.Polar) []corpus.Post {
	var out []corpus.Post
	for _, w := range list {
		if !telling(w.Word) {
			continue
		}
		p := corpus.Post{Text: w.Word, Lang: w.Lang, Kind: "post", Sentiment: "neutral", Weight: 0.3, Family: "words"}
		switch {
		case w.Tone > 0.8:
			p.Sentiment = "positive"
		case w.Tone < -0.8:
			p.Sentiment = "negative"
		}
		out = append(out, p)
	}
	return out
}

// toneWords reads the list of English words and the German one that was written here.
func toneWords(dir string) ([]text.Polar, error) {
	b, err := fetched(dir, "vader-lexicon.txt")
	if err != nil {
		return nil, err
	}
	var out []text.Polar
	for line := range strings.Lines(string(b)) {
		f := strings.Split(line, "\t")
		if len(f) < 2 {
			continue
		}
		tone, err := strconv.ParseFloat(f[1], 64)
		if err != nil {
			return nil, fmt.Errorf("vader-lexicon.txt: %w", err)
		}
		out = append(out, text.Polar{Lang: "en", Word: f[0], Tone: tone})
	}
	if b, err = own.ReadFile("data/words-de.txt"); err != nil {
		return nil, err
	}
	tone := 0.0
	for line := range strings.Lines(string(b)) {
		switch line = strings.TrimSpace(line); {
		case strings.HasPrefix(line, "#"):
		case line == "+":
			tone = 2
		case line == "-":
			tone = -2
		default:
			for w := range strings.FieldsSeq(line) {
				out = append(out, text.Polar{Lang: "de", Word: strings.ReplaceAll(w, "_", " "), Tone: tone})
			}
		}
	}
	return out, nil
}

// telling tells words and emoji from emoticons made of signs, digits and single letters, which the reader does not see as such.
func telling(word string) bool {
	letters := 0
	for _, r := range word {
		switch {
		case r >= '0' && r <= '9':
			return false
		case r > 0x7f:
			letters += 2
		case r|0x20 >= 'a' && r|0x20 <= 'z':
			letters++
		}
	}
	return letters > 2
}
