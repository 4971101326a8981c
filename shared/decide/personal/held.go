package personal

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A passage in which people speak of their own or their family's health, faith, love, politics, origin, union, body marks or
// offences, or in which a minor seems to speak, is only ever held back: from CRMs, from public answers, from rules that answer
// by themselves. What it is about is told to nobody and kept nowhere; that is why Held gives places and no kinds.

// stems are how words begin that such passages have; those with = are whole words. A word alone says nothing: see holds.
const stems = ` krebs chemo tumor diabet insulin depress bipolar epilep =hiv =aids demenz alzheimer parkinson dialys rollstuhl wheelchair behinder schwerbehinder
 disabled disabilit autis =adhs =adhd psychiat psychother psychos panikattack panic angststör burnout suizid selbstmord suicid fehlgeburt miscarr schwanger pregnan herzinfarkt
 schlaganfall asthma allergi =op operier operation =tumor krankenhaus hospital diagnos krankgeschr chronisch chronic medikament medication tablett therapie therapy alkoholik
 addict rehab migrän migraine cancer stroke surgery anxiety blutdruck antidepress krankheit illness disease pflegegrad gehörlos
 muslim katholi evangelisch =christ christin jüdisch =jude jewish catholic moschee mosque synagog ramadan kopftuch hijab buddhist hindu konfirm
 schwul lesbisch =lesbe bisexu homosexu =queer transgender transfrau transmann transident nichtbinär nonbinary lesbian =gay
 parteimitglied parteibuch =spd =cdu =csu =afd =fdp =wähle =wählen =gewählt =voted =vote =tory =labour democrat republican
 sinti =roma afrodeutsch migrationshinter türkischstämm dunkelhäut geflüchtet flüchtling asyl refugee =kurde kurdin
 gewerkschaft betriebsrat =verdi =union unionised picket
 fingerabdruck fingerprint gesichtserkenn biometr gentest
 vorbestraft vorstraf =bewährung gefängnis =knast =haft inhaftiert verurteilt convicted prison =jail parole probation `

// own are words by which somebody speaks of himself or herself and of those close.
const own = ` ich mir mich mein meine meinen meinem meiner meines wir uns unser unsere unseren unserem unserer i im i'm i’m ive i've my me we our us hab bin `

// lists are stems and own made ready to be looked up.
type lists struct {
	stems map[string][]string // by their first four bytes
	whole map[string]bool
	own   map[string]bool
}

func newLists() lists {
	l := lists{map[string][]string{}, map[string]bool{}, map[string]bool{}}
	for s := range strings.FieldsSeq(stems) {
		if w, whole := strings.CutPrefix(s, "="); whole {
			l.whole[w] = true
		} else {
			l.stems[s[:4]] = append(l.stems[s[:4]], s)
		}
	}
	for w := range strings.FieldsSeq(own) {
		l.own[w] = true
	}
	return l
}

// Passages are places in a text, in its order; they do not overlap.
type Passages [][2]int

// Held finds the sentences of a text that are to be held back.
func (f *Finder) Held(text string) Passages {
	var out Passages
	for start := 0; start < len(text); {
		end := start
		for end < len(text) {
			b := text[end]
			end++
			if b == '!' || b == '?' || b == '\n' || b == '.' && (end == len(text) || text[end] == ' ') && !ordinal(text[:end-1]) {
				break
			}
		}
		if f.lists.holds(text[start:end]) {
			out = append(out, [2]int{start, end})
		}
		start = end
	}
	return out
}

// ordinal tells an ordinal ("7. Klasse") from the end of a sentence.
func ordinal(before string) bool {
	return before != "" && digit(before[len(before)-1]) && (len(before) < 3 || !digit(before[len(before)-2]) || !digit(before[len(before)-3]))
}

// holds tells whether a sentence has such a word and somebody who speaks of himself or herself, or is of a minor.
func (l lists) holds(sentence string) bool {
	var buffer [48]string
	list := buffer[:0]
	mine, told := false, false
	lower := strings.ToLower(sentence)
	for i := 0; i < len(lower); {
		r, size := utf8.DecodeRuneInString(lower[i:])
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			i += size
			continue
		}
		from := i
		for i < len(lower) {
			r, size := utf8.DecodeRuneInString(lower[i:])
			if !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\'' && r != '’' {
				break
			}
			i += size
		}
		w := lower[from:i]
		list = append(list, w)
		mine = mine || l.own[w]
		told = told || l.stemmed(w)
	}
	return mine && told || mine && minor(list)
}

func listed(in, before, w, after string) bool {
	if w == "" {
		return false
	}
	for from := 0; ; {
		at := strings.Index(in[from:], w)
		if at < 0 {
			return false
		}
		at += from
		if strings.HasSuffix(in[:at], before) && strings.HasPrefix(in[at+len(w):], after) {
			return true
		}
		from = at + 1
	}
}

// stemmed tells whether a word is one of the stems, or begins with one.
func (l lists) stemmed(w string) bool {
	if len(w) >= 4 {
		for _, s := range l.stems[w[:4]] {
			if strings.HasPrefix(w, s) {
				return true
			}
		}
	}
	return l.whole[w]
}

// minor tells, where somebody speaks of himself or herself, words by which somebody under 18 speaks: "ich bin 14", "i'm fifteen years old", "in der 7. Klasse".
func minor(list []string) bool {
	for i, w := range list {
		switch w {
		case "bin", "im", "i'm", "i’m", "werde", "am":
			for k := i + 1; k < min(i+4, len(list)); k++ {
				if n := age(list[k]); n >= 6 && n < 18 && !counts(list, k) {
					return true
				}
				if !listed(" erst nur gerade schon noch jetzt bald ein only just now still a almost ", " ", list[k], " ") {
					break
				}
			}
		case "klasse", "grade", "class", "grader":
			if i > 0 && age(strings.TrimRight(list[i-1], "thndrs.")) > 0 && age(strings.TrimRight(list[i-1], "thndrs.")) <= 12 {
				return true
			}
		case "grundschule", "schülerin", "schüler":
			if i > 0 && (list[i-1] == "bin" || list[i-1] == "als" || list[i-1] == "die" && list[0] == "ich") {
				return true
			}
		}
	}
	return false
}

// counts tells a number that is no age: "ich bin 14 Tage krank", "i'm 15 minutes late".
func counts(list []string, at int) bool {
	if at+1 >= len(list) {
		return false
	}
	switch list[at+1] {
	case "jahre", "jahren", "years", "yrs":
		for _, w := range list[at+1 : min(at+5, len(list))] { // "ich bin 12 Jahre Kunde"
			if listed(" kunde kundin dabei bei customer with mitglied member lang treu ", " ", w, " ") {
				return true
			}
		}
		return false
	}
	return listed(" tag tage tagen stunde stunden minute minuten woche wochen monat monate monaten uhr km kilometer euro mal prozent day days hour hours minutes mins weeks months miles times percent "+
		"per points ", " ", list[at+1], " ")
}

func age(w string) int {
	if n, err := strconv.Atoi(w); err == nil && n < 100 {
		return n
	}
	for i, list := range [...]string{" dreizehn thirteen ", " vierzehn fourteen ", " fünfzehn fifteen ", " sechzehn sixteen ", " siebzehn seventeen ", " zwölf twelve ", " elf eleven ", " zehn ten "} {
		if w != "" && listed(list, " ", w, " ") {
			return [...]int{13, 14, 15, 16, 17, 12, 11, 10}[i]
		}
	}
	return 0
}

// Withhold puts […] in the place of passages.
func Withhold(text string, p Passages) string {
	var b strings.Builder
	at := 0
	for _, x := range p {
		b.WriteString(text[at:x[0]])
		if at < x[0] || at == 0 {
			b.WriteString(" […] ")
		}
		at = x[1]
	}
	b.WriteString(text[at:])
	return strings.TrimSpace(b.String())
}

// In tells whether words stand in one of the passages of a text.
func (p Passages) In(text, words string) bool {
	for _, x := range p {
		if strings.Contains(strings.ToLower(text[x[0]:x[1]]), strings.ToLower(words)) {
			return true
		}
	}
	return false
}
