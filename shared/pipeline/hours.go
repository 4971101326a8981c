package pipeline

import (
	"context"
	"strings"
	"sync"
	"time"

	"rapport/shared/ledger"
	"rapport/shared/store"
)

// HourRow says that the ledger has lines of an account in an hour. Kept under the account, sorted by hour, and under "#" and
// the hour, sorted by account; both are there before the first line is, so that who walks long times or all accounts need not
// look into hours without any.
type HourRow struct{}

const (
	hourFormat = "2006010215" // as in a line's partition
	hourIndex  = "#"
)

// hours remembers which hours are opened already.
type hours struct {
	mu    sync.Mutex
	known map[string]bool // account#hour
}

// maxHours bounds what is remembered; then it begins anew.
const maxHours = 1000

func (h *hours) opened(place string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.known[place]
}

func (h *hours) open(place string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.known == nil || len(h.known) >= maxHours {
		h.known = map[string]bool{}
	}
	h.known[place] = true
}

// openHours makes sure that the hours of lines that are about to be written can be found.
func (p *Pipeline) openHours(ctx context.Context, todo []*one) error {
	var rows []*store.Row[HourRow]
	var names []string
	seen := map[string]bool{}
	for _, o := range todo {
		name := o.place.Part[:strings.LastIndexByte(o.place.Part, '#')]
		if seen[name] || p.hours.opened(name) {
			continue
		}
		seen[name] = true
		at := strings.LastIndexByte(name, '#')
		rows = append(rows, &store.Row[HourRow]{Part: name[:at], Sort: name[at+1:]}, &store.Row[HourRow]{Part: hourIndex + name[at+1:], Sort: name[:at]})
		names = append(names, name)
	}
	if len(rows) == 0 {
		return nil
	}
	for _, res := range p.hourly.Put(ctx, rows...) {
		if res.Err != nil && !conflicted(res) {
			return res.Err
		}
	}
	for _, name := range names {
		p.hours.open(name)
	}
	return nil
}

// Lines walks the ledger of an account between two times, hour by hour.
func (p *Pipeline) Lines(ctx context.Context, account string, from, to time.Time, visit func(ledger.Place, ledger.Line) error) error {
	first, last := from.UTC().Truncate(time.Hour), to.UTC().Add(time.Hour)
	for hour, err := range p.hourly.List(ctx, store.Range{Part: account, From: first.Format(hourFormat), To: last.Format(hourFormat)}) {
		if err != nil {
			return err
		}
		at, err := time.Parse(hourFormat, hour.Sort)
		if err != nil || !at.Before(to) {
			continue
		}
		for shard := range ledger.Shards {
			part := ledger.Part(account, at, shard)
			for row, err := range p.lines.List(ctx, store.Range{Part: part}) {
				if err != nil {
					return err
				}
				if row.Value.At.Before(from) || !row.Value.At.Before(to) {
					continue
				}
				if err := visit(ledger.Place{Part: part, Sort: row.Sort}, row.Value); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
