package flow

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"
)

// Status of a conversation.
type Status string

// The states of a conversation: open = nobody looked, waiting = our move, answered = theirs, closed.
const (
	Open     Status = "open"
	Waiting  Status = "waiting"
	Answered Status = "answered"
	Closed   Status = "closed"
)

// Conversation is one exchange with one author in one place.
type Conversation struct {
	ID         string    `json:"id" expr:"id"`
	Account    string    `json:"account,omitempty" expr:"account"`
	Brand      string    `json:"brand,omitempty" expr:"brand"`
	Network    string    `json:"network,omitempty" expr:"network"`
	Author     Author    `json:"author,omitzero" expr:"author"`
	Root       string    `json:"root,omitempty" expr:"root"` // mention id of the thread's start, "" for private messages
	Private    bool      `json:"private,omitempty" expr:"private"`
	Status     Status    `json:"status,omitempty" expr:"status"`
	Subject    string    `json:"subject,omitempty" expr:"subject"`
	Department string    `json:"department,omitempty" expr:"department"`
	Queue      string    `json:"queue,omitempty" expr:"queue"`       // the routing rule that sent it to its department; "" = what the text says
	Priority   string    `json:"priority,omitempty" expr:"priority"` // low, normal, high, urgent
	Severity   int       `json:"severity,omitempty" expr:"severity"` // the highest so far, 0–3
	Action     string    `json:"action,omitempty" expr:"action"`
	Case       bool      `json:"case,omitempty" expr:"case"`         // deserves a case in a CRM
	Number     int       `json:"number,omitempty" expr:"number"`     // 1, 2 … : which exchange of this author in this place
	Previous   string    `json:"previous,omitempty" expr:"previous"` // the conversation before, when this one follows a closed one
	Opened     time.Time `json:"opened,omitzero" expr:"opened"`
	Start      string    `json:"start,omitempty" expr:"start"`            // the mention that opened it
	Received   time.Time `json:"received,omitzero" expr:"received"`       // when that came
	Owed       time.Time `json:"owed,omitzero" expr:"owed"`               // since when the brand's first answer is waited for; zero = none is
	First      time.Time `json:"first,omitzero" expr:"first"`             // when the brand said something for the first time after that
	SLA        string    `json:"sla,omitempty" expr:"sla"`                // of the first answer: kept or missed; "" = none was owed by a time, or it is not decided
	Since      time.Time `json:"since,omitzero" expr:"since"`             // when the present clock began, or went on
	Escalated  []string  `json:"escalated,omitempty" expr:"escalated"`    // escalations of the present clock that were made, the newest last
	Due        time.Time `json:"due,omitzero" expr:"due"`                 // first answer is owed by then
	AnsweredAt time.Time `json:"answered_at,omitzero" expr:"answered_at"` // when the clock stopped
	ClosedAt   time.Time `json:"closed_at,omitzero" expr:"closed_at"`
	ReopenedAt time.Time `json:"reopened_at,omitzero" expr:"reopened_at"` // when the author last came back to it after it was closed
	ReplyUntil time.Time `json:"reply_until,omitzero" expr:"reply_until"`
	Updated    time.Time `json:"updated,omitzero" expr:"updated"`
	Turns      []Turn    `json:"turns,omitempty" expr:"turns"` // the newest MaxTurns, oldest first
	Person     string    `json:"person,omitempty" expr:"person"`
	Owner      string    `json:"owner,omitempty" expr:"owner"`             // e-mail of whoever works on it in the CRM
	ReplyState string    `json:"reply_state,omitempty" expr:"reply_state"` // of the newest answer asked for: approved, sending, sent, failed, parked
	ReplyNote  string    `json:"reply_note,omitempty" expr:"reply_note"`   // why it failed, or where it stands
	ReplyAt    time.Time `json:"reply_at,omitzero" expr:"reply_at"`        // when it ended so
	Source     string    `json:"source,omitempty" expr:"source"`           // live, history, test
	Revision   int64     `json:"revision" expr:"revision"`                 // grows by one with every change a CRM should see
}

// What became of a promise to answer in time.
const (
	Kept   = "kept"
	Missed = "missed"
)

// Answer notes that the brand spoke at a time. The first answer after somebody began to wait for one settles the promise,
// also where it becomes known late, or before another that was made later.
func (c *Conversation) Answer(at time.Time) {
	if c.Owed.IsZero() || at.Before(c.Owed.Truncate(time.Second)) || !c.First.IsZero() && !at.Before(c.First) {
		return
	}
	known := c.First
	c.First = at
	if !c.Due.IsZero() && (known.IsZero() || c.Since.Equal(c.Owed)) {
		c.Settle(at)
	}
}

// Settle says whether the promise was kept, where the clock stopped at a time.
func (c *Conversation) Settle(at time.Time) {
	if c.SLA = Kept; at.After(c.Due) {
		c.SLA = Missed
	}
}

// MaxTurns bounds how much of an exchange a conversation carries itself.
const MaxTurns = 40

// Turn is one utterance in a conversation.
type Turn struct {
	Mention   string    `json:"mention" expr:"mention"`
	Direction Direction `json:"direction" expr:"direction"`
	By        string    `json:"by" expr:"by"` // handle
	At        time.Time `json:"at" expr:"at"`
	Text      string    `json:"text" expr:"text"` // shortened; blank once deleted
	Permalink string    `json:"permalink,omitempty" expr:"permalink"`
	Deleted   bool      `json:"deleted,omitempty" expr:"deleted"`
	Edited    bool      `json:"edited,omitempty" expr:"edited"`     // an edit: the words as they became at that time
	Replaced  bool      `json:"replaced,omitempty" expr:"replaced"` // blanked, because an edit further down holds the words now
}

// ConversationID names the exchange of author in one place: (account, root, author), private: (account, author). It leads
// with the root, so that exchanges of one thread lie side by side; exchanges that follow each other in one place have
// .2, .3 … behind it. Place takes that off again.
func ConversationID(account, root, author string, private bool) string {
	place := root
	if private {
		place = author
	}
	h := sha256.New()
	put(h, account, author)
	return place + "~" + base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:9])
}

// Place takes the number off a conversation's id: what all exchanges of an author in one place share.
func Place(conversation string) string {
	i := strings.LastIndexByte(conversation, '~')
	if dot := strings.IndexByte(conversation[i+1:], '.'); dot >= 0 {
		return conversation[:i+1+dot]
	}
	return conversation
}

// Person is the human or company behind authors and CRM records.
type Person struct {
	ID        string           `json:"id" expr:"id"`
	Name      string           `json:"name,omitempty" expr:"name"`
	Authors   []string         `json:"authors,omitempty" expr:"authors"` // author ids
	Links     []Link           `json:"links,omitempty" expr:"links"`     // edges to authors and CRM records, with evidence
	Score     Score            `json:"score" expr:"score"`
	Scores    map[string]Score `json:"scores,omitempty" expr:"scores"`       // author id → score, of whoever has several accounts
	Unscored  string           `json:"unscored,omitempty" expr:"unscored"`   // why no score may be made, "" = it may
	Objected  []string         `json:"objected,omitempty" expr:"objected"`   // purposes the person objected to
	Consented []string         `json:"consented,omitempty" expr:"consented"` // purposes the person consented to
	Told      []Told           `json:"told,omitempty" expr:"told"`           // from where the two are known, and since when
	Owner     string           `json:"owner,omitempty" expr:"owner"`         // e-mail of the owner in the CRM
	Protected bool             `json:"protected,omitempty" expr:"protected"`
	Accepted  map[string]bool  `json:"accepted,omitempty" expr:"accepted"` // CRM account → may be created there
	Merged    string           `json:"merged,omitempty" expr:"merged"`     // id of the person this one was merged into
	Updated   time.Time        `json:"updated" expr:"updated"`
	Revision  int64            `json:"revision" expr:"revision"`
}

// Told is the newest that is known of somebody's will about a purpose: from whom, and since when.
type Told struct {
	Purpose string    `json:"purpose" expr:"purpose"` // service, matching, scoring, product, marketing
	What    string    `json:"what" expr:"what"`       // consent or withdrawn; objection or lifted
	Source  string    `json:"source" expr:"source"`   // a CRM's account, object and record, or who took it in
	At      time.Time `json:"at" expr:"at"`
}

// What somebody may say about a purpose.
const (
	Consents  = "consent"
	Withdrawn = "withdrawn" // a consent that was given before
	Objection = "objection"
	Lifted    = "lifted" // an objection that was made before
)

// Link is an edge from a person to an author or to a CRM record.
type Link struct {
	To       string    `json:"to" expr:"to"`                   // author id, or CRM account name
	Object   string    `json:"object,omitempty" expr:"object"` // CRM object, "" for an author
	Record   string    `json:"record,omitempty" expr:"record"` // CRM record id
	Evidence string    `json:"evidence" expr:"evidence"`       // in plain words
	Class    string    `json:"class" expr:"class"`             // A, B or C
	By       string    `json:"by" expr:"by"`                   // rule version or a person
	At       time.Time `json:"at" expr:"at"`
}

// Score is the Social Customer Score: whole points that sum exactly to Total.
type Score struct {
	Total      int         `json:"total" expr:"total"`           // 0–100
	Confidence int         `json:"confidence" expr:"confidence"` // percent: how much of what it needs was known
	Parts      []ScorePart `json:"parts,omitempty" expr:"parts"`
	Version    string      `json:"version,omitempty" expr:"version"`
	At         time.Time   `json:"at,omitzero" expr:"at"`
}

// ScorePart is one component with its reason in a sentence.
type ScorePart struct {
	Name   string `json:"name" expr:"name"` // reach, resonance, connectedness, relevance, role; networks = what further accounts add
	Points int    `json:"points" expr:"points"`
	Max    int    `json:"max" expr:"max"`
	Reason string `json:"reason" expr:"reason"`
}

// Change is what somebody changed in a CRM.
type Change struct {
	Account string         `json:"account" expr:"account"`
	Object  string         `json:"object" expr:"object"`
	Record  string         `json:"record" expr:"record"`             // CRM record id
	Key     string         `json:"key,omitempty" expr:"key"`         // our key, where the CRM tells it
	Verb    string         `json:"verb" expr:"verb"`                 // update, create, delete, merge, convert
	Into    string         `json:"into,omitempty" expr:"into"`       // surviving record id of a merge or conversion
	Object2 string         `json:"object2,omitempty" expr:"object2"` // its object, where it differs
	Fields  map[string]any `json:"fields,omitempty" expr:"fields"`
	By      string         `json:"by,omitempty" expr:"by"` // user or app that did it
	At      time.Time      `json:"at" expr:"at"`
	ID      string         `json:"id,omitempty" expr:"id"` // dedupe id of the vendor
}

// Reply is what goes back to a network.
type Reply struct {
	ID           string    `json:"id" expr:"id"`
	Account      string    `json:"account" expr:"account"` // network account it is sent from
	Conversation string    `json:"conversation" expr:"conversation"`
	Mention      string    `json:"mention" expr:"mention"` // what it answers
	Author       Author    `json:"author" expr:"author"`   // to whom
	Text         string    `json:"text" expr:"text"`
	Private      bool      `json:"private,omitempty" expr:"private"`
	State        string    `json:"state" expr:"state"` // draft, approved, sending, sent, failed, parked
	Reason       string    `json:"reason,omitempty" expr:"reason"`
	Sender       string    `json:"sender,omitempty" expr:"sender"`
	Seconds      []string  `json:"seconds,omitempty" expr:"seconds"`         // who else wrote or approved the same words
	Rule         string    `json:"rule,omitempty" expr:"rule"`               // set where a rule answers, so that the notice is added
	Information  string    `json:"information,omitempty" expr:"information"` // what the text ends with: where the author learns what is done with their data
	Native       string    `json:"native,omitempty" expr:"native"`           // the network's id once sent
	Permalink    string    `json:"permalink,omitempty" expr:"permalink"`
	CRM          string    `json:"crm,omitempty" expr:"crm"` // CRM account it came from
	Record       string    `json:"record,omitempty" expr:"record"`
	Asked        time.Time `json:"asked" expr:"asked"`
	Until        time.Time `json:"until,omitzero" expr:"until"`
}

// The states of a reply.
const (
	Draft    = "draft"
	Approved = "approved"
	Sending  = "sending"
	Sent     = "sent"
	Failed   = "failed"
	Parked   = "parked"
)

// Erasure says whose traces must go.
type Erasure struct {
	ID     string    `json:"id" expr:"id"`
	Author string    `json:"author,omitempty" expr:"author"`
	Person string    `json:"person,omitempty" expr:"person"`
	Email  string    `json:"email,omitempty" expr:"email"`
	Reason string    `json:"reason" expr:"reason"`
	At     time.Time `json:"at" expr:"at"`
}

// Delivery points at what one CRM account must come to hold. It carries no content: deliver reads the state.
type Delivery struct {
	Account      string `json:"account"` // CRM account
	Mention      string `json:"mention,omitempty"`
	Conversation string `json:"conversation,omitempty"`
	Person       string `json:"person,omitempty"`
	Attempted    bool   `json:"attempted,omitempty"` // somebody may have written it before
}
