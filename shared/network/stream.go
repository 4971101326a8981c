package network

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"rapport/shared/fault"
)

// Streams gives the streams an account names in its setting "streams", each once; first where it names none.
func Streams(a Account, first ...string) []string {
	var out []string
	for _, s := range a.Texts("streams") {
		if s = strings.TrimSpace(s); s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	if len(out) == 0 {
		return first
	}
	return out
}

// ReadCursor reads the JSON of a cursor into what a connector keeps in it; "" changes nothing. Of names what it belongs to:
// account, range. One that cannot be read is Invalid.
func ReadCursor(text, of string, into any) error {
	if text == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		return fault.New(fault.Invalid, "the cursor of this %s cannot be read: start it anew", of)
	}
	return nil
}

// Turns is the part of a cursor that lets each of several streams have its turn: one call reads one page of one stream, and
// a walk is over when none has anything new. It is kept as JSON within the connector's cursor.
type Turns struct {
	At   int      `json:"at,omitempty"`   // whose turn it is
	Over []string `json:"over,omitempty"` // streams with nothing new in this walk
}

// Next gives the stream whose turn it is. There must be one.
func (t *Turns) Next(streams []string) string {
	for i := range streams {
		if s := streams[(max(t.At, 0)+i)%len(streams)]; !slices.Contains(t.Over, s) {
			return s
		}
	}
	return streams[0]
}

// Took notes that a page of a stream was read, and whether that was its last in this walk. It tells whether a stream is
// left; at the end the next walk is prepared.
func (t *Turns) Took(stream string, last bool, streams []string) (more bool) {
	t.At = (slices.Index(streams, stream) + 1) % len(streams)
	if last {
		t.Over = append(t.Over, stream)
	}
	for _, s := range streams {
		if !slices.Contains(t.Over, s) {
			return true
		}
	}
	*t = Turns{}
	return false
}

// ProbeClock compares the clock of a server's answer with ours: beyond two minutes signatures and times are doubted. Whose
// names the server in the possessive. It finds nothing where the answer tells no time.
func ProbeClock(answer http.Header, now time.Time, whose string) []Finding {
	date, err := http.ParseTime(answer.Get("Date"))
	if err != nil {
		return nil
	}
	if off := now.Sub(date).Abs(); off > 2*time.Minute {
		return []Finding{{What: "clock", Say: fmt.Sprintf("Our clock and %s are %s apart.", whose, off.Round(time.Second)), Mend: "Set the clock of this machine by NTP."}}
	}
	return []Finding{{What: "clock", OK: true, Say: "The clocks agree."}}
}

// Place gives where a stream stands in a cursor, made where it is new.
func Place[P any](streams *map[string]*P, stream string) *P {
	if *streams == nil {
		*streams = map[string]*P{}
	}
	if (*streams)[stream] == nil {
		(*streams)[stream] = new(P)
	}
	return (*streams)[stream]
}
