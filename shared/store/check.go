package store

import (
	"strings"
	"unicode/utf8"

	"rapport/shared/fault"
)

// MaxKey is the longest Part or Sort, in bytes.
const MaxKey = 1024

// Check tells what is wrong with a key: nil or fault.Invalid.
func (k Key) Check() error {
	if err := checkKey("Part", k.Part); err != nil {
		return err
	}
	return checkKey("Sort", k.Sort)
}

func checkKey(field, s string) error {
	switch {
	case s == "":
		return fault.New(fault.Invalid, "store: %s of a key is empty: name one", field)
	case len(s) > MaxKey:
		return fault.New(fault.Invalid, "store: %s %.40q… has %d bytes: at most %d are allowed", field, s, len(s), MaxKey)
	case strings.IndexByte(s, 0) >= 0 || !utf8.ValidString(s):
		return fault.New(fault.Invalid, "store: %s %.40q is not UTF-8 without NUL: encode it", field, s)
	}
	return nil
}

// Check judges the items of a Put or Delete before a driver works on them: the answer has the same length and order,
// with a fault.Invalid for each bad key, each too large Data and each key that was named before in the call.
func Check(items []Item) []Result {
	results := make([]Result, len(items))
	var seen map[Key]struct{}
	if len(items) > 8 {
		seen = make(map[Key]struct{}, len(items))
	}
	for k := range items {
		item := &items[k]
		if err := item.Key().Check(); err != nil {
			results[k].Err = err
			continue
		}
		if named(items[:k], item, seen) {
			results[k].Err = fault.New(fault.Invalid, "store: %.80q / %.80q is named twice in one call: put it once", item.Part, item.Sort)
			continue
		}
		if len(item.Data) > MaxData {
			results[k].Err = fault.New(fault.Invalid, "store: %.80q / %.80q has %d bytes of data: at most %d are allowed", item.Part, item.Sort, len(item.Data), MaxData)
		}
	}
	return results
}

// named tells whether an earlier item has the same key; seen is nil for short calls.
func named(earlier []Item, item *Item, seen map[Key]struct{}) bool {
	if seen != nil {
		_, ok := seen[item.Key()]
		seen[item.Key()] = struct{}{}
		return ok
	}
	for k := range earlier {
		if earlier[k].Sort == item.Sort && earlier[k].Part == item.Part {
			return true
		}
	}
	return false
}

// Expired tells whether the item's time has passed at a moment, given in Unix seconds. Drivers call it.
func (i Item) Expired(now int64) bool { return !i.Expires.IsZero() && i.Expires.Unix() <= now }
