package pipeline

import (
	"slices"

	"rapport/shared/config"
	"rapport/shared/crm"
	"rapport/shared/flow"
)

// refused lists the purposes that are objected to.
func refused(list []flow.Told) []string { return toldOf(list, flow.Objection) }

func toldOf(list []flow.Told, what string) (purposes []string) {
	for _, t := range list {
		if t.What == what {
			purposes = with1(purposes, t.Purpose)
		}
	}
	return purposes
}

// aside tells whether two words are about the same: consent and its end, objection and its end.
func aside(a, b string) bool {
	consent := func(s string) bool { return s == flow.Consents || s == flow.Withdrawn }
	return consent(a) == consent(b)
}

// withTold lets a list say what is newest about a purpose. What stands there already keeps its source and time; what takes back
// what nobody said is left out. It does not change the list it is given.
func withTold(list []flow.Told, t flow.Told) []flow.Told {
	list = slices.Clone(list)
	i := slices.IndexFunc(list, func(x flow.Told) bool { return x.Purpose == t.Purpose && aside(x.What, t.What) })
	switch {
	case i < 0 && (t.What == flow.Withdrawn || t.What == flow.Lifted):
		return list
	case i < 0:
		return append(list, t)
	case list[i].What != t.What:
		list[i] = t
	}
	return list
}

// crmSource names a CRM record as the source of a word.
func crmSource(conf config.Account, c flow.Change) string {
	return "CRM " + conf.Name + " " + c.Object + " " + c.Record
}

// toldBy lets a person have what a CRM record says about purposes, and gives what is new of it. A record takes back only what
// a record of its account said before.
func toldBy(v *flow.Person, conf config.Account, c flow.Change) (news []flow.Told) {
	if c.Verb == "delete" {
		return nil
	}
	take := func(field string, list *[]string, what, end string) {
		text, ok := c.Fields[field].(string)
		if !ok {
			return
		}
		told, was := purposes(text), *list
		var now []string
		for _, purpose := range told {
			now = with1(now, purpose)
			if !slices.Contains(was, purpose) {
				news = append(news, flow.Told{Purpose: purpose, What: what, Source: crmSource(conf, c), At: c.At})
			}
		}
		for _, purpose := range was {
			if slices.Contains(told, purpose) {
				continue
			}
			i := slices.IndexFunc(v.Told, func(t flow.Told) bool { return t.Purpose == purpose && t.What == what })
			if i >= 0 && !ofCRM(v.Told[i].Source, conf) {
				now = with1(now, purpose) // somebody else said it
				continue
			}
			news = append(news, flow.Told{Purpose: purpose, What: end, Source: crmSource(conf, c), At: c.At})
		}
		slices.Sort(now)
		*list = now
	}
	take(crm.FieldObjected, &v.Objected, flow.Objection, flow.Lifted)
	take(crm.FieldConsented, &v.Consented, flow.Consents, flow.Withdrawn)
	for _, t := range news {
		v.Told = withTold(v.Told, t)
	}
	return news
}

// ofCRM tells whether a word came from a CRM account.
func ofCRM(source string, conf config.Account) bool {
	lead := "CRM " + conf.Name + " "
	return len(source) > len(lead) && source[:len(lead)] == lead
}
