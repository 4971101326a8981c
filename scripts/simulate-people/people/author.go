package people

import (
	"fmt"
	"strings"
	"time"

	"rapport/shared/flow"
)

// add puts an author into the world.
func (w *world) add(group string, is int, edit func(*author)) *author {
	w.ids++
	a := author{group: group, is: is, text: chatter[w.IntN(len(chatter))]}
	a.ID = fmt.Sprintf("%s:u%d", []string{"site", "plaza"}[w.IntN(2)], w.ids)
	a.Created = w.now.Add(-time.Duration(100+w.IntN(3000)) * 24 * time.Hour)
	a.Counted, a.Followers = true, w.IntN(900)
	if is >= 0 { // hardly anybody has two accounts on one network
		network, _, _ := strings.Cut(a.ID, ":")
		if at := fmt.Sprintf("%s#%d", network, is); w.taken[at] && !w.chance(0.03) {
			return nil
		} else {
			w.taken[at] = true
		}
	}
	if edit(&a); a.Handle == "" {
		a.Handle = fmt.Sprintf("user%d", w.ids)
	}
	w.authors = append(w.authors, a)
	return &w.authors[len(w.authors)-1]
}

var chatter = []string{"Danke für die schnelle Hilfe!", "Wann habt ihr am Samstag offen?", "Meine Lieferung ist kaputt, was nun?", "Great service, thanks!", "Warum geht die App nicht?"}

// shown is what somebody is called on a network: mostly the real name in some form, else something else.
func (w *world) shown(c contact, real float64) (name string) {
	if !w.chance(real) {
		return nouns[w.IntN(len(nouns))] + []string{"", " ", "_"}[w.IntN(3)] + strings.ToLower(nouns[w.IntN(len(nouns))])
	}
	first, last := c.first, c.last
	switch x := w.Float64(); {
	case x < 0.10 && short[first] != "":
		first = short[first]
	case x < 0.15:
		last = string([]rune(last)[:1]) + "."
	case x < 0.20:
		first, last = plain.Replace(first), plain.Replace(last)
	case x < 0.23:
		last = w.typo(last)
	case x < 0.25:
		first = string([]rune(first)[:1]) + "."
	case x < 0.27:
		return last + ", " + first
	case x < 0.29:
		first = "Dr. " + first
	case x < 0.32:
		last += " 🌻"
	case x < 0.34: // a look-alike from another script
		last = strings.Replace(last, "e", "е", 1)
	}
	return first + " " + last
}

func (w *world) some() int { return w.IntN(len(w.contacts)) }

// find draws a contact that has something.
func (w *world) find(has func(contact) bool) contact {
	for {
		if c := w.contacts[w.some()]; has(c) {
			return c
		}
	}
}

func hasMail(c contact) bool { return c.mail != "" }

// verified are known persons with evidence that is hard to fake. Each is one of a kind of evidence.
func (w *world) verified(n int) {
	for range n {
		var c contact
		var text string
		var proven []string
		switch x := w.Float64(); {
		case x < 0.5:
			c = w.find(hasMail)
			text = "Hallo, meine E-Mail ist " + c.mail + ", bitte meldet euch."
		case x < 0.7:
			c = w.find(func(c contact) bool { return c.phone != "" })
			text = "Bitte rufen Sie mich an, Telefon " + c.phone + "."
		case x < 0.85:
			c = w.find(func(c contact) bool { return c.customer != "" })
			text = "Meine Kundennummer ist " + c.customer + ", die Rechnung stimmt nicht."
		default:
			c = w.find(func(c contact) bool { return c.site != "" })
			proven = []string{c.site}
		}
		w.add("verified evidence", c.id, func(a *author) {
			a.Name, a.Proven = w.shown(c, 0.75), proven
			if text != "" {
				a.text, a.private = text, true
			}
		})
	}
}

// claiming are known persons who say in public who they are, some under their name, some not.
func (w *world) claiming(n int) {
	for range n {
		c := w.find(hasMail)
		real := 0.8
		var bio, place, text, handle string
		switch x := w.Float64(); {
		case x < 0.45:
			bio = []string{"Kontakt: ", "Mail ", "Anfragen an "}[w.IntN(3)] + c.mail
		case x < 0.57:
			c = w.find(func(c contact) bool { return c.phone != "" })
			bio = "Ruft an: Tel. " + c.phone
		case x < 0.63:
			c = w.find(func(c contact) bool { return c.handle != "" })
			handle = strings.TrimPrefix(c.handle, "@")
		case x < 0.75:
			c = w.find(func(c contact) bool { return c.site != "" })
			bio = "Mehr von mir auf " + c.site
		case x < 0.85:
			text = "Schreibt mir an " + c.mail + ", meine Bestellung fehlt."
		default:
			c = w.find(func(c contact) bool { return c.firm != "" })
			bio, place, real = "Arbeite bei "+c.firm, c.city, 1
			if c.born != "" && w.chance(0.3) {
				bio = "*" + c.born[:4] + ", " + bio
			}
		}
		if place == "" && w.chance(0.4) {
			place = c.city
		}
		a := w.add("public claims", c.id, func(a *author) {
			a.Name, a.Bio, a.Location, a.Handle = w.shown(c, real), bio, place, handle
			if text != "" {
				a.text = text
			}
		})
		if a != nil && w.chance(0.04) { // copied, later or before
			w.impostor(*a)
		}
	}
}

// impostor copies name and bio, mostly lately and after the one it copies.
func (w *world) impostor(of author) {
	w.add("impostors", -1, func(a *author) {
		a.Name, a.Bio, a.Location = of.Name, of.Bio, of.Location
		a.Handle = of.Handle + "_"
		if w.chance(0.75) {
			network, _, _ := strings.Cut(of.ID, ":")
			a.ID = fmt.Sprintf("%s:u%d", network, w.ids)
		}
		if w.chance(0.85) {
			a.Created = w.now.Add(-time.Duration(w.IntN(60)) * 24 * time.Hour)
		}
	})
}

// strangers are most of those who speak; many are called as somebody in the CRM is.
func (w *world) strangers(n int) {
	for range n {
		c := contact{first: firsts[w.skewed(len(firsts))], last: w.last(), city: cities[w.skewed(len(cities))], firm: w.firm()}
		w.add("strangers", -1, func(a *author) {
			a.Name = w.shown(c, 0.7)
			if w.chance(0.4) {
				a.Location = c.city
			}
			if w.chance(0.2) {
				a.Bio = "Arbeite bei " + c.firm
			}
			if w.chance(0.1) {
				a.Bio += " " + address(c.first) + "." + address(c.last) + fmt.Sprint(w.IntN(9999)) + "@gmx.de"
			}
			if w.chance(0.05) {
				a.text, a.private = "Meine E-Mail: "+address(c.last)+fmt.Sprint(w.IntN(99999))+"@web.de", true
			}
		})
	}
}

// traps are those who look like somebody else.
func (w *world) traps(n int) {
	for range n / 4 { // somebody else's address in a post
		c, d := w.find(hasMail), w.contacts[w.some()]
		w.add("others' addresses", -1, func(a *author) {
			a.Name, a.text = w.shown(contact{first: d.first, last: w.last()}, 0.8), "Wendet euch an "+c.name()+", "+c.mail
		})
	}
	for range n / 8 { // for a relative, with its address
		c := w.find(hasMail)
		w.add("for a relative", -1, func(a *author) {
			a.Name, a.private = w.shown(contact{first: w.otherFirst(c.first), last: c.last}, 0.97), true
			a.text = "Ich schreibe für meine Mutter, ihre E-Mail ist " + c.mail
		})
	}
	for range n / 8 { // from the phone of a household, by one whom the CRM does not know
		c := w.find(func(c contact) bool { return c.phone != "" && c.household > 1 })
		w.add("shared phones", -1, func(a *author) {
			a.Name, a.private, a.text = w.shown(contact{first: "Zoë", last: c.last}, 0.97), true, "Unsere Nummer: Telefon "+c.phone
		})
	}
	for range n / 8 { // parodies
		c := w.find(hasMail)
		w.add("parodies", -1, func(a *author) {
			a.Name, a.Bio = c.name(), "Parody. "+c.mail
			if w.chance(0.1) {
				a.Bio = c.mail
				a.Created = w.now.Add(-20 * 24 * time.Hour)
			}
		})
	}
	for range n / 8 { // a handle that changed hands
		c := w.find(func(c contact) bool { return c.handle != "" })
		w.add("handles given anew", -1, func(a *author) {
			a.Handle, a.Name = strings.TrimPrefix(c.handle, "@"), w.shown(contact{first: firsts[w.IntN(len(firsts))], last: w.last()}, 0.6)
		})
	}
	for range n / 8 { // the company itself, whose domain one contact has
		c := w.find(func(c contact) bool { return strings.HasSuffix(c.mail, ".example") && c.firm != "" })
		_, domain, _ := strings.Cut(c.mail, "@")
		w.add("companies", -1, func(a *author) {
			a.Name, a.Proven, a.Location = c.firm, []string{"https://" + domain}, c.city
		})
	}
	for range n / 8 { // colleagues who name the same employer, and namesakes in the same city
		c := w.find(func(c contact) bool { return c.firm != "" })
		w.add("colleagues", -1, func(a *author) {
			a.Name, a.Bio, a.Location = w.otherFirst(c.first)+" "+c.last, "Arbeite bei "+c.firm, c.city
		})
	}
}

// otherFirst draws another given name.
func (w *world) otherFirst(than string) string {
	for {
		if f := firsts[w.IntN(len(firsts))]; f != than {
			return f
		}
	}
}

// named are known persons of whom nothing but the name, and maybe the city, is seen: nobody can be sure of them.
func (w *world) named(n int) {
	for range n {
		c := w.contacts[w.some()]
		w.add("name alone", c.id, func(a *author) {
			if a.Name = w.shown(c, 1); w.chance(0.4) {
				a.Location = c.city
			}
		})
	}
}

func (a author) event(n int, at time.Time) flow.Event {
	network, _, _ := strings.Cut(a.ID, ":")
	m := flow.Mention{ID: fmt.Sprintf("%s:m%d", network, n), Network: network, Kind: flow.Comment, Direction: flow.In, Text: a.text, Created: at, Author: a.Author}
	if a.private {
		m.Kind, m.Private = flow.Message, true
	}
	return flow.Event{Verb: flow.New, At: at, Mention: m}
}
