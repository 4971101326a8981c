package pipeline

import (
	"time"

	"rapport/shared/decide"
	"rapport/shared/decide/identity"
	"rapport/shared/flow"
	"rapport/shared/ledger"
)

// MentionRow is what is known of one mention: its newest revision, the decision on it, and which events made it so.
// Kept under its mention id.
type MentionRow struct {
	Mention  flow.Mention    `json:"mention"`
	Decision decide.Decision `json:"decision"`
	Source   string          `json:"source,omitempty"`
	At       time.Time       `json:"at"`       // of the newest event, on the network's clock
	Revision int64           `json:"revision"` // 1 = never edited
	Events   []EventRef      `json:"events"`   // the newest maxEvents, oldest first
	Erased   bool            `json:"erased,omitempty"`
	Amended  string          `json:"amended,omitempty"` // the newest replay or undo that changed it: a job
	By       string          `json:"by,omitempty"`      // of what was erased: the author's hash, as lines have it

	Corrections []flow.Correction `json:"corrections,omitempty"` // of people, the newest maxCorrections, oldest first
}

// maxEvents bounds how many events a mention remembers.
const maxEvents = 24

// EventRef says which ledger line an event became.
type EventRef struct {
	ID   string       `json:"id"`
	Line ledger.Place `json:"line"`
}

// AuthorRow is what is known of an author. Kept under the author id.
type AuthorRow struct {
	Author   flow.Author `json:"author"`
	Seen     decide.Seen `json:"seen"`
	Score    flow.Score  `json:"score,omitzero"`
	Person   string      `json:"person,omitempty"`
	Objected bool        `json:"objected,omitempty"`  // tombstone: nothing may be stored
	Unscored string      `json:"unscored,omitempty"`  // why no score may be made, "" = it may
	Applied  []string    `json:"applied,omitempty"`   // the newest events counted in Seen
	Judged   Judged      `json:"judged,omitzero"`     // the profile by which it was looked for among the persons of the CRMs
	Rejected []string    `json:"rejected,omitempty"`  // persons that somebody said it is not
	Told     []flow.Told `json:"told,omitempty"`      // purposes the author objected to, from where and since when
	First    time.Time   `json:"first,omitzero"`      // when the first of their data was kept
	Answered time.Time   `json:"answered,omitzero"`   // when they were first answered
	Informed time.Time   `json:"informed,omitzero"`   // when they were told what is done with their data
	InformBy string      `json:"inform_by,omitempty"` // the answer that is about to tell them
	Handles  []string    `json:"handles,omitempty"`   // hashes of the handles that lead here, the newest last
}

// Judged says which profile an author was looked for by, so that the same profile is not looked for again before Look.
type Judged struct {
	Print string    `json:"print,omitempty"` // hash of the profile
	Look  time.Time `json:"look,omitzero"`   // CRMs change: from then on it is looked for again
}

// maxApplied bounds how many counted events an author remembers.
const maxApplied = 12

// ConversationRow is the state of one exchange. Kept under the id without number; sort "current", or the whole id of an
// earlier exchange in the same place.
type ConversationRow struct {
	Conversation flow.Conversation `json:"conversation"`
	Erased       bool              `json:"erased,omitempty"`   // no CRM may hold anything of it
	Replies      []string          `json:"replies,omitempty"`  // ids of the newest answers asked for in this place
	StatusAt     time.Time         `json:"status_at,omitzero"` // when a CRM last told its status
	Amended      string            `json:"amended,omitempty"`  // the newest replay or undo that changed it: a job
	Named        time.Time         `json:"named,omitzero"`     // when its owner's name is looked at, to be replaced
	Reminded     []string          `json:"reminded,omitempty"` // minutes to come in which its clock is looked at
}

const current = "current"

// PersonRow is a person. Kept under the person id.
type PersonRow struct {
	Person flow.Person         `json:"person"`
	Keys   map[string][]string `json:"keys,omitempty"`  // place of a matching key in a CRM → its hashes, so that they go when it changes
	Owned  time.Time           `json:"owned,omitzero"`  // since when the owner is known
	Erased time.Time           `json:"erased,omitzero"` // tombstone: nothing may be stored, whatever a CRM still tells of its records

	Traits map[string]identity.Traits `json:"traits,omitempty"` // place of a name in a CRM → what is compared with authors, hashed
	Merges []Absorbed                 `json:"merges,omitempty"` // what merges brought, so that they can be undone
}

// KeyRow leads from a strong key, hashed, to a person.
type KeyRow struct {
	Person   string `json:"person"`
	Kind     string `json:"kind"`
	Evidence string `json:"evidence"`

	Others []string `json:"others,omitempty"` // further persons whose records have it too: then it proves nothing

	Known []KnownRow `json:"known,omitempty"` // of a name: who goes by it
	Hot   bool       `json:"hot,omitempty"`   // of a name: so many go by it that only longer keys help
}

// KnownRow is one of those who go by a name, with what is compared.
type KnownRow struct {
	Person string          `json:"person"`
	Traits identity.Traits `json:"traits"`
}

// RecordRow is the journal of one CRM record that more than one worker may write: what we wrote, by field, and how far.
// Kept under CRM account and record key.
type RecordRow struct {
	Object   string            `json:"object"`
	ID       string            `json:"id,omitempty"`
	Written  int64             `json:"written"`           // newest revision the CRM was given
	Fields   map[string]string `json:"fields,omitempty"`  // field → hash of what the CRM was given
	Intents  map[string]string `json:"intents,omitempty"` // field → hashes of what was about to be written, while no answer tells
	Config   string            `json:"config,omitempty"`
	At       time.Time         `json:"at"`
	Gone     bool              `json:"gone,omitempty"`     // a human deleted it: never created again
	Human    []string          `json:"human,omitempty"`    // fields a human took over
	Patched  int64             `json:"patched,omitempty"`  // what somebody approved was written over this revision: who still holds an older one looks again
	Looked   time.Time         `json:"looked,omitzero"`    // when it was read before it was last written
	Restored int               `json:"restored,omitempty"` // edits by humans between that and our write, which were put back
	Undone   time.Time         `json:"undone,omitzero"`    // only what was received later is written again
}

// ForeignRow leads from a CRM record id back to our key, for changes. Kept under account, object and record id.
type ForeignRow struct {
	Key  string `json:"key"`
	Into string `json:"into,omitempty"` // survivor of a merge or conversion
}

// AccountRow is how an account is: whether its polls work, or, under a name of its own, whether its webhooks come.
type AccountRow struct {
	Cursor  string    `json:"cursor,omitempty"`
	Next    time.Time `json:"next"` // when to poll again
	Last    time.Time `json:"last"` // when it last worked
	Fails   int       `json:"fails,omitempty"`
	Problem string    `json:"problem,omitempty"`
	Kind    string    `json:"kind,omitempty"`   // of the problem's fault
	Config  string    `json:"config,omitempty"` // hash of the configuration that it failed with
	Bad     time.Time `json:"bad,omitzero"`     // since when it is amiss
	Gap     Gap       `json:"gap,omitzero"`     // the last one
}

// Gap is a stretch in which an account told nothing, or not everything, and what was fetched of it afterwards.
type Gap struct {
	From   time.Time `json:"from,omitzero"`
	To     time.Time `json:"to,omitzero"`      // zero = it lasts
	Events int       `json:"events,omitempty"` // fetched that nobody had told before
	Job    string    `json:"job,omitempty"`    // that fetches it, and counts
	Note   string    `json:"note,omitempty"`   // why nothing is fetched
}

// ThreadRow is who complained under one post, in the order of coming, as far as it matters. Kept under the thread's start.
type ThreadRow struct {
	Crowd []Complainant `json:"crowd,omitempty"`
}

// Complainant is an author, hashed, and with which mention they came.
type Complainant struct {
	Author  string `json:"author"`
	Mention string `json:"mention"`
}

// SeenRow remembers that something with an id of the vendor was taken in.
type SeenRow struct {
	At time.Time `json:"at"`
}
