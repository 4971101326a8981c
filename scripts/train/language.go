package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"rapport/scripts/train/corpus"
	"rapport/shared/decide/language"
)

// spoken is a text with its language, as the model sees it.
type spoken struct {
	hashed []uint32
	table  [language.Codes]float32
	lang   int
}

// lines is text per language in the making of the language model.
type lines [language.Codes][]string

func (l *lines) add(code, text string) {
	for k := range l {
		if language.Code(k) == code && strings.TrimSpace(text) != "" {
			l[k] = append(l[k], text)
		}
	}
}

// collect reads everything that the language model learns from. part is only short pieces: words and pairs of words.
func collect(dir string) (whole, part lines, err error) {
	for k := range language.Codes {
		for _, kind := range []string{"sentences", "word-pairs", "single-words"} {
			b, err := fetched(dir, "lingua-"+kind+"-"+language.Code(k)+".txt")
			if err != nil {
				return whole, part, err
			}
			for line := range strings.Lines(string(b)) {
				if kind == "sentences" {
					whole.add(language.Code(k), strings.TrimSpace(line))
				} else {
					part.add(language.Code(k), strings.TrimSpace(line))
				}
			}
		}
	}
	b, err := fetched(dir, "germeval2018-training.txt")
	if err != nil {
		return whole, part, err
	}
	for line := range strings.Lines(string(b)) {
		text, _, _ := strings.Cut(line, "\t")
		whole.add("de", text)
	}
	if b, err = fetched(dir, "clinc150-full.json"); err != nil {
		return whole, part, err
	}
	var clinc map[string][][2]string
	if err := json.Unmarshal(b, &clinc); err != nil {
		return whole, part, err
	}
	for i, pair := range clinc["train"] {
		if i%5 == 0 {
			whole.add("en", pair[0])
		}
	}
	if b, err = own.ReadFile("data/sentences.txt"); err != nil {
		return whole, part, err
	}
	for line := range bytes.Lines(b) {
		if code, text, ok := strings.Cut(strings.TrimSpace(string(line)), "\t"); ok {
			for range 3 {
				whole.add(code, text)
			}
		}
	}
	hand, more, err := gather()
	for _, p := range slices.Concat(hand, more) {
		if p.Family == "press" || p.Industry != "template" {
			whole.add(p.Lang, p.Text)
		}
	}
	return whole, part, err
}

// perLanguage is how many texts of each language one round of training sees.
const perLanguage = 9000

func trainLanguage(dir string) ([]byte, error) {
	whole, part, err := collect(dir)
	if err != nil {
		return nil, err
	}
	chance := corpus.Chance(seed + 2)
	var data []spoken
	for k := range whole {
		fmt.Printf("language %s: %d texts, %d words and pairs\n", language.Code(k), len(whole[k]), len(part[k]))
		for range perLanguage {
			var text string
			if chance.Next(6) == 0 {
				text = part[k][chance.Next(len(part[k]))]
			} else {
				text = piece(whole[k][chance.Next(len(whole[k]))], &chance)
			}
			x := spoken{lang: k}
			x.hashed, x.table = language.Signals(text)
			data = append(data, x)
		}
	}
	return fit(data, &chance).Encode(), nil
}

// piece gives a text as it is, or some words of it; often in small letters, sometimes without accents.
func piece(text string, chance *corpus.Chance) string {
	words := strings.Fields(text)
	if n := []int{2, 3, 4, 4, 6, 8, 99, 99}[chance.Next(8)]; n < len(words) {
		at := chance.Next(len(words) - n + 1)
		words = words[at : at+n]
	}
	text = strings.Join(words, " ")
	if chance.Next(8) == 0 {
		text = strings.NewReplacer("é", "e", "è", "e", "à", "a", "ó", "o", "í", "i", "á", "a", "ñ", "n", "ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss", "ù", "u", "ò", "o").Replace(text)
	}
	return text
}

// fit learns a softmax regression by AdaGrad.
func fit(data []spoken, chance *corpus.Chance) *language.Weights {
	type row = [language.Codes]float64
	rows, squares := make([]row, language.Buckets), make([]row, language.Buckets)
	var bias, biasSquare row
	var table, tableSquare [language.Codes]row
	for range 5 {
		corpus.Shuffle(chance, data)
		for _, x := range data {
			norm := 1 / math.Sqrt(float64(max(len(x.hashed), 1)))
			var z, g row
			for _, h := range x.hashed {
				for k := range z {
					z[k] += rows[h][k]
				}
			}
			most := math.Inf(-1)
			for k := range z {
				z[k] = float64(z[k]*norm) + bias[k]
				for i, v := range x.table {
					z[k] += float64(float64(v) * table[i][k])
				}
				most = max(most, z[k])
			}
			sum := 0.0
			for k := range z {
				g[k] = math.Exp(z[k] - most)
				sum += g[k]
			}
			for k := range g {
				g[k] /= sum
			}
			g[x.lang] -= 1
			move := func(w, s *row, v float64) {
				for k := range g {
					d := float64(g[k]*v) + float64(1e-6*w[k])
					s[k] += float64(d * d)
					w[k] -= 0.15 * d / (math.Sqrt(s[k]) + 1e-3)
				}
			}
			for _, h := range x.hashed {
				move(&rows[h], &squares[h], norm)
			}
			for i, v := range x.table {
				if v != 0 {
					move(&table[i], &tableSquare[i], float64(v))
				}
			}
			move(&bias, &biasSquare, 1)
		}
	}
	w := &language.Weights{Rows: make([][language.Codes]float32, language.Buckets)}
	for k := range bias {
		w.Bias[k] = float32(bias[k])
		for i := range table {
			w.Table[i][k] = float32(table[i][k])
		}
	}
	for h := range rows {
		for k, v := range rows[h] {
			w.Rows[h][k] = float32(v)
		}
	}
	return w
}
