package pipeline

import (
	"bytes"
	"encoding/json"
	"time"

	"rapport/shared/fault"
)

// Envelope leads a raw body through the queue. In the message it is one line of JSON before the body.
type Envelope struct {
	Receipt string            `json:"r"` // id of the reception; ledger lines are receipt/index
	At      time.Time         `json:"t"`
	Hook    string            `json:"h,omitempty"` // name of the hook, or
	Account string            `json:"a,omitempty"` // name of the polled account
	Stream  string            `json:"s,omitempty"`
	Source  string            `json:"o,omitempty"` // history, test; "" = live
	Header  map[string]string `json:"d,omitempty"`
	Pointer string            `json:"p,omitempty"` // archive reference of a body too large for the queue
	Tries   int               `json:"n,omitempty"` // how often it went back to its queue, because what it points at could not be read
	Found   bool              `json:"f,omitempty"` // reconcile found it
	Only    []int             `json:"i,omitempty"` // which of its events are meant; none = all
}

// seal makes a message body.
func (e Envelope) seal(body []byte) []byte {
	head, _ := json.Marshal(e) // of plain texts: cannot fail
	out := make([]byte, 0, len(head)+1+len(body))
	return append(append(append(out, head...), '\n'), body...)
}

// open reads a message body.
func open(message []byte) (Envelope, []byte, error) {
	var e Envelope
	head, body, ok := bytes.Cut(message, []byte{'\n'})
	if !ok {
		return e, nil, fault.New(fault.Invalid, "a queued message has no envelope")
	}
	if err := json.Unmarshal(head, &e); err != nil {
		return e, nil, fault.New(fault.Invalid, "the envelope of a queued message: %w", err)
	}
	return e, body, nil
}
