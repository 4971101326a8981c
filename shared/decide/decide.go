// Package decide turns what was gathered about an event into a decision. It is pure: no clock, no chance, no I/O; the same
// Inputs give the same Decision, byte for byte, today and in a replay. Inputs and Decision together are the receipt.
package decide

import (
	"time"

	"rapport/shared/decide/identity"
	"rapport/shared/decide/personal"
	"rapport/shared/decide/score"
	"rapport/shared/decide/text"
	"rapport/shared/flow"
)

// Model is the version of everything that decides without the configuration's help. It goes into Inputs, so that a replay
// knows what it compares.
const Model = "rapport-2/" + text.Model + "/" + identity.Version + "/" + score.Version

// What the parts of a decision are made of; they live with the step that makes them.
type (
	Seen      = score.Seen
	Candidate = identity.Candidate
	Key       = identity.Key
	Entity    = personal.Entity
)

// firstModel begins the versions that knew fewer limits of actions; what they decided is decided again by those.
const firstModel = "rapport-1/"

// The outcomes of a decision. Merged is the pipeline's to say: of what it received before.
const (
	Mention    = "mention"
	Filtered   = "filtered"
	Suppressed = "suppressed"
	Merged     = "merged"
)

// UnknownKeys stands in Inputs.Unknown while the matching keys of a CRM are still being read for the first time.
const UnknownKeys = "matching keys"

// Inputs is everything a decision may look at.
type Inputs struct {
	Now      time.Time  `json:"now" expr:"now"`                    // when it was gathered
	Received time.Time  `json:"received,omitzero" expr:"received"` // when what tells of it came
	Config   string     `json:"config" expr:"config"`              // hash of the configuration
	Model    string     `json:"model" expr:"model"`                // version of the text models
	Event    flow.Event `json:"event" expr:"event"`
	Source   string     `json:"source" expr:"source"` // live, history, test

	Known        *flow.Author       `json:"known,omitempty" expr:"known"`               // the author as last seen
	Seen         Seen               `json:"seen,omitzero" expr:"seen"`                  // what the author did so far
	Person       *flow.Person       `json:"person,omitempty" expr:"person"`             // nil = a stranger
	Candidates   []Candidate        `json:"candidates,omitempty" expr:"candidates"`     // found by keys, with what was compared
	People       int                `json:"people,omitempty" expr:"people"`             // how many persons the CRMs know; 0 = not counted
	Conversation *flow.Conversation `json:"conversation,omitempty" expr:"conversation"` // the present one of this author in this place
	Before       *flow.Mention      `json:"before,omitempty" expr:"before"`             // the mention as it was last decided; nil = new to us
	Corrections  []flow.Correction  `json:"corrections,omitempty" expr:"corrections"`   // what people said it should have been read as, oldest first
	Objected     bool               `json:"objected,omitempty" expr:"objected"`         // tombstone: nothing may be stored
	Consented    []string           `json:"consented,omitempty" expr:"consented"`       // purposes this author consented to
	Refuses      []string           `json:"refuses,omitempty" expr:"refuses"`           // purposes this author objected to
	MayMatch     string             `json:"may_match,omitempty" expr:"may_match"`       // the network's rule profile: yes, told, optin; anything else = no
	MayScore     bool               `json:"may_score,omitempty" expr:"may_score"`
	Unscored     string             `json:"unscored,omitempty" expr:"unscored"`     // why no score may be made of this author, "" = it may
	NoReply      bool               `json:"no_reply,omitempty" expr:"no_reply"`     // nobody can be answered there: a feed
	NoPrivate    bool               `json:"no_private,omitempty" expr:"no_private"` // nobody can be written to in private there
	Crowd        int                `json:"crowd,omitempty" expr:"crowd"`           // as which of those who complain under one post the author would count; 0 = counted before
	Crisis       bool               `json:"crisis,omitempty" expr:"crisis"`         // the brand is in crisis mode
	Unknown      []string           `json:"unknown,omitempty" expr:"unknown"`       // what could not be gathered, by name
}

// Decision is what becomes of an event.
type Decision struct {
	Outcome string `json:"outcome" expr:"outcome"`         // mention, filtered, suppressed, merged
	Reason  string `json:"reason,omitempty" expr:"reason"` // rule or basis

	Lang       string   `json:"lang" expr:"lang"`
	Sentiment  string   `json:"sentiment" expr:"sentiment"` // positive, neutral, negative
	Polarity   float64  `json:"polarity" expr:"polarity"`   // −1 … 1
	Complaint  bool     `json:"complaint" expr:"complaint"`
	Severity   int      `json:"severity" expr:"severity"` // 0–3
	Intents    []string `json:"intents" expr:"intents"`   // the main one first
	Confidence float64  `json:"confidence" expr:"confidence"`
	Words      []string `json:"words,omitempty" expr:"words"`   // what decided, with sign: "-kaputt"
	Topics     []string `json:"topics,omitempty" expr:"topics"` // of the brand's list
	PII        []string `json:"pii,omitempty" expr:"pii"`       // kinds of personal data in the text
	Found      []Entity `json:"found,omitempty" expr:"found"`   // only of private messages: values; of public ones kinds alone
	Safe       string   `json:"safe,omitempty" expr:"safe"`     // the text with personal data redacted, where it differs

	Person     string      `json:"person,omitempty" expr:"person"`     // whom the author is linked to
	Link       *flow.Link  `json:"link,omitempty" expr:"link"`         // a new edge
	Claimed    bool        `json:"claimed,omitempty" expr:"claimed"`   // linked by a public claim: nobody may be told what stands in the CRM
	Suggest    []Candidate `json:"suggest,omitempty" expr:"suggest"`   // for the review list
	Impostor   bool        `json:"impostor,omitempty" expr:"impostor"` // acts under the brand's name without being it
	Score      flow.Score  `json:"score,omitzero" expr:"score"`
	Combined   flow.Score  `json:"combined,omitzero" expr:"combined"` // of all accounts of a person who has several
	Seen       Seen        `json:"seen,omitzero" expr:"seen"`
	Department string      `json:"department,omitempty" expr:"department"`
	Route      string      `json:"route,omitempty" expr:"route"` // the rule that decided
	Priority   string      `json:"priority,omitempty" expr:"priority"`
	Due        time.Time   `json:"due,omitzero" expr:"due"`
	Action     string      `json:"action,omitempty" expr:"action"`
	Why        string      `json:"why,omitempty" expr:"why"`
	RunnerUp   string      `json:"runner_up,omitempty" expr:"runner_up"`
	Forbidden  []string    `json:"forbidden,omitempty" expr:"forbidden"`
	Propensity float64     `json:"propensity,omitempty" expr:"propensity"` // with which probability the action was chosen; 0 = 1: nothing was tried out
	Urgent     bool        `json:"urgent,omitempty" expr:"urgent"`         // which deliver lane
	Crisis     bool        `json:"crisis,omitempty" expr:"crisis"`         // the brand was in crisis when it was decided
	Alert      string      `json:"alert,omitempty" expr:"alert"`           // protected customer, growing complaint

	Answer   string `json:"answer,omitempty" expr:"answer"`       // what a rule answers, without the notice
	AnswerBy string `json:"answer_by,omitempty" expr:"answer_by"` // that rule
	Notice   string `json:"notice,omitempty" expr:"notice"`       // what is added to it

	Conversation *flow.Conversation `json:"conversation,omitempty" expr:"conversation"` // its next state, nil = none touched
	Receipts     []Receipt          `json:"receipts,omitempty" expr:"receipts"`
}

// Receipt is the reason of one decision, in plain words.
type Receipt struct {
	Of  string `json:"of" expr:"of"`   // language, sentiment, complaint, intent, personal data, identity, score, route, action, filter
	Say string `json:"say" expr:"say"` // "complaint: «kaputt», «seit drei Wochen»"
}
