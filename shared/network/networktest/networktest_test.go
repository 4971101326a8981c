package networktest_test

import (
	"maps"
	"slices"
	"testing"

	"rapport/shared/network"
	"rapport/shared/network/networktest"
)

// TestSound: a sound connector passes every check.
func TestSound(t *testing.T) { networktest.Run(t, suite(sample{})) }

// TestBroken: each way of being broken turns the check red that is there for it.
func TestBroken(t *testing.T) {
	for name, tc := range map[string]struct {
		broken sample
		check  string
	}{
		"a receiver that takes forgeries":     {sample{forgeries: true}, "forged"},
		"a receiver that ignores bodies":      {sample{forgeries: true}, "body"},
		"a hook open without a secret":        {sample{forgeries: true}, "no secret"},
		"a receiver without a clock":          {sample{ageless: true}, "old"},
		"a receiver that knows one secret":    {sample{deaf: true}, "rotation"},
		"a parser with random ids":            {sample{randomIDs: true, calls: new(int)}, "pure"},
		"a parser that panics":                {sample{panics: true}, "garbage"},
		"own posts taken for mentions":        {sample{ins: true}, "own by poll"},
		"no case of an own post":              {sample{ins: true}, "own"},
		"a poller that skips a page":          {sample{skips: true}, "pages"},
		"a poller whose cursor goes back":     {sample{rewinds: true}, "poll again"},
		"a first poll that brings the past":   {sample{history: true}, "first poll"},
		"a poller that swallows failures":     {sample{swallows: true}, "status"},
		"an error that tells the token":       {sample{blab: true}, "status"},
		"a token that goes to a foreign host": {sample{leaks: true}, "foreign link"},
		"a replier that doubles":              {sample{doubles: true}, "reply twice"},
		"a replier that doubles after a cut":  {sample{doubles: true}, "reply cut"},
		"a replier that answers in the open":  {sample{blurts: true}, "reply in private"},
	} {
		t.Run(name, func(t *testing.T) {
			found := networktest.Record(suite(tc.broken))
			if len(found[tc.check]) == 0 {
				t.Errorf("the check %q does not notice it; red are %v", tc.check, slices.Sorted(maps.Keys(found)))
			}
		})
	}
}

// TestDeclared: nothing is left out quietly.
func TestDeclared(t *testing.T) {
	s := suite(sample{})
	s.Skip = map[string]string{"reply window closed": "", "no such check": "why"}
	found := networktest.Record(s)
	for _, check := range []string{"reply not permitted", "reply window closed", "skips"} {
		if len(found[check]) == 0 {
			t.Errorf("%s: undeclared or unfounded skips pass", check)
		}
	}
	s.Vendor, s.Hook = nil, nil
	found = networktest.Record(s)
	if len(found["info"]) == 0 || len(found["signed"]) == 0 {
		t.Errorf("a poller without a vendor or a receiver without signing passes: %v", found)
	}
}

func FuzzParse(f *testing.F) {
	networktest.Fuzz(f, networktest.Suite{New: func() network.Network { return sample{} }})
}
