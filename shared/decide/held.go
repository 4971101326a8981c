package decide

import (
	"slices"

	"rapport/shared/decide/personal"
	"rapport/shared/flow"
)

// The industries whose brands hold back more than others: config.Brand.Profile.
const (
	health  = "health"
	finance = "finance"
)

// strict tells profiles in which names are taken out of public posts, and private answers too need a second person where
// something is to be held back.
func strict(profile string) bool { return profile == health || profile == finance }

// Second tells whether an answer in a conversation needs the yes of two people, for what its author said there about himself or
// herself is not for everybody. It is worked out anew each time and written down nowhere.
func (d *Decider) Second(c flow.Conversation, m flow.Mention, private bool) bool {
	b := d.brand(c.Brand)
	if private && !strict(b.Profile) {
		return false
	}
	if len(b.finder.Held(m.Text)) > 0 {
		return true
	}
	return slices.ContainsFunc(c.Turns, func(t flow.Turn) bool {
		return t.Direction != flow.Out && !t.Deleted && len(b.finder.Held(t.Text)) > 0
	})
}

// Shareable gives a text without the passages that are held back: for what is counted of many people's words.
func (d *Decider) Shareable(brand, text string) string {
	if held := d.brand(brand).finder.Held(text); len(held) > 0 {
		return personal.Withhold(text, held)
	}
	return text
}
