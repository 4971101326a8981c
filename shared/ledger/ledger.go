// Package ledger says what became of everything received. It is pure: lines are items of the store, counts are folds over
// them, never increments.
//
//	event   → parked(reason), then merged | filtered(rule) | suppressed(basis) | rejected(reason) | mention
//	mention → one delivery per CRM account: open (queued, parked) or settled (written, unchanged, suppressed, rejected, dead)
package ledger

import (
	"fmt"
	"hash/fnv"
	"slices"
	"time"
)

// Outcome is what became of an event.
type Outcome string

// The outcomes of an event.
const (
	Merged     Outcome = "merged"     // known already, or older than what is known
	Filtered   Outcome = "filtered"   // a rule, or the nature of the event, leaves it out
	Suppressed Outcome = "suppressed" // no lawful basis, an objection, or observe mode
	Rejected   Outcome = "rejected"   // cannot be read or belongs to nobody
	Mention    Outcome = "mention"    // goes to the CRMs
	Unread     Outcome = "parked"     // open: what it points at cannot be read just now, and is tried again
)

// State is where a delivery stands.
type State string

// Open and settled states of a delivery.
const (
	Queued     State = "queued"
	Parked     State = "parked"
	Written    State = "written"
	Unchanged  State = "unchanged"
	NotAllowed State = "suppressed"
	Refused    State = "rejected"
	Dead       State = "dead"
)

// Open tells whether the delivery is still under way.
func (s State) Open() bool { return s == Queued || s == Parked }

// Line is what became of one received event. It holds ids and reasons, never content.
type Line struct {
	Account    string     `json:"account"` // network account, or hook where no account was found
	Network    string     `json:"network,omitempty"`
	Brand      string     `json:"brand,omitempty"`
	At         time.Time  `json:"at"` // received
	Event      string     `json:"event,omitempty"`
	Mention    string     `json:"mention,omitempty"`
	Author     string     `json:"author,omitempty"` // short hash, to find a person's lines
	Outcome    Outcome    `json:"outcome"`
	Reason     string     `json:"reason,omitempty"`
	Source     string     `json:"source,omitempty"` // "" = live
	Config     string     `json:"config,omitempty"`
	Archive    string     `json:"archive,omitempty"`  // reference of the batch that holds the receipt
	Exchange   string     `json:"exchange,omitempty"` // of what was suppressed: the place of its conversation, should traces be left there
	Deliveries []Delivery `json:"deliveries,omitempty"`
	Gist       *Gist      `json:"gist,omitempty"`
	Found      bool       `json:"found,omitempty"`  // the network did not tell it by itself: reconcile found it
	Erased     bool       `json:"erased,omitempty"` // whose it was asked to be forgotten: ids are hashes, the author is not named
	Salt       string     `json:"salt,omitempty"`   // of the leaf that a seal knows it by; a new one after an erasure
}

// Delivery is where one CRM account stands with a mention.
type Delivery struct {
	Account  string            `json:"account"`
	State    State             `json:"state"`
	Reason   string            `json:"reason,omitempty"`
	Attempts int               `json:"attempts,omitempty"` // judgements by the vendor
	Begun    bool              `json:"begun,omitempty"`    // somebody may have sent it, whatever became of that
	Created  int               `json:"created,omitempty"`  // records of each kind
	Updated  int               `json:"updated,omitempty"`
	Record   string            `json:"record,omitempty"`  // id of the mention's own record, where told
	Records  []string          `json:"records,omitempty"` // where it has several: object#id
	Prints   map[string]string `json:"prints,omitempty"`  // object.field → hash of what was written, where a human may change it
	At       time.Time         `json:"at,omitzero"`       // settled
}

// Place is where a line is kept: partition account#hour#shard, sorted by receipt and index.
type Place struct{ Part, Sort string }

// Shards spreads an hour of one account over as many partitions.
const Shards = 4

// At gives the place of a line: receipt is the id given at reception, index counts events of one body.
func At(account string, received time.Time, receipt string, index int) Place {
	h := fnv.New32a()
	h.Write([]byte(receipt))
	return Place{Part(account, received, int(h.Sum32()%Shards)), fmt.Sprintf("%s/%03d", receipt, index)}
}

// Part names one partition of an hour.
func Part(account string, hour time.Time, shard int) string {
	return fmt.Sprintf("%s#%s#%d", account, hour.UTC().Format("2006010215"), shard)
}

// Delivery gives the delivery of a CRM account, nil if there is none.
func (l *Line) Delivery(account string) *Delivery {
	for i := range l.Deliveries {
		if l.Deliveries[i].Account == account {
			return &l.Deliveries[i]
		}
	}
	return nil
}

// rank orders deliveries from good to bad; a mention's line is the worst of them.
func rank(s State) int {
	return slices.Index([]State{Unchanged, Written, NotAllowed, Refused, Dead, Parked, Queued}, s)
}

// Final gives the column a line counts in, and whether it is still open.
func (l Line) Final() (column string, open bool) {
	switch l.Outcome {
	case Unread:
		return "open", true
	case Mention:
	default:
		return string(l.Outcome), false
	}
	worst := Unchanged
	for i, d := range l.Deliveries {
		if i == 0 || rank(d.State) > rank(worst) {
			worst = d.State
		}
	}
	switch {
	case worst.Open():
		return "open", true
	case worst == Unchanged:
		return string(Written), false
	}
	return string(worst), false
}

// Tally is a fold over lines. Received is the sum of all columns.
type Tally struct {
	Received   int `json:"received"`
	Written    int `json:"written"`
	Merged     int `json:"merged"`
	Filtered   int `json:"filtered"`
	Suppressed int `json:"suppressed"`
	Rejected   int `json:"rejected"`
	Dead       int `json:"dead"`
	Open       int `json:"open"`
}

// Add counts a line.
func (t *Tally) Add(l Line) {
	column, _ := l.Final()
	t.AddColumn(column)
}

// AddColumn counts a line of a column.
func (t *Tally) AddColumn(column string) {
	t.Received++
	switch column {
	case "written":
		t.Written++
	case "merged":
		t.Merged++
	case "filtered":
		t.Filtered++
	case "suppressed":
		t.Suppressed++
	case "rejected":
		t.Rejected++
	case "dead":
		t.Dead++
	default:
		t.Open++
	}
}

// AddDelivery counts where one CRM account stands with a mention: of a CRM, received is what it was to hold.
func (t *Tally) AddDelivery(d Delivery) { t.Add(Line{Outcome: Mention, Deliveries: []Delivery{d}}) }

// Sum adds another tally.
func (t *Tally) Sum(o Tally) {
	t.Received += o.Received
	t.Written += o.Written
	t.Merged += o.Merged
	t.Filtered += o.Filtered
	t.Suppressed += o.Suppressed
	t.Rejected += o.Rejected
	t.Dead += o.Dead
	t.Open += o.Open
}
