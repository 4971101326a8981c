// Package privacy is the data map: what every stored field is, whose it is, what it is kept for, on which basis and for how
// long. It is data alone. A test reads the code and fails for a field that is stored and stands here not, or the other way
// round; the tables under docs/privacy and the record of processing of `rapport privacy report` are made from it.
package privacy

import "slices"

// Text is a sentence in the languages of the papers.
type Text struct{ EN, DE string }

// In gives the text in a language: de, or anything else for English.
func (t Text) In(lang string) string {
	if lang == "de" {
		return t.DE
	}
	return t.EN
}

// Category is what kind of datum a field is.
type Category string

// The categories. Part is no category of its own: the field consists of another type, whose fields are listed there.
const (
	Content     Category = "content"     // what somebody said or sent
	Identifier  Category = "identifier"  // leads to one person or to one thing a person said, hashed or not
	Profile     Category = "profile"     // what a person shows of themselves
	Derived     Category = "derived"     // what Rapport concluded
	Staff       Category = "staff"       // about the customer's own people
	Operational Category = "operational" // about the machinery; of nobody
	Part        Category = "part"
)

// Whose is about whom a field is.
type Whose string

// About whom a field can be.
const (
	Authors Whose = "authors" // people outside who said something, and whom their words name
	Persons Whose = "persons" // people in the customer's CRM
	Workers Whose = "staff"   // the customer's own people
	Nobody  Whose = "nobody"
)

// Purpose is what a field is kept for.
type Purpose string

// The purposes. The first three have the basis that the configuration gives them.
const (
	Service   Purpose = "service"   // to see, route and answer what is said to the brand
	Matching  Purpose = "matching"  // to know whether who speaks is a customer already
	Scoring   Purpose = "scoring"   // to weigh how far it carries
	Proof     Purpose = "proof"     // to show what became of everything, and to honour deletions and objections for good
	Operation Purpose = "operation" // to run safely: queues, log-ins, limits, configuration
)

// Field is one stored field, under its name in JSON.
type Field struct {
	Name     string
	Category Category
	Whose    Whose
	Purpose  Purpose
}

// Type is one stored Go type.
type Type struct {
	Name   string // package below shared, and type: flow.Mention
	What   Text
	Fields []Field
}

// Place is somewhere values of a type are kept.
type Place struct {
	Where string // store, archive, queue, file
	Name  string // table of the store, part of the archive, lane of the queue, file
	Type  string // "" = what is kept has no fields: What says what it is
	Keep  string // name of its Term
	What  Text   // set where the type does not say it
}

// The kinds of places.
const (
	Store   = "store"
	Archive = "archive"
	Queue   = "queue"
	File    = "file"
)

// Term is how long something is kept, and what ends it.
type Term struct {
	Name string
	What Text // what it is about
	Long Text // how long
	Ends Text // what ends it earlier, and how it ends
}

// Find gives a type of the map.
func Find(name string) (Type, bool) {
	for _, t := range Types() {
		if t.Name == name {
			return t, true
		}
	}
	return Type{}, false
}

// Field gives a field of a type.
func (t Type) Field(name string) (Field, bool) {
	for _, f := range t.Fields {
		if f.Name == name {
			return f, true
		}
	}
	return Field{}, false
}

// Basis is the lawful basis of a purpose where the configuration does not say another.
func (p Purpose) Basis() string {
	switch p {
	case Service, Matching, Scoring:
		return "legitimate_interest"
	case Proof:
		return "legal_obligation"
	}
	return "legitimate_interest"
}

// Kept gives the terms under which values of a type are kept; none where it is always part of another.
func Kept(of string) (terms []string) {
	for _, p := range Places() {
		if p.Type == of && !slices.Contains(terms, p.Keep) {
			terms = append(terms, p.Keep)
		}
	}
	return terms
}
