// Package crmtest is the conformance suite of CRM adapters: what the pipeline builds on, every adapter must do.
//
// An adapter's test starts a world, which is a twin of the vendor on a real socket with a few hooks through which a
// human works in it, and calls [Run]. The suite itself stands between adapter and vendor: it forces statuses, cuts
// answers after they were stored and looks that no secret leaves its origin. A check that a vendor has nothing to
// answer for is named in Skips with the reason; a check whose hooks are missing without such a reason fails.
package crmtest

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"rapport/shared/crm"
	"rapport/shared/fault"
)

// Suite says what is checked.
type Suite struct {
	New   func() crm.CRM           // the adapter
	Start func(t *testing.T) World // a fresh, empty vendor for each check; cleans up through t
	Skips map[string]string        // name of a check → why this vendor cannot have it
}

// World is one vendor with one account. All hooks act at once and without the adapter; a nil hook is allowed where the
// checks that need it are skipped. They must be safe for concurrent use with calls of the adapter.
type World struct {
	Account  crm.Account // with HTTP, Origin, Now and secrets of at least 8 characters
	Object   string      // the object that is written
	KeyField string      // its unique field for our key
	Text     string      // name of a long text field of ours, filled by Sample
	Foreign  string      // a text field that is not ours, which Erase leaves alone; "" = the vendor has only our fields
	Batch    int         // records of one call; 0 = Info.Batch
	Unkeyed  bool        // repeats are not harmless here whatever Info says: they are marked Attempted

	Sample func(key string) crm.Record // a full and valid record; Text differs by key
	Bad    func(key string) crm.Record // a record that the vendor refuses for what it holds

	Count         func(key string) int                         // live records that carry a key
	Total         func() int                                   // live records of Object
	Row           func(id string) map[string]any               // what a live record holds, nil if there is none
	HumanCreate   func(fields map[string]any) (id string)      // a record made by hand, without our key
	HumanEdit     func(id string, fields map[string]any)       //
	HumanDelete   func(id string)                              //
	Merge         func(loser, winner string) (survivor string) //
	Convert       func(id string) (object, survivor string)    // turns a record into one of another object
	RemoveField   func(name string)                            // an administrator removes a field of Object
	RefuseBatchOn func(key string)                             // calls with more records than this one are refused whole
	Settle        func() time.Time                             // lets search and feeds catch up; gives the new time

	Statuses []Status         // replaces lines of the suite's table of the same name, and adds
	Errors   func(int) string // body of a refusal with a status, in the vendor's shape; nil = a small JSON object
}

// Status is a line of the status table: how one record's Upsert fares when every call is answered so.
type Status struct {
	Name   string
	Status int
	Header http.Header
	Body   string        // "" = World.Errors
	Want   []fault.Kind  // any of these
	After  time.Duration // the wait the fault names; 0 = any
}

// checks in the order in which they run; see [Names].
var checks = [...]struct {
	name string
	run  func(*check)
}{
	{"info", checkInfo},
	{"empty", checkEmpty},
	{"twice", checkTwice},
	{"order", checkOrder},
	{"read", checkRead},
	{"values", checkValues},
	{"one bad", checkOneBad},
	{"batch", checkBatch},
	{"same key", checkSameKey},
	{"removed field", checkRemovedField},
	{"split", checkSplit},
	{"cut", checkCut},
	{"empty answers", checkEmptyAnswers},
	{"adopt", checkAdopt},
	{"merge", checkMerge},
	{"delete", checkDelete},
	{"convert", checkConvert},
	{"erase", checkErase},
	{"erase whole", checkEraseWhole},
	{"text", checkText},
	{"describe", checkDescribe},
	{"setup", checkSetup},
	{"changes", checkChanges},
	{"list", checkList},
	{"status", checkStatus},
	{"redirect", checkRedirect},
	{"cancelled", checkCancelled},
	{"at once", checkAtOnce},
}

// Names lists the checks: what Skips may name.
func Names() []string {
	var names []string
	for _, c := range checks {
		names = append(names, c.name)
	}
	return names
}

// Run runs the suite.
func Run(t *testing.T, s Suite) {
	for name, reason := range s.Skips {
		if !slices.Contains(Names(), name) {
			t.Errorf("Skips names %q: there is no such check; there are: %s", name, strings.Join(Names(), ", "))
		}
		if len(reason) < 10 {
			t.Errorf("Skips names %q without a reason", name)
		}
	}
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			if reason, skip := s.Skips[c.name]; skip {
				t.Logf("left out: %s", reason)
				return
			}
			for _, problem := range s.problems(t, c.run) {
				t.Error(problem)
			}
		})
	}
}

// problems runs one check in a world of its own and gives what it found.
func (s Suite) problems(t *testing.T, run func(*check)) []string {
	c := newCheck(s, t)
	c.guarded(run)
	return c.found()
}
