package pulse

import (
	"sort"
	"time"
)

// Run looks at a brand again as it would have been looked at live, every Slot between two times, and gives each change of
// state. It begins with a pulse and leaves it as it was at the end; voices may be in any order.
func (p *Pulse) Run(voices []Voice, from, to time.Time, o Options) []Change {
	voices = sorted(voices)
	after := func(at time.Time) int {
		return sort.Search(len(voices), func(i int) bool { return !voices[i].At.Before(at) })
	}
	var out []Change
	for at := from.Truncate(Slot).Add(Slot); !at.After(to); at = at.Add(Slot) {
		if hour := at.Truncate(time.Hour); p.Level.Through.IsZero() || hour.After(p.Level.Through) && !at.Before(hour.Add(settled)) {
			begin := p.Level.Through
			if begin.IsZero() {
				begin = from.Truncate(time.Hour)
				p.Level.Through = begin
			}
			p.Learn(voices[after(begin):after(hour)], hour)
		}
		if c, changed := p.Look(voices[after(at.Add(-Span)):after(at.Add(time.Nanosecond))], at, o); changed {
			out = append(out, c)
		}
	}
	return out
}

// settled is how long after its end an hour is learned: by then what came in it was decided on.
const settled = 15 * time.Minute
