// Package people makes a world of invented people from a seed and measures how well Rapport recognises them.
package people

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"rapport/shared/flow"
)

// contact is a person in the CRM.
type contact struct {
	id                                                                       int
	first, last, mail, phone, city, firm, born, site, handle, customer, land string
	household                                                                int
}

func (c contact) name() string { return c.first + " " + c.last }

// author is somebody who speaks, and who that is: the index of a contact, -1 = nobody the CRM knows.
type author struct {
	flow.Author
	group   string // how it was made
	is      int
	text    string
	private bool
}

// world is everything there is.
type world struct {
	*rand.Rand
	now      time.Time
	contacts []contact
	authors  []author
	ids      int
	taken    map[string]bool // network and contact: who has an account there
}

// common are family names in the order of how many go by them; the tail is composed.
var common = strings.Fields(`Müller Schmidt Schneider Fischer Weber Meyer Wagner Becker Schulz Hoffmann Koch Richter Klein Wolf Schröder Neumann Schwarz Braun Zimmermann
	Hofmann Krüger Hartmann Lange Schmitt Werner Krause Meier Lehmann Köhler Maier Herrmann König Walter Mayer Huber Kaiser Fuchs Peters Lang Scholz Möller Weiß Jung Hahn
	Schubert Vogel Friedrich Keller Günther Frank Berger Winkler Roth Beck Lorenz Baumann Franke Albrecht Schuster Simon Ludwig Böhm Winter Kraus Martin Schumacher Krämer
	Vogt Stein Jäger Otto Sommer Groß Seidel Heinrich Brandt Haas Schreiber Graf Dietrich Ziegler Kuhn Kühn Pohl Engel Horn Busch Bergmann Thomas Voigt Sauer Arnold Wolff
	Pfeiffer Smith Jones Taylor Brown Williams Wilson Johnson Davies Robinson Wright Thompson Evans Walker White Roberts Green Hall Wood Jackson Clarke Yilmaz Kaya Demir Nowak
	Kowalski Nguyen Petrov Rossi Garcia Jensen`)

var firsts = strings.Fields(`Thomas Michael Andreas Peter Stefan Christian Martin Frank Klaus Jürgen Wolfgang Alexander Matthias Markus Daniel Jan Sebastian Florian Tobias Tim
	Lukas Felix Jonas Maximilian Paul Leon Philipp David Simon Christoph Sabine Susanne Claudia Petra Andrea Monika Katharina Anna Julia Sandra Stefanie Nicole Christina Birgit
	Laura Lisa Sarah Lena Johanna Marie Sophie Emma Hannah Mia Martina Karin Barbara Gabriele Ursula Renate Elisabeth Maria James John Robert William Emily Olivia Grace Henry
	Mehmet Ayse Ali Fatma Jakub Agnieszka Marco Giulia Björn Sören Jörg Zoë`)

var short = map[string]string{"Thomas": "Tom", "Michael": "Micha", "Andreas": "Andi", "Stefan": "Steffen", "Christian": "Chris", "Klaus": "Niko", "Alexander": "Alex",
	"Matthias": "Matze", "Sebastian": "Basti", "Florian": "Flo", "Tobias": "Tobi", "Maximilian": "Max", "Philipp": "Phil", "Susanne": "Susi", "Katharina": "Kathi",
	"Stefanie": "Steffi", "Christina": "Tina", "Gabriele": "Gabi", "Monika": "Moni", "Robert": "Bob", "William": "Will", "James": "Jim", "Elisabeth": "Lisa"}

var fore = strings.Fields(`Berg Stein Wald Eich Birk Lind Feld Bach Hell Grün Rosen Wies Acker Hain Moor Sonn Schön Alt Neu Kirch Ritter Burg Wein Hopf Silber Gold Eisen Dorn Nach
	Ober Unter Hinter Vorder Strau Kall Wens Brül Quan Lüde Wöß Tref Hase Rüd Knor`)

var aft = strings.Fields(`mann meier hofer bauer stedt brink kamp hoff dorf berger müller huber loh rup kötter beck ner winkel schlag haus heim wald feld thal egger lein hage
	mark wig sen stein horst`)

var cities = strings.Fields(`Berlin Hamburg München Köln Frankfurt Stuttgart Düsseldorf Leipzig Dortmund Essen Bremen Dresden Hannover Nürnberg Duisburg Bochum Wuppertal Bielefeld
	Bonn Münster Mannheim Karlsruhe Augsburg Wiesbaden Kiel Aachen Lübeck Freiburg Rostock Kassel Mainz Erfurt Ulm Trier Wien Graz Linz Zürich Basel Bern`)

var nouns = strings.Fields(`Sonne Katze Kaffee Wolke Garten Nacht Fuchs Welle Stern Reise Brot Vogel Regen Funke Insel Kiesel Mond Salz Tinte Rad`)

// skewed draws an index below n; the first are drawn most often.
func (w *world) skewed(n int) int { return int(float64(n) * w.Float64() * w.Float64() * w.Float64()) }

func (w *world) last() string {
	if w.Float64() < 0.45 {
		return common[w.skewed(len(common))]
	}
	return fore[w.IntN(len(fore))] + aft[w.IntN(len(aft))]
}

func (w *world) chance(p float64) bool { return w.Float64() < p }

var plain = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss", "Ä", "Ae", "Ö", "Oe", "Ü", "Ue", "ë", "e", " ", "")

func address(s string) string { return strings.ToLower(plain.Replace(s)) }

// typo swaps two letters, or drops one.
func (w *world) typo(s string) string {
	r := []rune(s)
	if len(r) < 4 {
		return s
	}
	i := 1 + w.IntN(len(r)-2)
	if w.chance(0.5) {
		r[i], r[i+1] = r[i+1], r[i]
		return string(r)
	}
	return string(append(r[:i:i], r[i+1:]...))
}

func (w *world) firm() string {
	return fore[w.IntN(len(fore))] + strings.Fields("tec werk bau soft druck logistik energie media")[w.IntN(8)] + []string{" GmbH", " AG", " KG", ""}[w.IntN(4)]
}

// populate makes the CRM: households share name, place and mostly a phone; some colleagues and some fathers and sons share
// the whole name.
func (w *world) populate(n int) {
	firms := make([]string, n/25+1)
	for i := range firms {
		firms[i] = w.firm()
	}
	for len(w.contacts) < n {
		size := 1
		if w.chance(0.12) {
			size = 2 + w.IntN(3)
		}
		family, city, land := w.last(), cities[w.skewed(len(cities))], "Deutschland"
		if city == "Wien" || city == "Graz" || city == "Linz" {
			land = "Österreich"
		}
		phone := fmt.Sprintf("0%d %07d", 30+w.IntN(60), w.IntN(9_000_000)+1_000_000)
		for range size {
			c := contact{id: len(w.contacts), first: firsts[w.skewed(len(firsts))], last: family, city: city, land: land, household: size}
			if w.chance(0.6) {
				c.phone = phone
				if size > 1 && w.chance(0.3) || size == 1 && w.chance(0.7) {
					c.phone = fmt.Sprintf("017%d %07d", w.IntN(10), w.IntN(9_000_000)+1_000_000)
				}
			}
			if w.chance(0.3) {
				c.firm = firms[w.skewed(len(firms))]
			}
			if w.chance(0.3) {
				c.born = fmt.Sprintf("%d-%02d-%02d", 1940+w.IntN(65), 1+w.IntN(12), 1+w.IntN(28))
			}
			w.reachable(&c)
			if w.chance(0.5) {
				c.customer = fmt.Sprintf("NL-%06d", 100_000+c.id)
			}
			w.contacts = append(w.contacts, c)
			if w.chance(0.003) { // a colleague, or a father and a son
				d := c
				d.id, d.customer, d.born, d.phone = len(w.contacts), "", "", ""
				w.reachable(&d)
				w.contacts = append(w.contacts, d)
			}
		}
	}
}

// reachable gives a contact addresses of its own.
func (w *world) reachable(c *contact) {
	c.site, c.handle = "", ""
	switch x := w.Float64(); {
	case x < 0.65:
		c.mail = fmt.Sprintf("%s.%s%d@%s", address(c.first), address(c.last), c.id, []string{"gmx.de", "web.de", "gmail.com", "posteo.de"}[w.IntN(4)])
	case x < 0.85 && c.firm != "":
		c.mail = fmt.Sprintf("%s.%s%d@%s.example", address(c.first[:1]), address(c.last), c.id%7, strings.Fields(address(strings.ReplaceAll(c.firm, " ", "-")))[0])
	case x < 0.92:
		c.site = fmt.Sprintf("https://%s-%s%d.example", address(c.first), address(c.last), c.id)
		c.mail = "post@" + strings.TrimPrefix(c.site, "https://")
	default:
		c.mail = ""
	}
	if w.chance(0.03) {
		c.handle = "@" + address(c.first) + "_" + address(c.last) + fmt.Sprint(c.id%97)
	}
}
