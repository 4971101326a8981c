package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"rapport/scripts/train/corpus"
	"rapport/shared/decide"
	"rapport/shared/decide/action"
	"rapport/shared/decide/language"
	"rapport/shared/decide/personal"
	"rapport/shared/decide/text"
)

const situationLines = "shared/decide/action/testdata/situations.jsonl"

// situation is one for which people said what fits and what must not be done. An action in neither list does no harm, and does
// not count as right.
type situation struct {
	ID         string           `json:"id"`
	Situation  action.Situation `json:"situation"`
	Acceptable []string         `json:"acceptable"`
	Forbidden  []string         `json:"forbidden"`
	Note       string           `json:"note"`
}

// heldBack tells whether a situation belongs to the half that nobody looks at.
func (s situation) heldBack() bool { return sha256.Sum256([]byte(s.ID))[0]%2 == 1 }

func situations(path string) ([]situation, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var out []situation
	for lines := bufio.NewScanner(bytes.NewReader(b)); lines.Scan(); {
		var s situation
		dec := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		if err := dec.Decode(&s); err != nil {
			return nil, fmt.Errorf("%s: line %d: %w", path, len(out)+1, err)
		}
		for _, a := range slices.Concat(s.Acceptable, s.Forbidden) {
			if !action.Known(a) || slices.Contains(s.Acceptable, a) && slices.Contains(s.Forbidden, a) {
				return nil, fmt.Errorf("%s: %s: %s is no action, or in both lists", path, s.ID, a)
			}
		}
		out = append(out, s)
	}
	return out, nil
}

// fits counts proposals.
type fits struct {
	n, acceptable, forbidden int
	wished, given            int      // forbidden actions that a rule would want, and of them those that it got
	says                     []string // what is not acceptable, in words
}

func (f *fits) add(id, note string, c action.Choice, acceptable, forbidden []string) {
	f.n++
	bad := slices.Contains(forbidden, c.Action)
	if bad {
		f.forbidden++
	}
	if slices.Contains(acceptable, c.Action) {
		f.acceptable++
	} else {
		f.says = append(f.says, fmt.Sprintf("%s (%s): %s, forbidden %v, fit %v", id, note, c.Action, bad, acceptable))
	}
}

func (f *fits) figures(data string) []figure {
	data = fmt.Sprintf("%s (%d)", data, f.n)
	share := float64(f.acceptable) / float64(max(f.n, 1))
	return []figure{least("8", "proposed action acceptable", data, share, "", 0.85), most("8", "proposed action forbidden", data, float64(f.forbidden), "%.0f", "", 0)}
}

// press lets a rule want each of the forbidden actions.
func (f *fits) press(s situation) {
	for _, a := range s.Forbidden {
		f.wished++
		if action.Choose(s.Situation, a, "wish").Action == a {
			f.given++
			f.says = append(f.says, fmt.Sprintf("%s (%s): a rule gets %s", s.ID, s.Note, a))
		}
	}
}

// chosen measures what is proposed in situations that are given as they are: in those held back, or in the others.
func chosen(path string, held bool) (*fits, error) {
	list, err := situations(path)
	f := &fits{}
	for _, s := range list {
		if s.heldBack() == held {
			f.add(s.ID, s.Note, action.Choose(s.Situation, "", ""), s.Acceptable, s.Forbidden)
			f.press(s)
		}
	}
	return f, err
}

// carriedOut measures what is proposed for posts, from their words alone, against what the label guide says of their labels.
func carriedOut(r *text.Reader, list []corpus.Post, tongue func(corpus.Post) string) (*fits, error) {
	find, err := personal.New("DE", nil)
	if err != nil {
		return nil, err
	}
	f := &fits{}
	for _, p := range list {
		pii := personal.Kinds(find.Find(p.Text))
		read := r.Read(text.Input{Text: p.Text, Lang: tongue(p), Kind: p.Kind})
		c := action.Choose(action.Situation{Intents: read.Intents, Complaint: read.Complaint, Severity: read.Severity, PII: pii,
			Private: p.Kind == "message", Grief: read.Grief, Held: len(find.Held(p.Text)) > 0, Doubt: decide.Doubtful(read)}, "", "")
		fit, not := guide(p, pii)
		f.add(p.Text, fmt.Sprint(p.Intents, p.Severity, " read as ", read.Intents, read.Severity), c, fit, not)
	}
	return f, nil
}

// nextAlone is nextActions by itself.
func nextAlone(dev bool) ([]figure, error) {
	r, err := text.New()
	if err != nil {
		return nil, err
	}
	d, err := language.New()
	if err != nil {
		return nil, err
	}
	return nextActions(r, func(p corpus.Post) string { code, _ := d.Detect(p.Text, ""); return code }, dev)
}

// nextActions measures proposals: in the situations held back and for the posts held back, or in what may be looked at.
func nextActions(r *text.Reader, tongue func(corpus.Post) string, dev bool) ([]figure, error) {
	f, err := chosen(situationLines, !dev)
	if err != nil {
		return nil, err
	}
	name, sets := "situations held back", []posts{{name: "posts.jsonl and unseen.jsonl"}}
	if dev {
		name = "open situations"
		for _, file := range []string{"posts.jsonl", "unseen.jsonl"} {
			set, err := labelled(file)
			if err != nil {
				return nil, err
			}
			sets[0].posts = append(sets[0].posts, set...)
		}
	} else if sets, err = heldBack(); err != nil {
		return nil, err
	}
	out := append(f.figures(name), most("8", "forbidden action carried through by a rule that wants it", fmt.Sprintf("%s (%d wishes)", name, f.wished), float64(f.given), "%.0f", "", 0))
	for _, set := range sets {
		if f, err = carriedOut(r, set.posts, tongue); err != nil {
			return nil, err
		}
		out = append(out, f.figures(set.name+", from text to action")...)
	}
	return out, nil
}

// guide gives what the label guide takes for acceptable and forbidden, by the labels that people gave a post. It is written from
// the guide and knows nothing of how proposals are made.
func guide(p corpus.Post, pii []string) (acceptable, forbidden []string) {
	private := p.Kind == "message"
	secret := slices.ContainsFunc(pii, func(k string) bool { return k != "name" })
	numbered := slices.Contains(pii, personal.Order) || slices.Contains(pii, personal.Customer)
	fit := func(a ...string) { acceptable = append(acceptable, a...) }
	not := func(a ...string) { forbidden = append(forbidden, a...) }
	main := ""
	if len(p.Intents) > 0 {
		main = p.Intents[0]
	}
	switch {
	case p.Complaint():
		not(action.Thank, action.Advocate, action.SendToSales, action.HideSpam)
		fit(action.OpenCase, action.MoveToPrivate, action.Identify)
		switch {
		case p.Severity >= 3:
			fit(action.Escalate, action.CallBack)
		case p.Severity == 2:
			fit(action.ReplyPublic, action.CallBack)
		default:
			fit(action.ReplyPublic)
			not(action.Escalate)
		}
		if p.Severity >= 2 {
			not(action.Watch, action.None)
		}
	case main == "spam":
		fit(action.HideSpam)
		not(action.ReplyPublic, action.MoveToPrivate, action.CallBack, action.SendToSales, action.Thank, action.Advocate, action.Identify)
		if private || p.Kind == "review" {
			fit(action.None)
		}
	case main == "chatter":
		fit(action.Watch, action.None)
		not(action.MoveToPrivate, action.CallBack, action.OpenCase, action.SendToSales, action.Identify, action.HideSpam, action.Escalate)
	case main == "legal":
		fit(action.OpenCase, action.Identify)
		not(action.SendToSales, action.Thank, action.Advocate, action.HideSpam, action.None)
	case main == "press":
		fit(action.OpenCase, action.MoveToPrivate, action.CallBack)
		not(action.SendToSales, action.Advocate, action.HideSpam)
		if p.Severity >= 2 {
			fit(action.Escalate)
			not(action.None)
		} else {
			fit(action.ReplyPublic, action.Watch)
		}
	case main == "praise":
		fit(action.Thank, action.ReplyPublic, action.Advocate)
		not(action.CallBack, action.OpenCase, action.SendToSales, action.HideSpam, action.Escalate)
	case main == "purchase":
		fit(action.SendToSales, action.ReplyPublic, action.MoveToPrivate)
		if private {
			fit(action.CallBack)
		}
		not(action.HideSpam, action.Escalate, action.None)
	case main == "churn":
		fit(action.CallBack, action.OpenCase, action.Identify, action.MoveToPrivate, action.ReplyPublic)
		not(action.Advocate, action.HideSpam, action.Escalate, action.None)
	case main == "job":
		fit(action.ReplyPublic, action.MoveToPrivate)
		if private {
			fit(action.OpenCase)
		}
		not(action.SendToSales, action.Advocate, action.HideSpam, action.Escalate, action.None)
	case main == "idea":
		fit(action.ReplyPublic, action.OpenCase, action.Thank)
		not(action.SendToSales, action.HideSpam)
		if p.Severity >= 2 {
			fit(action.MoveToPrivate, action.Escalate)
			not(action.None)
		} else {
			not(action.Escalate)
		}
	case main == "question":
		fit(action.ReplyPublic)
		if private || secret {
			fit(action.MoveToPrivate, action.OpenCase, action.Identify, action.CallBack)
		}
		not(action.Advocate, action.HideSpam, action.None)
		if p.Severity < 3 {
			not(action.Escalate)
		}
	}
	public := private || main == "legal" || p.Has("legal") || main == "press" && p.Severity >= 2 || secret && main != "praise"
	if public {
		not(action.ReplyPublic)
	}
	if numbered {
		acceptable = slices.DeleteFunc(acceptable, func(a string) bool { return a == action.Identify })
	}
	if private {
		acceptable = slices.DeleteFunc(acceptable, func(a string) bool { return a == action.MoveToPrivate })
	}
	acceptable = slices.DeleteFunc(acceptable, func(a string) bool { return slices.Contains(forbidden, a) })
	return acceptable, forbidden
}
