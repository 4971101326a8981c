package ledger

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"
)

// Facts is what a seal vouches for of a line: all that must not change silently. What a worker notes for itself (attempts,
// what it has begun, hashes of fields) is left out, and where a delivery is under way it does not matter why. Its JSON is the
// canonical form: fields in this order, times in UTC, no spaces.
type Facts struct {
	Part       string    `json:"part"` // where the line is kept
	Sort       string    `json:"sort"`
	Account    string    `json:"account"`
	Network    string    `json:"network,omitempty"`
	Brand      string    `json:"brand,omitempty"`
	At         time.Time `json:"at"`
	Event      string    `json:"event,omitempty"`
	Mention    string    `json:"mention,omitempty"`
	Author     string    `json:"author,omitempty"`
	Outcome    Outcome   `json:"outcome"`
	Reason     string    `json:"reason,omitempty"`
	Source     string    `json:"source,omitempty"`
	Config     string    `json:"config,omitempty"`
	Archive    string    `json:"archive,omitempty"`
	Exchange   string    `json:"exchange,omitempty"`
	Found      bool      `json:"found,omitempty"`
	Erased     bool      `json:"erased,omitempty"`
	Deliveries []Stand   `json:"deliveries,omitempty"`
	Gist       *Gist     `json:"gist,omitempty"`
}

// Stand is what a seal vouches for of a delivery. State is queued as long as it is open, for whatever reason.
type Stand struct {
	Account string    `json:"account"`
	State   State     `json:"state"`
	Reason  string    `json:"reason,omitempty"`
	Created int       `json:"created,omitempty"`
	Updated int       `json:"updated,omitempty"`
	Record  string    `json:"record,omitempty"`
	Records []string  `json:"records,omitempty"`
	At      time.Time `json:"at,omitzero"`
}

// FactsOf gives the facts of a line.
func FactsOf(at Place, l Line) Facts {
	f := Facts{Part: at.Part, Sort: at.Sort, Account: l.Account, Network: l.Network, Brand: l.Brand, At: l.At.UTC(), Event: l.Event, Mention: l.Mention,
		Author: l.Author, Outcome: l.Outcome, Reason: l.Reason, Source: l.Source, Config: l.Config, Archive: l.Archive, Exchange: l.Exchange,
		Found: l.Found, Erased: l.Erased, Gist: l.Gist}
	if l.Outcome == Unread { // under way as well
		f.Reason = ""
	}
	for _, d := range l.Deliveries {
		s := Stand{Account: d.Account, State: Queued}
		if !d.State.Open() {
			s = Stand{Account: d.Account, State: d.State, Reason: d.Reason, Created: d.Created, Updated: d.Updated, Record: d.Record, Records: d.Records}
			if !d.At.IsZero() {
				s.At = d.At.UTC()
			}
		}
		f.Deliveries = append(f.Deliveries, s)
	}
	return f
}

// Column gives the column the facts count in.
func (f Facts) Column() string {
	l := Line{Outcome: f.Outcome}
	for _, s := range f.Deliveries {
		l.Deliveries = append(l.Deliveries, Delivery{State: s.State})
	}
	column, _ := l.Final()
	return column
}

// Leaf hashes the facts of a line with its salt. Without the salt nobody can tell which facts a leaf stands for, not even by
// trying: so who erases a line drops its salt, and the leaf may stay.
func Leaf(salt string, f Facts) string {
	return digest("rapport line 1\n", []byte(salt+"\n"), canonical(f))
}

// Entry is what a seal says of one line: as it was when its hour was sealed, or how it changed since. It holds no facts.
type Entry struct {
	Part   string `json:"part,omitempty"` // of the line
	Sort   string `json:"sort"`
	Old    string `json:"old,omitempty"` // leaf of an earlier seal; "" = the line is new
	Leaf   string `json:"leaf"`
	From   string `json:"from,omitempty"` // column of an earlier seal
	Column string `json:"column"`
}

// Place gives where the line is kept.
func (e Entry) Place() Place { return Place{e.Part, e.Sort} }

// Sealed is the part of a seal about the lines of one partition, or about what changed.
type Sealed struct {
	Part   string `json:"part"`             // of the lines; of changes: hour and shard
	Count  Tally  `json:"count"`            // its entries, by column
	Chunks int    `json:"chunks,omitempty"` // rows in which the entries are kept
	Root   string `json:"root"`             // of a Merkle tree over the entries, in their order
}

// Seal closes an hour: what was received in it, and what changed of earlier hours by then. Each names the one before, so who
// knows the newest knows that nothing before it was touched. Hours in which nothing happened have none.
type Seal struct {
	Number  int       `json:"number"` // 1, 2, 3 …
	Hour    time.Time `json:"hour"`
	Parts   []Sealed  `json:"parts,omitempty"`   // of lines received in the hour, by name
	Changes []Sealed  `json:"changes,omitempty"` // of lines of earlier hours: amendments, by shard
	Root    string    `json:"root"`              // of a Merkle tree over the roots of the parts, then of the changes
	Count   Tally     `json:"count"`             // the hour's lines by column, as they stood when it was sealed
	Config  string    `json:"config,omitempty"`  // version of the configuration in force then
	At      time.Time `json:"at"`                // made
	Prev    string    `json:"prev,omitempty"`    // hash of the seal before; "" = this is the first
}

// Hash names a seal: who wrote it down elsewhere knows later that nothing up to it was altered.
func (s Seal) Hash() string { return digest("rapport seal 1\n", canonical(s)) }

// Close fills in what follows from the parts: root and count.
func (s *Seal) Close() {
	var t Tree
	s.Count = Tally{}
	for _, p := range s.Parts {
		t.add([]byte(p.Root))
		s.Count.Sum(p.Count)
	}
	for _, p := range s.Changes {
		t.add([]byte(p.Root))
	}
	s.Root = t.Root()
}

// Tree folds entries into the root of a Merkle tree as in RFC 6962, section 2.1, one after the other. The zero value is empty.
type Tree struct {
	n     uint64
	stack [][sha256.Size]byte // roots of full subtrees, the largest first
}

// Add puts an entry behind those before.
func (t *Tree) Add(e Entry) { t.add(canonical(e)) }

func (t *Tree) add(data []byte) {
	node := sha256.Sum256(append([]byte{0}, data...))
	for n := t.n; n&1 == 1; n >>= 1 {
		last := len(t.stack) - 1
		node, t.stack = join(t.stack[last], node), t.stack[:last]
	}
	t.stack = append(t.stack, node)
	t.n++
}

// Root gives the root over all entries so far.
func (t *Tree) Root() string {
	if t.n == 0 {
		return digest("")
	}
	last := len(t.stack) - 1
	node := t.stack[last]
	for i := last - 1; i >= 0; i-- {
		node = join(t.stack[i], node)
	}
	return base64.RawURLEncoding.EncodeToString(node[:])
}

func join(left, right [sha256.Size]byte) [sha256.Size]byte {
	return sha256.Sum256(append(append([]byte{1}, left[:]...), right[:]...))
}

func digest(kind string, parts ...[]byte) string {
	h := sha256.New()
	h.Write([]byte(kind))
	for _, p := range parts {
		h.Write(p)
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

func canonical(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil { // of texts, numbers and times of this age: cannot fail
		return []byte(err.Error())
	}
	return data
}
