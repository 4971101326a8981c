// Package action proposes what to do next. Hard limits come first: what must not be done is named with its reason, whatever a
// rule says. Among the rest a table by intent and severity proposes one action, with its reason and a runner-up.
package action

import "slices"

// The actions.
const (
	ReplyPublic   = "reply_public"    // answers where everyone can read it
	MoveToPrivate = "move_to_private" // a short acknowledgement in public with an invitation to a private channel
	CallBack      = "call_back"       // a person phones
	OpenCase      = "open_case"       // ticket for the department
	SendToSales   = "send_to_sales"
	Thank         = "thank"
	Advocate      = "invite_advocate" // asks for a review or referral
	Identify      = "ask_to_identify" // asks in private for customer or order number
	HideSpam      = "hide_spam"
	Watch         = "watch" // no answer now
	Escalate      = "escalate_crisis"
	None          = "no_action"
)

// All lists the actions in a fixed order.
var all = [...]string{ReplyPublic, MoveToPrivate, CallBack, OpenCase, SendToSales, Thank, Advocate, Identify, HideSpam, Watch, Escalate, None}

// Known tells whether there is such an action.
func Known(name string) bool { return slices.Contains(all[:], name) }

// Names lists the actions.
func Names() []string { return slices.Clone(all[:]) }

// The moments of contact: where somebody turns to the brand, besides a network.
const (
	Call = "call" // they are on the phone
	Shop = "shop" // they stand there
	Chat = "chat"
	Mail = "mail"
)

// Moments lists them.
func Moments() []string { return []string{Call, Shop, Chat, Mail} }

// Multiplier is the score from which somebody is thanked without an occasion.
const Multiplier = 60

// Situation is what a proposal rests on.
type Situation struct {
	Intents   []string `json:"intents,omitempty"` // the main one first
	Complaint bool     `json:"complaint,omitempty"`
	Severity  int      `json:"severity,omitempty"`
	PII       []string `json:"pii,omitempty"`      // kinds of personal data in the text
	Private   bool     `json:"private,omitempty"`  // a message: only author and brand see it
	Feed      bool     `json:"feed,omitempty"`     // nobody can be answered there
	Closed    bool     `json:"closed,omitempty"`   // the network's answer window is over
	Answered  bool     `json:"answered,omitempty"` // the brand answered after this was said
	Crisis    bool     `json:"crisis,omitempty"`
	Impostor  bool     `json:"impostor,omitempty"`
	Known     bool     `json:"known,omitempty"` // the author is linked to a person
	Grief     bool     `json:"grief,omitempty"`
	Held      bool     `json:"held,omitempty"` // what everybody would learn from an answer in public

	NoPrivate   bool `json:"no_private,omitempty"`   // nobody can be written to in private there, and the brand names no other way
	NoMarketing bool `json:"no_marketing,omitempty"` // no basis for marketing holds
	Bot         bool `json:"bot,omitempty"`          // a machine said it
	Pending     bool `json:"pending,omitempty"`      // an answer is drafted, approved or being sent
	Loop        bool `json:"loop,omitempty"`         // the brand's last word was an automatic answer
	Doubt       bool `json:"doubt,omitempty"`        // whether it is a complaint is hardly more than a guess
	Old         bool `json:"-"`                      // by the limits of rapport-1, so that receipts of that time are decided as they were

	// What only the present moment tells.
	Quiet  bool   `json:"quiet,omitempty"`  // outside the brand's hours
	Moment string `json:"moment,omitempty"` // they are in contact with the brand in another way just now: call, shop, chat, mail
	Idle   bool   `json:"idle,omitempty"`   // nothing of theirs is open: a proposal without an occasion
	Score  int    `json:"score,omitempty"`  // 0–100; looked at only without an occasion
}

func (s Situation) is(intent string) bool   { return slices.Contains(s.Intents, intent) }
func (s Situation) main(intent string) bool { return len(s.Intents) > 0 && s.Intents[0] == intent }

// Choice is a proposal.
type Choice struct {
	Action     string
	Why        string
	RunnerUp   string
	Propensity float64 // with which probability it was chosen: 1, as long as nothing is tried out
	Forbidden  []Bar   // in the order of Names
}

// Bar is an action that must not be done here, and why.
type Bar struct {
	Action string `json:"action"`
	Why    string `json:"why"`
}

// Names lists what is forbidden, without the reasons.
func (c Choice) Names() []string {
	if len(c.Forbidden) == 0 {
		return nil
	}
	names := make([]string, len(c.Forbidden))
	for i, b := range c.Forbidden {
		names[i] = b.Action
	}
	return names
}

// Choose proposes. rule is what a rule of the tenant wants, "" = nothing; it holds unless it is forbidden. Equal situations give
// equal choices.
func Choose(s Situation, rule, name string) Choice {
	bars := forbid(s)
	c := Choice{Propensity: 1, Forbidden: bars.list()}
	if rule != "" && !bars.has(rule) {
		c.Action, c.Why = rule, "rule “"+name+"”"
	} else if rule != "" {
		c.Why = "rule “" + name + "” wants " + rule + ", which is forbidden here; "
	}
	for _, w := range proposals(s) {
		switch {
		case bars.has(w.action) || w.action == c.Action:
		case c.Action == "":
			c.Action, c.Why = w.action, c.Why+w.why
		case c.RunnerUp == "":
			c.RunnerUp = w.action
		}
	}
	if c.Action == "" {
		c.Action, c.Why = Watch, c.Why+"nothing else is allowed"
		if bars.has(Watch) && !bars.has(OpenCase) {
			c.Action = OpenCase
		}
	}
	return c
}

// bars holds for each action, in the order of all, why it is forbidden; "" = it is not.
type bars [len(all)]string

// no forbids actions. What is forbidden already keeps its reason: the first is the strongest.
func (b *bars) no(why string, actions ...string) {
	for _, a := range actions {
		if i := slices.Index(all[:], a); b[i] == "" {
			b[i] = why
		}
	}
}

func (b *bars) has(action string) bool {
	i := slices.Index(all[:], action)
	return i >= 0 && b[i] != ""
}

func (b *bars) list() []Bar {
	n := 0
	for _, why := range b {
		if why != "" {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	out := make([]Bar, 0, n)
	for i, why := range b {
		if why != "" {
			out = append(out, Bar{all[i], why})
		}
	}
	return out
}
