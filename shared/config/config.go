// Package config is the configuration document: brands, hooks, accounts, mapping and rules. The file rapport.yaml, the
// store and the console hold the same document; a version of it never changes once published.
package config

import (
	"slices"
	"time"
)

// Document is the whole configuration.
type Document struct {
	Version  int                 `yaml:"version" json:"version"`                     // of the format: 1
	Brands   []Brand             `yaml:"brands" json:"brands"`                       // at least one
	Hooks    []Hook              `yaml:"hooks,omitempty" json:"hooks,omitempty"`     // app registrations that send webhooks
	Networks []Account           `yaml:"networks" json:"networks"`                   // where mentions come from
	CRMs     []Account           `yaml:"crms" json:"crms"`                           // where records go
	Mapping  []Object            `yaml:"mapping,omitempty" json:"mapping,omitempty"` // empty = the default mapping of each CRM
	Filters  []Rule              `yaml:"filters,omitempty" json:"filters,omitempty"` // what matches is dropped, with the reason kept
	Routing  []Route             `yaml:"routing,omitempty" json:"routing,omitempty"` // the first that matches decides
	Actions  []Action            `yaml:"actions,omitempty" json:"actions,omitempty"` // the first that matches decides
	Score    Score               `yaml:"score,omitempty" json:"score,omitzero"`
	Alerts   []Alert             `yaml:"alerts,omitempty" json:"alerts,omitempty"` // whom crises and grave mentions are told
	Basis    Basis               `yaml:"basis,omitempty" json:"basis,omitzero"`
	Reports  Reports             `yaml:"reports,omitempty" json:"reports,omitzero"`
	Retain   Retain              `yaml:"retain,omitempty" json:"retain,omitzero"`
	Roles    map[string][]string `yaml:"roles,omitempty" json:"roles,omitempty"`               // console: role → groups of the log-in's provider that have it for all brands
	Overlays map[string]Overlay  `yaml:"environments,omitempty" json:"environments,omitempty"` // what is different in test, production …

	// Hash names this version: of the canonical text, set when loaded. Empty in a document built by hand.
	Hash string `yaml:"-" json:"hash,omitempty"`

	file   string           // as which it was loaded
	places map[string]place // path → where it stands in the text
}

// Brand groups accounts, mapping, calendar, languages and texts.
type Brand struct {
	Name       string              `yaml:"name" json:"name"`                               // letters, digits, . _ and -
	Title      string              `yaml:"title,omitempty" json:"title,omitempty"`         // as people read it
	Languages  []string            `yaml:"languages,omitempty" json:"languages,omitempty"` // in which it answers: de, en
	Terms      []string            `yaml:"terms,omitempty" json:"terms,omitempty"`         // names and handles by which people call it
	Official   []string            `yaml:"official,omitempty" json:"official,omitempty"`   // author ids that may speak for it
	Industry   string              `yaml:"industry,omitempty" json:"industry,omitempty"`   // telecom, retail …, as expressions see it
	Profile    string              `yaml:"profile,omitempty" json:"profile,omitempty"`     // default, health or finance: how strictly what is personal in posts is held back
	Region     string              `yaml:"region,omitempty" json:"region,omitempty"`       // for phone numbers without country: DE
	Calendar   Calendar            `yaml:"calendar,omitempty" json:"calendar,omitzero"`
	SLA        map[string]string   `yaml:"sla,omitempty" json:"sla,omitempty"`                 // priority → working time until the first answer: "1h30m"
	Pause      bool                `yaml:"pause,omitempty" json:"pause,omitempty"`             // while the author is to speak the clock only pauses: it goes on with what was left; not set = a new one begins
	Escalate   []Escalation        `yaml:"escalate,omitempty" json:"escalate,omitempty"`       // what happens while an answer is not there; none = a late one becomes urgent
	Protected  []string            `yaml:"protected,omitempty" json:"protected,omitempty"`     // author ids whose trouble raises an alert
	Numbers    map[string]string   `yaml:"numbers,omitempty" json:"numbers,omitempty"`         // order_number, customer_number → regular expression
	Notice     map[string]string   `yaml:"notice,omitempty" json:"notice,omitempty"`           // language → what is added where a rule answers; none = "Automatische Antwort." or "This is an automated answer."
	Crowd      int                 `yaml:"crowd,omitempty" json:"crowd,omitempty"`             // so many people who complain under one post raise an alert; 0 = 10
	Templates  []Template          `yaml:"templates,omitempty" json:"templates,omitempty"`     // texts to start an answer from, over the built-in ones
	Contact    Contact             `yaml:"contact,omitempty" json:"contact,omitzero"`          // where people reach it in private, for templates
	ReopenDays int                 `yaml:"reopen_days,omitempty" json:"reopen_days,omitempty"` // 0 = 14
	Roles      map[string][]string `yaml:"roles,omitempty" json:"roles,omitempty"`             // console: role → groups of the log-in's provider that have it for this brand
	Topics     []Topic             `yaml:"topics,omitempty" json:"topics,omitempty"`           // products, competitors and themes that are looked for in what is said
	Pulse      Pulse               `yaml:"pulse,omitempty" json:"pulse,omitzero"`              // how spikes and crises are watched for
	Budget     float64             `yaml:"budget" json:"budget"`                               // USD a day for paid calls to networks; not set = DefaultBudget, 0 = none at all

	Information map[string]string `yaml:"information,omitempty" json:"information,omitempty"` // language → the line below the first answer to somebody: where they learn what is done with their data (Art. 14 GDPR); none = no line
}

// Topic is something people talk about.
type Topic struct {
	Name  string   `yaml:"name" json:"name"`                       // as rules, mappings and reports see it; it is looked for as well
	Kind  string   `yaml:"kind,omitempty" json:"kind,omitempty"`   // product, competitor or theme (default)
	Words []string `yaml:"words,omitempty" json:"words,omitempty"` // other words and short phrases for it
	Whole bool     `yaml:"whole,omitempty" json:"whole,omitempty"` // whole words alone, never as a part of compounds
}

// Alert is a channel by which people are told at once: an address that takes signed webhooks.
type Alert struct {
	Name   string   `yaml:"name" json:"name"`                         // stands in logs
	URL    string   `yaml:"url" json:"url"`                           // takes a POST with JSON
	Secret string   `yaml:"secret,omitempty" json:"secret,omitempty"` // reference to the secret by which calls are signed as Standard Webhooks; none = they are not signed
	Brands []string `yaml:"brands,omitempty" json:"brands,omitempty"` // empty = all
	On     []string `yaml:"on,omitempty" json:"on,omitempty"`         // crisis, watch, cooling, normal, mention; empty = crisis, cooling and mention
}

// Takes tells whether a channel is told of something of a brand: a state, or "mention".
func (a Alert) Takes(brand, on string) bool {
	list := a.On
	if len(list) == 0 {
		list = []string{"crisis", "cooling", "mention"}
	}
	return slices.Contains(list, on) && (len(a.Brands) == 0 || slices.Contains(a.Brands, brand))
}

// Alert gives a channel by name.
func (d *Document) Alert(name string) (Alert, bool) {
	for _, a := range d.Alerts {
		if a.Name == name {
			return a, true
		}
	}
	return Alert{}, false
}

// Pulse is how a brand is watched for spikes and crises.
type Pulse struct {
	Off         bool   `yaml:"off,omitempty" json:"off,omitempty"`                 // not at all
	Minimum     int    `yaml:"minimum,omitempty" json:"minimum,omitempty"`         // so many different people must complain within an hour before it is a crisis; 0 = 8
	Sensitivity string `yaml:"sensitivity,omitempty" json:"sensitivity,omitempty"` // low, normal (default), high: how unusual things must be
}

// DefaultBudget is what a brand may spend a day on paid calls where its configuration does not say, in USD.
const DefaultBudget = 5.0

// Calendar is when a brand works.
type Calendar struct {
	Zone     string            `yaml:"zone,omitempty" json:"zone,omitempty"`         // IANA name; "" = UTC
	Hours    map[string]string `yaml:"hours,omitempty" json:"hours,omitempty"`       // mon…sun → "09:00-17:30"; none at all = always
	Holidays []string          `yaml:"holidays,omitempty" json:"holidays,omitempty"` // dates, 2026-12-25
	Country  string            `yaml:"country,omitempty" json:"country,omitempty"`   // public holidays: DE, DE-BY, AT, GB
}

// Escalation is what happens once while an answer is owed and nobody gives it. It needs a priority, a department or an alert.
type Escalation struct {
	Name        string   `yaml:"name" json:"name"`                                   // stands in the conversation once it was made
	After       string   `yaml:"after,omitempty" json:"after,omitempty"`             // share of the working time until the answer is owed: "80%"; "" or breach = all of it
	Departments []string `yaml:"departments,omitempty" json:"departments,omitempty"` // of conversations there; empty = all
	Queues      []string `yaml:"queues,omitempty" json:"queues,omitempty"`           // of those that these routing rules sent; empty = all
	Priorities  []string `yaml:"priorities,omitempty" json:"priorities,omitempty"`   // of those; empty = all
	Priority    string   `yaml:"priority,omitempty" json:"priority,omitempty"`       // is raised to: low, normal, high, urgent
	Department  string   `yaml:"department,omitempty" json:"department,omitempty"`   // goes to: service, sales, marketing, product, legal, hr
	Alert       bool     `yaml:"alert,omitempty" json:"alert,omitempty"`             // an alert tells people
}

// Template is a text a person may start from.
type Template struct {
	Action string `yaml:"action" json:"action"` // for which it is offered
	Lang   string `yaml:"lang" json:"lang"`     // de, en
	Text   string `yaml:"text" json:"text"`     // what the answer starts with: {name}, {brand}, {agent}, {case}, {link} … are filled in; a part in [square brackets] is left out where a value is missing
}

// Contact is where people reach a brand in private.
type Contact struct {
	Link    string            `yaml:"link,omitempty" json:"link,omitempty"`       // {link} in templates: a page or form of the brand
	Channel map[string]string `yaml:"channel,omitempty" json:"channel,omitempty"` // language → {channel} in templates: what the private way is called, as "direct message"
}

// Hook is one app registration at a vendor.
type Hook struct {
	Name     string            `yaml:"name" json:"name"`                             // its address is /hooks/<name>, or Path
	Kind     string            `yaml:"kind" json:"kind"`                             // of network or CRM
	Path     string            `yaml:"path,omitempty" json:"path,omitempty"`         // "" = /hooks/<name>
	Brand    string            `yaml:"brand,omitempty" json:"brand,omitempty"`       // of what comes without a known account
	Settings map[string]any    `yaml:"settings,omitempty" json:"settings,omitempty"` // as the connector's page lists them
	Secrets  map[string]string `yaml:"secrets,omitempty" json:"secrets,omitempty"`   // name → reference
}

// Account is a configured connection to one network or CRM.
type Account struct {
	Name     string            `yaml:"name" json:"name"`                             // unique among all accounts
	Kind     string            `yaml:"kind" json:"kind"`                             // of network or CRM
	Brand    string            `yaml:"brand,omitempty" json:"brand,omitempty"`       // of a network account; a CRM account serves Brands
	Brands   []string          `yaml:"brands,omitempty" json:"brands,omitempty"`     // of a CRM account; empty = all
	Hook     string            `yaml:"hook,omitempty" json:"hook,omitempty"`         // name of the hook that its webhooks come by
	ID       string            `yaml:"id,omitempty" json:"id,omitempty"`             // the vendor's id, by which webhooks find the account
	Origin   string            `yaml:"origin,omitempty" json:"origin,omitempty"`     // https://host, where it is not always the same
	Mode     string            `yaml:"mode,omitempty" json:"mode,omitempty"`         // CRM: observe (default) or write
	Modes    map[string]string `yaml:"modes,omitempty" json:"modes,omitempty"`       // object or object/brand → mode, over Mode
	Replies  string            `yaml:"replies,omitempty" json:"replies,omitempty"`   // network: off (default), approve, on
	Person   string            `yaml:"person,omitempty" json:"person,omitempty"`     // CRM: link-only (default) or create
	Media    string            `yaml:"media,omitempty" json:"media,omitempty"`       // network: copy (default, where the network's rules allow it) or off: attachments in the archive
	Paused   bool              `yaml:"paused,omitempty" json:"paused,omitempty"`     // not used for now
	Every    string            `yaml:"every,omitempty" json:"every,omitempty"`       // pause between polls, over the network's own
	Streams  []string          `yaml:"streams,omitempty" json:"streams,omitempty"`   // what to read: notifications, tag:x, search:x
	Batch    int               `yaml:"batch,omitempty" json:"batch,omitempty"`       // CRM: records of one call, below the vendor's own limit
	Reserve  int               `yaml:"reserve,omitempty" json:"reserve,omitempty"`   // CRM: percent of the quota left for other tools; 0 = the vendor's default
	Match    []Match           `yaml:"match,omitempty" json:"match,omitempty"`       // CRM: the only fields by which people are recognised, read in bulk by rapport sync
	Settings map[string]any    `yaml:"settings,omitempty" json:"settings,omitempty"` // as the connector's page lists them
	Secrets  map[string]string `yaml:"secrets,omitempty" json:"secrets,omitempty"`   // name → reference: env:NAME or aws:NAME
}

// Match names the fields of one CRM object that are matching keys.
type Match struct {
	Object   string   `yaml:"object" json:"object"`                         // API name
	Email    []string `yaml:"email,omitempty" json:"email,omitempty"`       // fields that hold e-mail addresses
	Phone    []string `yaml:"phone,omitempty" json:"phone,omitempty"`       // fields that hold phone numbers
	Customer []string `yaml:"customer,omitempty" json:"customer,omitempty"` // fields that hold customer numbers
	Name     []string `yaml:"name,omitempty" json:"name,omitempty"`         // fields that make up the name, given name first; with them people are compared, not only looked up
	City     string   `yaml:"city,omitempty" json:"city,omitempty"`         // field that holds the city; this and what follows is compared beside the name
	Country  string   `yaml:"country,omitempty" json:"country,omitempty"`
	Company  string   `yaml:"company,omitempty" json:"company,omitempty"` // employer
	Born     string   `yaml:"born,omitempty" json:"born,omitempty"`       // date or year of birth; only the year is looked at
	Site     []string `yaml:"site,omitempty" json:"site,omitempty"`       // fields that hold the person's own web site
	Handle   []string `yaml:"handle,omitempty" json:"handle,omitempty"`   // fields that hold a social handle or the address of a profile
}

// Fields lists the fields, each once.
func (m Match) Fields() []string {
	var out []string
	for _, f := range slices.Concat(m.Email, m.Phone, m.Customer, m.Name, m.Site, m.Handle, []string{m.City, m.Country, m.Company, m.Born}) {
		if f != "" && !slices.Contains(out, f) {
			out = append(out, f)
		}
	}
	return out
}

// Object maps one kind of thing to one object of a CRM account.
type Object struct {
	CRM    string           `yaml:"crm" json:"crm"`                           // account name
	Object string           `yaml:"object" json:"object"`                     // API name or label
	For    string           `yaml:"for" json:"for"`                           // mention, conversation or person
	When   string           `yaml:"when,omitempty" json:"when,omitempty"`     // expression; "" = always
	Key    string           `yaml:"key,omitempty" json:"key,omitempty"`       // unique field for our key; "" = the CRM's default
	Brands []string         `yaml:"brands,omitempty" json:"brands,omitempty"` // empty = all
	Fields map[string]Field `yaml:"fields" json:"fields"`                     // API name or label → what fills it
	Links  []Link           `yaml:"links,omitempty" json:"links,omitempty"`   // records of ours to associate with
}

// Field says what fills one field of a CRM object. In YAML a bare text is its Value.
type Field struct {
	Value  string `yaml:"value" json:"value"`                       // expression
	Wins   string `yaml:"wins,omitempty" json:"wins,omitempty"`     // human (default) or rapport
	Once   bool   `yaml:"once,omitempty" json:"once,omitempty"`     // only when the record is created
	At     string `yaml:"at,omitempty" json:"at,omitempty"`         // expression: when the value became so; written once for each such time, never while there is none
	Shared bool   `yaml:"shared,omitempty" json:"shared,omitempty"` // not ours alone: read before every write

	Purpose string `yaml:"purpose,omitempty" json:"purpose,omitempty"` // what it is for: left empty for whom that has no lawful basis; "" = service
}

// Link associates a record with another of ours.
type Link struct {
	To    string `yaml:"to" json:"to"`                           // mention, conversation, person, or previous: of a conversation, the one it follows
	Label string `yaml:"label,omitempty" json:"label,omitempty"` // kind of association, where the CRM has several
}

// Rule filters mentions out: what it matches is settled as filtered(name).
type Rule struct {
	Name   string   `yaml:"name" json:"name"`                         // stands in the ledger and in receipts
	When   string   `yaml:"when" json:"when"`                         // expression
	Brands []string `yaml:"brands,omitempty" json:"brands,omitempty"` // empty = all
}

// Route sends a mention to a department. The first that matches decides; without one the text's department does.
type Route struct {
	Name       string   `yaml:"name" json:"name"`                             // stands in receipts
	When       string   `yaml:"when" json:"when"`                             // expression
	Department string   `yaml:"department" json:"department"`                 // service, sales, marketing, product, legal, hr, or your own
	Priority   string   `yaml:"priority,omitempty" json:"priority,omitempty"` // low, normal, high, urgent; "" = as decided
	Brands     []string `yaml:"brands,omitempty" json:"brands,omitempty"`     // empty = all
}

// Action proposes what to do next. The first that matches and is not forbidden decides.
type Action struct {
	Name   string   `yaml:"name" json:"name"`                         // stands in receipts
	When   string   `yaml:"when" json:"when"`                         // expression
	Do     string   `yaml:"do" json:"do"`                             // the action proposed
	Answer bool     `yaml:"answer,omitempty" json:"answer,omitempty"` // the brand's template for it is sent at once, with the notice, where the account's replies are on
	Brands []string `yaml:"brands,omitempty" json:"brands,omitempty"` // empty = all
}

// Score weighs the Social Customer Score.
type Score struct {
	Off       bool           `yaml:"off,omitempty" json:"off,omitempty"`             // no score is made
	Strangers bool           `yaml:"strangers,omitempty" json:"strangers,omitempty"` // people are scored too who are no customers: who are linked to no CRM record
	Max       map[string]int `yaml:"max,omitempty" json:"max,omitempty"`             // component → most points; they sum to 100
	HalfLife  string         `yaml:"half_life,omitempty" json:"half_life,omitempty"` // "720h"
	Terms     []string       `yaml:"terms,omitempty" json:"terms,omitempty"`         // topics that count as relevant
}

// Basis is the lawful basis per purpose: service, matching, scoring, product, marketing → contract,
// legitimate_interest, consent, or none. A purpose that is not named has its default: service and matching
// legitimate_interest, scoring legitimate_interest, product and marketing none.
type Basis map[string]string

// Reports says what reports may tell besides what they always do.
type Reports struct {
	Agents Agents `yaml:"agents,omitempty" json:"agents,omitzero"`
}

// Agents switches figures of single members of the staff on: of cases by their owner in the CRM. They do not exist otherwise.
type Agents struct {
	On     bool   `yaml:"on,omitempty" json:"on,omitempty"`         // not set = there are none
	Reason string `yaml:"reason,omitempty" json:"reason,omitempty"` // why; stands on every page that shows them
}

// Retain says how long content is kept: content, receipts → "8760h".
type Retain map[string]string

// Overlay replaces parts of the document in one environment (test, production): settings, secrets, modes by account.
type Overlay struct {
	Accounts map[string]Account `yaml:"accounts,omitempty" json:"accounts,omitempty"` // by name; settings, secrets and modes are laid over, everything else is replaced
	Hooks    map[string]Hook    `yaml:"hooks,omitempty" json:"hooks,omitempty"`       // by name
}

// Version is one published state of the document.
type Version struct {
	Number int       `json:"number"`
	Hash   string    `json:"hash"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	Note   string    `json:"note,omitempty"`
	Text   string    `json:"text"` // the YAML as written
}

// Network gives a network account by name.
func (d *Document) Network(name string) (Account, bool) { return named(d.Networks, name) }

// CRM gives a CRM account by name.
func (d *Document) CRM(name string) (Account, bool) { return named(d.CRMs, name) }

func named(accounts []Account, name string) (Account, bool) {
	for _, a := range accounts {
		if a.Name == name {
			return a, true
		}
	}
	return Account{}, false
}

// Brand gives a brand by name; an unknown one has only its name.
func (d *Document) Brand(name string) Brand {
	for _, b := range d.Brands {
		if b.Name == name {
			return b
		}
	}
	return Brand{Name: name}
}

// Hook gives a hook by name.
func (d *Document) Hook(name string) (Hook, bool) {
	for _, h := range d.Hooks {
		if h.Name == name {
			return h, true
		}
	}
	return Hook{}, false
}

// Serves tells whether a CRM account takes mentions of a brand.
func (a Account) Serves(brand string) bool {
	if len(a.Brands) == 0 {
		return true
	}
	for _, b := range a.Brands {
		if b == brand {
			return true
		}
	}
	return false
}

// Writes tells whether a CRM account is in write mode for an object and brand. Everything else is observe.
func (a Account) Writes(object, brand string) bool {
	mode := a.Mode
	if m, ok := a.Modes[object]; ok {
		mode = m
	}
	if m, ok := a.Modes[object+"/"+brand]; ok {
		mode = m
	}
	return mode == "write"
}
