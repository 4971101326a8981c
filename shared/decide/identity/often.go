package identity

import (
	"encoding/binary"
	"hash/fnv"
	"math"
)

// Counts says how often values occur among the persons of one CRM account. It has a fixed size: what is rare may be taken
// for a little more frequent than it is, never for rarer (a count-min sketch). Not safe for concurrent changes.
type Counts struct {
	Total int               `json:"total"` // persons counted
	Cells map[string][]byte `json:"cells"` // kind → two rows of 16-bit counters
}

// cells is how many counters a row has, by kind.
func cells(kind string) int {
	if kind == "last" || kind == "sounds" || kind == "firm" {
		return 8192
	}
	return 2048
}

// places gives where a value is counted.
func places(kind, value string) [2]int {
	h := fnv.New64a()
	_, _ = h.Write([]byte(value))
	sum, n := h.Sum64(), cells(kind)
	return [2]int{2 * int(sum%uint64(n)), 2 * (n + int(sum>>32%uint64(n)))}
}

// Add counts a person.
func (c *Counts) Add(t Traits) {
	c.Total++
	last := ""
	if len(t.Last) > 0 {
		last = t.Last[0]
	}
	for _, x := range [...][2]string{{"first", t.First}, {"last", last}, {"sounds", t.Sound}, {"city", t.City}, {"firm", t.Firm}} {
		if x[1] != "" {
			c.add(x[0], x[1])
		}
	}
}

func (c *Counts) add(kind, value string) {
	if c.Cells == nil {
		c.Cells = map[string][]byte{}
	}
	row := c.Cells[kind]
	if len(row) != 4*cells(kind) {
		row = make([]byte, 4*cells(kind))
		c.Cells[kind] = row
	}
	n := c.count(kind, value)
	for _, at := range places(kind, value) {
		if have := binary.LittleEndian.Uint16(row[at:]); int(have) == n && have < math.MaxUint16 {
			binary.LittleEndian.PutUint16(row[at:], have+1)
		}
	}
}

func (c *Counts) count(kind, value string) int {
	row := c.Cells[kind]
	if len(row) != 4*cells(kind) {
		return 0
	}
	at := places(kind, value)
	return int(min(binary.LittleEndian.Uint16(row[at[0]:]), binary.LittleEndian.Uint16(row[at[1]:])))
}

// smooth is how many unseen persons are reckoned beside those counted: in a small CRM a name that occurs once need not be rare.
func smooth(kind string) float64 {
	if kind == "first" || kind == "city" {
		return 300
	}
	return 2000
}

// OftenIn gives the frequencies over several accounts.
func OftenIn(list []*Counts) Often {
	return func(kind, hash string) (float64, bool) {
		seen, total := 0, 0
		for _, c := range list {
			seen += c.count(kind, hash)
			total += c.Total
		}
		return float64(seen+1) / (float64(total) + smooth(kind)), seen > 0
	}
}
