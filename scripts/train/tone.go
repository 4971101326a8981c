package main

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"rapport/scripts/train/corpus"
	"rapport/shared/decide/text"
)

// toneFile holds posts about anything, whose tone in general is known.
const toneFile = "posts-fourth-tone.txt"

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
}{{"vader-tweets.txt", 1}, {"vader-amazon.txt", 1}, {"vader-news.txt", 0.5}}

// toned is from which mean of their judgements, of -4 to 4, a text has a tone.
const toned = 0.7

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
			case mean >= toned:
				p.Tone = "positive"
			case mean <= -toned:
				p.Tone = "negative"
			}
			out = append(out, p)
		}
	}
	return out, nil
}

// ownTone is how much more posts weigh for the tone in general than for the rest: one of toneFile as much as four public texts.
const ownTone = 20

// learnTone learns the tone in general of lists of words, public texts, and the posts whose tone is known. Within a language
// each tone weighs the same in all.
func learnTone(dir string, rules *text.Reader, posts []example) (*linear, error) {
	words, err := toneWords(dir)
	if err != nil {
		return nil, err
	}
	public, err := publicTones(dir)
	if err != nil {
		return nil, err
	}
	var data []example
	for _, x := range posts {
		if x.post.Tone != "" {
			x.weight *= ownTone
			data = append(data, x)
		}
	}
	bare := examine(rules, wordLists(words))
	for i := range bare {
		bare[i].dense = [text.Dense]float32{} // what the lists say of it is no news
	}
	data = append(append(data, bare...), examine(rules, public)...)
	fmt.Printf("text: %d words and %d public texts of known tone\n", len(bare), len(public))
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
	return learn(data, rounds, toneEpochs, text.ToneOutput, text.Outputs), nil
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
