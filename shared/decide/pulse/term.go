package pulse

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Term is a word and how many people said it.
type Term struct {
	Word   string `json:"word"`
	People int    `json:"people"`
}

// Terms is what was said in a week: words that at least FewestPeople said, none of them a name of one of those.
type Terms struct {
	People int    `json:"people"` // whose words were counted
	Terms  []Term `json:"terms"`  // the most said first, at most mostTerms
}

// Said is what one person said in public.
type Said struct {
	Author string
	Names  []string // handle and name of who said it
	Text   string
}

// FewestPeople is how many must have said a word before it stands anywhere: fewer could be found again by it.
const FewestPeople = 5

const (
	mostTerms = 300
	leastWord = 4
	mostWord  = 30
)

// Count counts words, each once per person. What is a name, an address, a number or an everyday word is left out.
func Count(all []Said, banned ...string) Terms {
	names := map[string]bool{}
	for _, b := range banned {
		for w := range words(b) {
			names[w] = true
		}
	}
	people := map[string]map[string]bool{} // word → authors
	authors := map[string]bool{}
	for _, s := range all {
		authors[s.Author] = true
		for _, n := range s.Names {
			for w := range words(strings.NewReplacer("@", " ", ".", " ", "_", " ", "-", " ").Replace(n)) {
				names[w] = true
			}
		}
		for w := range words(s.Text) {
			if people[w] == nil {
				people[w] = map[string]bool{}
			}
			people[w][s.Author] = true
		}
	}
	out := Terms{People: len(authors)}
	for w, by := range people {
		if len(by) >= FewestPeople && !names[w] {
			out.Terms = append(out.Terms, Term{w, len(by)})
		}
	}
	slices.SortFunc(out.Terms, func(a, b Term) int { return cmp.Or(b.People-a.People, strings.Compare(a.Word, b.Word)) })
	out.Terms = out.Terms[:min(len(out.Terms), mostTerms)]
	return out
}

// words gives the words of a text in lower case, each once.
func words(text string) map[string]bool {
	out := map[string]bool{}
	for field := range strings.FieldsSeq(text) {
		if !plain(strings.TrimLeft(field, "#")) || strings.Contains(field, "@") {
			continue
		}
		for w := range strings.FieldsFuncSeq(field, func(r rune) bool { return !unicode.IsLetter(r) }) {
			if n := utf8.RuneCountInString(w); n >= leastWord && n <= mostWord {
				if w = strings.ToLower(w); !strings.Contains(everyday, " "+w+" ") {
					out[w] = true
				}
			}
		}
	}
	return out
}

// everyday are words that say nothing about a subject.
const everyday = " aber alle allem allen alles also andere anderen auch aufs beim bereits bist bitte dann darf dass dein deine denn dessen dich dies diese diesem diesen dieser dieses doch dort durch eben eine einem einen einer eines einfach euch euer eure euren eurer eurem etwas ganz gegen geht gerade gibt habe haben habt halt hatte hatten heute hier hinter ihnen ihre ihrem ihren ihrer immer jede jeden jeder jetzt kann kannst kein keine keinen keiner können könnt leider machen macht mehr mein meine meinem meinen meiner mich muss müssen nach nicht nichts noch nochmal nämlich oder ohne schon sehr sein seine seinen seit sich sind soll sollen sonst über unser unsere viel vielen vielleicht vom wann warum weil weiter wenn werde werden wieder wird wirklich wurde wurden zwei " +
	"about after again also anything because been being could does doing don't even ever every from getting going have haven having here http https into just know like made make many more most much need never nothing once only other please really same should since some still such than thank thanks that their them then there these they thing this those time today very want were what when where which while will with within without would year years your yours "

// Rise is a word that is said more than before.
type Rise struct {
	Word   string  `json:"word"`
	People int     `json:"people"`
	Times  float64 `json:"times"` // as often as before; 0 = new
	Odd    float64 `json:"-"`
}

// Rising gives the words of a week that rose against the weeks before, the strangest first. Of a first week nothing can be
// told.
func Rising(now Terms, before []Terms, most int) []Rise {
	people := 0
	was, known := map[string]float64{}, map[string]bool{}
	for _, b := range before {
		people += b.People
		for _, t := range b.Terms {
			was[t.Word] += float64(t.People)
			known[t.Word] = true
		}
	}
	if people < FewestPeople || now.People == 0 {
		return nil
	}
	var out []Rise
	for _, t := range now.Terms {
		seen := was[t.Word]
		for _, b := range before { // a word that is not there may have been said by a few
			if !slices.ContainsFunc(b.Terms, func(x Term) bool { return x.Word == t.Word }) {
				seen += hidden(b)
			}
		}
		usual := (seen + 0.5) / float64(people+1) * float64(now.People)
		odd := surprise(t.People, usual, 0.1)
		if odd < 2 || float64(t.People) < 2*usual {
			continue
		}
		r := Rise{Word: t.Word, People: t.People, Odd: odd}
		if known[t.Word] {
			r.Times = float64(int(float64(t.People)/usual*10)) / 10
		}
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b Rise) int { return cmp.Or(cmp.Compare(b.Odd, a.Odd), strings.Compare(a.Word, b.Word)) })
	return out[:min(len(out), most)]
}

// hidden is how many may have said a word that a week's list does not hold: of a full list the last, else two.
func hidden(t Terms) float64 {
	if len(t.Terms) == mostTerms {
		return float64(t.Terms[mostTerms-1].People)
	}
	return 2 * min(float64(t.People)/100, 1)
}
