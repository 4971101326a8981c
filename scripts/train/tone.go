package main

import (
	"fmt"
	"html"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"rapport/scripts/train/corpus"
	"rapport/shared/decide/text"
)

// general takes what a label says of the sentiment as the tone in general where the post is not about the brand: toward the
// brand it is neutral.
func general(p *corpus.Post, all bool) {
	if p.Intents[0] != "chatter" || p.Sentiment == "neutral" {
		if all {
			p.Tone = p.Sentiment
		}
		return
	}
	p.Tone, p.Sentiment = p.Sentiment, "neutral"
}

// judged are the texts that twenty people each judged for the authors of VADER, and what one of them weighs.
var judged = [...]struct {
	file   string
	weight float64
}{{"vader-tweets.txt", 2}, {"vader-amazon.txt", 2}, {"vader-news.txt", 1}}

// toneFrom is from which mean of their judgements, of -4 to 4, a text has a tone.
const toneFrom = 0.7

// publicTones gives public texts whose tone is known, for the tone in general alone.
func publicTones(dir string) ([]corpus.Post, error) {
	var out []corpus.Post
	for _, set := range judged {
		b, err := fetched(dir, set.file)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(b)) {
			f := strings.SplitN(strings.TrimSpace(line), "\t", 3)
			if len(f) != 3 {
				return nil, fmt.Errorf("%s: %q", set.file, line)
			}
			mean, err := strconv.ParseFloat(f[1], 64)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", set.file, err)
			}
			p := corpus.Post{Text: f[2], Lang: "en", Kind: "post", Tone: "neutral", Weight: set.weight, Family: "public"}
			switch {
			case mean >= toneFrom:
				p.Tone = "positive"
			case mean <= -toneFrom:
				p.Tone = "negative"
			}
			out = append(out, p)
		}
	}
	return out, nil
}

// tweets are public tweets whose tone was judged for this project, what one of them weighs, and the files that hold their texts: each by
// the name that the tweet has in the list of labels.
var tweets = [...]struct {
	labels, lang string
	weight       float64
	files        map[string]func(file string) map[string]string
}{
	{"tones-xlime.tsv", "de", 4, map[string]func(string) map[string]string{"xlime-german.tsv": readXLiMe}},
	{"tones-potts.tsv", "de", 4, map[string]func(string) map[string]string{"potts.xml": readPotTS}},
	{"tones-germeval.tsv", "de", 1, map[string]func(string) map[string]string{"germeval2018-training.txt": readGermEval}},
	{"tones-btc.tsv", "en", 3, map[string]func(string) map[string]string{"btc-a.conll": readCoNLL("a"), "btc-b.conll": readCoNLL("b"), "btc-f.conll": readCoNLL("f"), "btc-h.conll": readCoNLL("h")}},
	{"tones-wnut.tsv", "en", 3, map[string]func(string) map[string]string{"wnut17train.conll": readCoNLL("")}},
	{"tones-events.tsv", "en", 3, map[string]func(string) map[string]string{"wnut17-gurez.10000": readLines("gurez"), "wnut17-ile.10000": readLines("ile"), "wnut17-palm.10000": readLines("palm"), "wnut17-rigo.10000": readLines("rigo")}},
}

// judgedTweets gives them, each with its tone.
func judgedTweets(dir string) ([]corpus.Post, error) {
	var out []corpus.Post
	for _, set := range tweets {
		texts := map[string]string{}
		for name, read := range set.files {
			b, err := fetched(dir, name)
			if err != nil {
				return nil, err
			}
			maps.Copy(texts, read(string(b)))
		}
		labels, err := own.ReadFile("data/" + set.labels)
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(string(labels)) {
			if line[0] == '#' {
				continue
			}
			id, label, _ := strings.Cut(strings.TrimSpace(line), "\t")
			tone := map[string]string{"+": "positive", "-": "negative", "0": "neutral"}[label]
			if tone == "" || texts[id] == "" {
				return nil, fmt.Errorf("%s: %q names no tweet or no tone", set.labels, line)
			}
			out = append(out, corpus.Post{Text: texts[id], Lang: set.lang, Kind: "post", Tone: tone, Weight: set.weight, Family: "public"})
		}
	}
	return out, nil
}

// readXLiMe gives the texts by the ids of the tweets, their words put together again.
func readXLiMe(file string) map[string]string {
	out := map[string]string{}
	for line := range strings.Lines(file) {
		if f := strings.Split(line, "\t"); len(f) == 3 {
			out[f[0]] = together(f[1])
		}
	}
	return out
}

// readCoNLL gives the texts, their words, a line each, put together again, by a mark and their place.
func readCoNLL(mark string) func(file string) map[string]string {
	return func(file string) map[string]string {
		out := map[string]string{}
		var words []string
		end := func() {
			if words != nil {
				out[fmt.Sprint(mark, len(out)+1)] = together(strings.Join(words, " "))
				words = nil
			}
		}
		for line := range strings.Lines(file) {
			if strings.TrimSpace(line) == "" {
				end()
				continue
			}
			word, _, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
			word, _, _ = strings.Cut(word, " ")
			words = append(words, word)
		}
		end()
		return out
	}
}

var pottsTweet = regexp.MustCompile(`(?s)<tweet id="(\d+)"[^>]*>\n(.*?)</tweet>`)

// readPotTS gives the texts by the ids of the tweets, their words, a line each, put together again.
func readPotTS(file string) map[string]string {
	out := map[string]string{}
	for _, m := range pottsTweet.FindAllStringSubmatch(file, -1) {
		out[m[1]] = together(strings.Join(strings.Fields(html.UnescapeString(m[2])), " "))
	}
	return out
}

// readGermEval gives the texts by line.
func readGermEval(file string) map[string]string {
	out := readLines("")(file)
	for line, t := range out {
		t, _, _ = strings.Cut(t, "\t")
		out[line] = strings.ReplaceAll(t, "|LBR|", " ")
	}
	return out
}

// readLines gives the texts by a mark and their line.
func readLines(mark string) func(file string) map[string]string {
	return func(file string) map[string]string {
		out := map[string]string{}
		for line := range strings.Lines(file) {
			out[fmt.Sprint(mark, len(out)+1)] = strings.TrimSpace(line)
		}
		return out
	}
}

var apart = regexp.MustCompile(` ([.,;:!?)\]…]|'(?:s|m|re|ve|ll|d)\b|n't\b)`)

// together undoes that words and punctuation were parted.
func together(t string) string {
	t = apart.ReplaceAllString(t, "$1")
	return strings.NewReplacer("TUSERUSER", "@user", "TURLURL", "http", "@ ", "@", "( ", "(").Replace(t)
}

// toned gives the words of known tone and the public texts.
func toned(dir string, rules *text.Reader) (words, public []example, err error) {
	list, err := toneWords(dir)
	if err != nil {
		return nil, nil, err
	}
	texts, err := publicTones(dir)
	if err != nil {
		return nil, nil, err
	}
	more, err := judgedTweets(dir)
	if err != nil {
		return nil, nil, err
	}
	texts = append(texts, more...)
	words, public = examine(rules, wordLists(list)), examine(rules, texts)
	for i := range words {
		words[i].dense = [text.Dense]float32{} // what the lists say of it is no news
	}
	fmt.Printf("text: %d words and %d public texts of known tone\n", len(words), len(public))
	return words, public, nil
}

// learnTone learns the tone in general of words, public texts, and the posts whose tone is known. Within a language each tone weighs the
// same in all.
func learnTone(v vocabulary, texts, posts []example) *linear {
	var data []example
	for _, x := range posts {
		if x.post.Tone != "" {
			x.weight = float32(x.post.ToneWeight)
			data = append(data, x)
		}
	}
	data = append(data, texts...)
	sums := map[string]*[3]float64{}
	at := func(x *example) (*[3]float64, int) {
		if sums[x.post.Lang] == nil {
			sums[x.post.Lang] = &[3]float64{}
		}
		return sums[x.post.Lang], slices.Index(x.want[text.ToneOutput:], true)
	}
	for i := range data {
		sum, tone := at(&data[i])
		sum[tone] += float64(data[i].weight)
	}
	for i := range data {
		sum, tone := at(&data[i])
		data[i].weight *= float32((sum[0] + sum[1] + sum[2]) / (3 * sum[tone]))
	}
	return learn(v, data, rounds, toneEpochs, text.ToneOutput, text.Outputs)
}

// tell adds to an example what the tone in general is.
func (l *linear) tell(x *example) {
	z := l.raw(x, text.ToneOutput, text.Outputs)
	x.dense[text.ToneDense], x.dense[text.ToneDense+1] = text.Toned(float32(z[text.ToneOutput]), float32(z[text.ToneOutput+1]), float32(z[text.ToneOutput+2]))
}

// join takes over the tone in general.
func (l *linear) join(general *linear) {
	for o := text.ToneOutput; o < text.Outputs; o++ {
		l.bias[o] = general.bias[o]
		for i := range l.dense {
			l.dense[i][o] = general.dense[i][o]
		}
		for h := range l.rows {
			l.rows[h][o] = general.rows[h][o]
		}
	}
}

var germanWord = regexp.MustCompile(`form="([^"]*)".* polarity="([^"]*)"`)

// germanTone is what a sure tone of the German list is worth: the list has many words that are rarely meant so.
const germanTone = 0.8

// polarList makes the list of polarity of those that were fetched and the one written here.
func polarList(dir string) ([]byte, error) {
	list, err := toneWords(dir)
	if err != nil {
		return nil, err
	}
	b, err := fetched(dir, "german-polarity.xml")
	if err != nil {
		return nil, err
	}
	for i := range list {
		if list[i].Lang == "de" && list[i].Word[0] >= 0x80 && !unicode.IsLetter([]rune(list[i].Word)[0]) {
			list[i].Lang = "" // emoji
		}
	}
	for _, m := range germanWord.FindAllStringSubmatch(string(b), -1) {
		v, err := strconv.ParseFloat(m[2], 64)
		if err != nil {
			return nil, fmt.Errorf("german-polarity.xml: %q: %w", m[1], err)
		}
		list = append(list, text.Polar{Lang: "de", Word: m[1], Tone: v * germanTone})
	}
	return text.EncodePolar(list), nil
}
