package networktest

import (
	"regexp"
	"slices"
	"strings"

	"rapport/shared/network"
)

var word = regexp.MustCompile(`^[a-z][a-z0-9]*$`)

func infoChecks() []check {
	return []check{{name: "info", run: checkInfo}}
}

// checkInfo wants what forms, doctor, documentation and budgets are made from.
func checkInfo(r Reporter, s Suite) {
	n := s.New()
	info := n.Info()
	want := func(ok bool, say string) {
		r.Helper()
		if !ok {
			r.Errorf("Info: %s", say)
		}
	}
	want(word.MatchString(info.Name), "Name is the word in ids: lower case letters and digits")
	want(info.Title != "", "Title is missing")
	want(strings.HasPrefix(info.Docs, "https://"), "Docs is the https address of the vendor's documentation")
	want(info.Rules.Source != "", "Rules.Source says where the rules are written")
	want(slices.Contains([]string{"yes", "told", "optin", "no"}, info.Rules.MayMatch), "Rules.MayMatch is yes, told, optin or no")
	want(info.Rules.OnDelete != "", "Rules.OnDelete is missing")
	_, parses := n.(network.Parser)
	want(parses, "every network is a Parser")
	_, polls := n.(network.Poller)
	want(polls == (info.Poll > 0), "Poll is the pause between polls; a network without polls has none")
	want(!polls || len(info.Buckets) > 0, "Buckets are missing: each poll draws from a quota")
	_, receives := n.(network.Receiver)
	want(!receives || info.HookSecrets != nil || info.Hook != nil, "Hook and HookSecrets describe the settings of a hook")
	want(!receives || s.Hook != nil || s.Skip["signed"] != "", "it is a Receiver: tell the suite how calls are signed")
	_, replies := n.(network.Replier)
	want(!replies || info.MaxText > 0, "MaxText is the longest reply")
	want(!replies || slices.Contains([]string{"runes", "utf16", "bytes", "graphemes", "weighted"}, info.Unit), "Unit is runes, utf16, bytes, graphemes or weighted")
	want(!polls && !replies || s.Vendor != nil, "it polls or replies: give the suite a Vendor")
	checkFields(want, slices.Concat(info.Settings, info.Secrets))
	checkFields(want, slices.Concat(info.Hook, info.HookSecrets))
	for _, b := range info.Buckets {
		want(b.Name != "" && b.Calls > 0 && b.Per > 0, "bucket "+b.Name+" needs Name, Calls and Per")
		want(slices.Contains([]string{"hook", "account", "origin"}, b.Shared), "bucket "+b.Name+": Shared is hook, account or origin")
	}
	priced := map[string]bool{}
	for _, p := range info.Prices {
		want(p.Name != "" && p.What != "" && p.USD >= 0 && !priced[p.Name], "price "+p.Name+" needs a Name of its own, What and USD")
		priced[p.Name] = true
	}
	for _, need := range info.Needs {
		want(need.What != "" && need.Who != "" && need.Takes != "", "a Need tells What, Who and Takes")
	}
}

func checkFields(want func(bool, string), fields []network.Field) {
	types := []string{"text", "number", "flag", "list", "map", "address", "expression", "choice"}
	seen := map[string]bool{}
	for _, f := range fields {
		want(f.Name != "" && f.Title != "", "field "+f.Name+" needs Name and Title")
		want(slices.Contains(types, f.Type), "field "+f.Name+": Type is one of "+strings.Join(types, ", "))
		want(f.Type != "choice" || len(f.Choices) > 1, "field "+f.Name+" needs Choices")
		want(!seen[f.Name], "field "+f.Name+" is there twice")
		seen[f.Name] = true
	}
}
