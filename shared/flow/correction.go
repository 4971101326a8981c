package flow

import "time"

// Correct is the verb of an event that no network tells: somebody of the brand says that a mention was read wrongly.
const Correct Verb = "correct"

// Reading is what a text is taken for. In a correction what is empty or nil is left as it was read.
type Reading struct {
	Lang       string   `json:"lang,omitempty" expr:"lang"`
	Sentiment  string   `json:"sentiment,omitempty" expr:"sentiment"`
	Complaint  *bool    `json:"complaint,omitempty" expr:"complaint"`
	Severity   *int     `json:"severity,omitempty" expr:"severity"`
	Intents    []string `json:"intents,omitempty" expr:"intents"` // the main one first
	Department string   `json:"department,omitempty" expr:"department"`
}

// Empty tells whether nothing is corrected.
func (r Reading) Empty() bool {
	return r.Lang == "" && r.Sentiment == "" && r.Complaint == nil && r.Severity == nil && len(r.Intents) == 0 && r.Department == ""
}

// Over puts what a later reading says over an earlier one.
func (r Reading) Over(was Reading) Reading {
	if r.Lang == "" {
		r.Lang = was.Lang
	}
	if r.Sentiment == "" {
		r.Sentiment = was.Sentiment
	}
	if r.Complaint == nil && len(r.Intents) == 0 {
		r.Complaint = was.Complaint
	}
	if r.Severity == nil {
		r.Severity = was.Severity
	}
	if len(r.Intents) == 0 {
		r.Intents = was.Intents
	}
	if r.Department == "" {
		r.Department = was.Department
	}
	return r
}

// Correction is what somebody says a text should have been read as, or (Undo) that the newest correction was wrong itself.
type Correction struct {
	ID     string    `json:"id" expr:"id"`
	By     string    `json:"by,omitempty" expr:"by"`
	At     time.Time `json:"at" expr:"at"`
	Of     string    `json:"of,omitempty" expr:"of"` // revision of the text it is about
	To     Reading   `json:"to,omitzero" expr:"to"`
	Was    Reading   `json:"was,omitzero" expr:"was"` // what it was read as then
	Undo   bool      `json:"undo,omitempty" expr:"undo"`
	Undone time.Time `json:"undone,omitzero" expr:"undone"` // it was taken back then
}

// Corrected gives what all corrections of a mention together say, and the newest of them that stands, nil if none does.
func Corrected(list []Correction) (all Reading, newest *Correction) {
	for i := range list {
		if c := list[i]; !c.Undo && c.Undone.IsZero() {
			all, newest = list[i].To.Over(all), &list[i]
		}
	}
	return all, newest
}
