// Package crm is the contract of a CRM's adapter.
//
// An adapter is one stateless value. It is given its account with every call, makes each vendor call once, and answers
// with one outcome per record; the pipeline batches, orders, leases, splits and retries. The suite is crmtest.
package crm

import (
	"context"
	"iter"
	"time"

	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/rest"
)

// Account is one configured CRM account with what is needed to call the vendor.
type Account = rest.Account

// CRM is what every adapter has. Safe for concurrent use.
type CRM interface {
	Info() Info

	// Upsert writes records of one object, at most Batch of Info, each key once. The answer has the same length and
	// order. The error is for the whole call (nothing is known of the records then): RateLimited, QuotaExhausted,
	// Unavailable, Unauthorized, Split (the vendor refused the batch because of some record), Ambiguous (the answer was
	// lost), Drift (fields are gone). A record's own failure is in its Outcome.
	// A record with an ID is written by that id and stamped with its key; with neither ID nor hit on its key it is created.
	// Where Attempted is set on a CRM without unique keys the adapter finds before it creates.
	Upsert(ctx context.Context, a Account, records []Record) ([]Outcome, error)

	// Read gives rows by our keys or, with keys that begin with "id:", by record id: one row per key, in order, Found
	// false where there is none. Strongly consistent where the vendor allows it.
	Read(ctx context.Context, a Account, object string, keys, fields []string) ([]Row, error)

	// Erase blanks or deletes what we wrote about a subject, never a foreign record. Twice is fine.
	Erase(ctx context.Context, a Account, s Subject) error
}

// Info describes a CRM as data.
type Info struct {
	Name        string
	Title       string
	Docs        string
	Origin      string // where it lives when the account names no address; "" = the account must
	Settings    []network.Field
	Secrets     []network.Field
	Hook        []network.Field // settings of a hook for changes; nil = none
	HookSecrets []network.Field
	Batch       int    // records of one Upsert
	Keyed       bool   // a unique key makes repeats harmless
	KeyField    string // name of the field that setup creates for our key
	Text        Limit  // longest text field by default
	Buckets     []network.Bucket
	Poll        time.Duration // pause between polls of Watcher; 0 = pushed only
	Needs       []network.Need
}

// Limit is a length in the vendor's own unit.
type Limit struct {
	Max  int
	Unit string // runes, utf16, bytes, graphemes
}

// Record is one row we ask for.
type Record struct {
	Object    string
	KeyField  string         // the unique field that holds Key
	Key       string         // rapport:<kind>:<id>
	ID        string         // record id where we know it: from an earlier outcome, a link, or an adoption
	Fields    map[string]any // text, float64, int, bool, time.Time, nil (clears); checked and cut by the mapping
	Links     []Link         // to other records
	Attempted bool           // somebody may have written it before: never create blindly
}

// Link is an association to another record.
type Link struct {
	Object string
	ID     string // record id, or
	Key    string // our key
	Label  string // kind of association where the CRM has several
}

// Outcome is what became of one record.
type Outcome struct {
	Key     string
	ID      string // record id
	State   State  // meaningless where Err is set
	Err     error  // Invalid, Transient, Drift (Fields names them), Gone (a human deleted it), Conflict …
	MovedTo string // object it now lives in, after a conversion; ID is the survivor's
}

// State of a written record.
type State string

// What an upsert did.
const (
	Created   State = "created"
	Updated   State = "updated"
	Unchanged State = "unchanged"
)

// Row is a record as the CRM holds it.
type Row struct {
	Found      bool
	ID         string
	Key        string
	Fields     map[string]any
	Changed    time.Time
	By         string // who changed it last, where told
	MergedInto string // surviving record id, where this one lost a merge or was converted
	Object     string // where it lives, if not where it was asked
}

// Subject is whose traces must go.
type Subject struct {
	Records []Record // keys and objects of what we wrote, with the fields we filled (values nil)
	Delete  bool     // records that are wholly ours may go; else only our fields are blanked
}

// ByObject gives the records of each object, in the order in which the objects come.
func (s Subject) ByObject() [][]Record {
	var out [][]Record
	at := map[string]int{}
	for _, r := range s.Records {
		i, known := at[r.Object]
		if !known {
			i = len(out)
			at[r.Object], out = i, append(out, nil)
		}
		out[i] = append(out[i], r)
	}
	return out
}

// Field is one field of an object, as the CRM describes it.
type Field struct {
	Name     string // API name
	Label    string
	Type     string // text, longtext, html, number, integer, flag, date, time, choice, choices, email, phone, url, reference
	Max      int    // longest text in the CRM's unit, 0 = not told
	Choices  []Choice
	Required bool // at creation
	ReadOnly bool
	Unique   bool
	Ours     bool // made by setup
	Refers   []string
}

// Choice is one value of a pick list.
type Choice struct{ Value, Label string }

// Object is a kind of record in a CRM.
type Object struct {
	Name, Label string
	Fields      []Field
	Creatable   bool
}

// Describer tells what fields there are.
type Describer interface {
	// Describe reads an object's fields. NotFound: no such object.
	Describe(ctx context.Context, a Account, object string) (Object, error)
	// Objects lists names and labels of the objects a mapping may write.
	Objects(ctx context.Context, a Account) ([]Object, error)
}

// Step is one thing setup would make.
type Step struct {
	What  string // field, object, group, association
	Name  string
	Why   string
	Done  bool // it is there already
	Error error
}

// Installer makes our fields and objects.
type Installer interface {
	// Plan compares what need names with what is there; it changes nothing.
	Plan(ctx context.Context, a Account, need []Object) ([]Step, error)
	// Apply makes what is missing, with an administrator's token in a.Secrets["admin"] (or "token"). Twice is fine.
	Apply(ctx context.Context, a Account, need []Object) ([]Step, error)
	// Export gives the same as files for the administrator's own pipeline: path → content.
	Export(a Account, need []Object) (map[string][]byte, error)
}

// Watcher brings back what was changed in the CRM.
type Watcher interface {
	// Changes reads the next page after cursor, as network.Poller does. The bodies are read by ParseChanges.
	Changes(ctx context.Context, a Account, cursor string) (network.Page, error)
}

// The fields of a flow.Change on which Rapport acts, whatever the vendor calls them; others keep the vendor's names.
const (
	FieldStatus       = "@status"        // open, waiting or closed
	FieldOwner        = "@owner"         // e-mail, or the vendor's id
	FieldEmail        = "@email"         // of a person
	FieldPhone        = "@phone"         // of a person
	FieldReply        = "@reply"         // text of an answer in the place made for it
	FieldReplyState   = "@reply_state"   // draft, approved …: only approved is sent
	FieldReplyPrivate = "@reply_private" // true: as a private message
	FieldAccepted     = "@accepted"      // true: an agent accepts the author as a person
	FieldObjected     = "@objected"      // purposes a person objects to, separated by semicolons
	FieldConsented    = "@consented"     // purposes a person consented to, separated by semicolons
)

// ChangeParser reads changes from a poll or a webhook body. Pure, as network.Parser. It names the fields above; what our
// own application wrote has By = "self".
type ChangeParser interface {
	ParseChanges(raw network.Raw) ([]flow.Change, error)
}

// Found is a record that matches.
type Found struct {
	Object, ID, Key, By string // By: email, phone, key, id
	Fields              map[string]any
}

// Finder looks a person up.
type Finder interface {
	// Find looks in an object by our keys, e-mails and phones (E.164). Search may lag behind writes.
	Find(ctx context.Context, a Account, object string, emails, phones []string) ([]Found, error)
}

// Lister reads matching keys in bulk.
type Lister interface {
	// List walks all rows of an object with the given fields. cursor resumes after a row: it is the ID of the last one
	// that was given, "" begins.
	List(ctx context.Context, a Account, object string, fields []string, cursor string) iter.Seq2[Row, error]
	// Count tells how many rows that would be.
	Count(ctx context.Context, a Account, object string) (int, error)
}

// Readable is a CRM whose account settings decide whether rows can be read. Where it says no, Read is Invalid, and fields
// are written without a look at what a human made of them.
type Readable interface {
	Readable(a Account) bool
}
