package pipeline_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"rapport/shared/decide/pulse"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/pipeline"
	"rapport/shared/store"
)

// grumbles are complaints that share few words.
var grumbles = []string{complaint, "Mein Internet geht seit gestern nicht mehr, das ist eine Frechheit", "Schon wieder falsch abgerechnet, ich bin richtig sauer auf euch",
	"Niemand geht ans Telefon, miserabler Service!", "Die App stürzt ständig ab, unbrauchbar und ärgerlich", "Seit drei Wochen warte ich auf die Lieferung, unmöglich",
	"Totalausfall in Köln, nichts funktioniert, peinlich", "Der Techniker kam wieder nicht, was für ein Saftladen", "Das Gerät ist nach zwei Tagen defekt, so ein Schrott",
	"Eure Hotline hat mich angelogen, ich bin enttäuscht", "Geld abgebucht, aber keine Ware bekommen: Betrug!", "Router kaputt, Austausch verweigert, unverschämter Laden",
	"Kein Empfang am ganzen Wochenende, eine Katastrophe", "Die Rückerstattung fehlt noch immer, skandalös", "Paket beschädigt angekommen und keiner hilft, furchtbar",
	"Vertrag gekündigt und ihr bucht weiter ab, dreist", "Stundenlang in der Warteschleife, schrecklich schlecht"}

// crowd lets different people complain, each in their own words.
func (r *rig) crowd(from, n int) {
	r.t.Helper()
	var list []flow.Event
	for i := from; i < from+n; i++ {
		list = append(list, said(fmt.Sprint("c", i), fmt.Sprint("author", i), grumbles[i%len(grumbles)], r.now))
	}
	r.hook(list...)
	r.run()
}

func (r *rig) state1() pulse.Pulse {
	r.t.Helper()
	v, err := r.app.Pulse(r.t.Context(), "nord")
	if err != nil {
		r.t.Fatal(err)
	}
	return v
}

// usual lets some days of small talk go by.
func (r *rig) usual(days int) {
	for d := range days {
		for h := 8; h < 20; h += 4 {
			r.now = start.AddDate(0, 0, d).Add(time.Duration(h) * time.Hour)
			r.hook(said(fmt.Sprint("u", d, "-", h), fmt.Sprint("talker", d, h), "Guten Morgen in die Runde", r.now))
			r.run()
			r.live(20*time.Minute, 5*time.Minute)
		}
	}
}

// A crisis is seen from the ledger, told once, changes what is proposed, and ends; a storm of repeats changes nothing.
func TestACrisis(t *testing.T) {
	r := newRig(t, options{})
	r.usual(2)
	if v := r.state1(); v.Name() != pulse.Normal || v.Level.All == 0 {
		t.Fatalf("%+v", v)
	}
	r.crowd(0, 5)
	r.live(5*time.Minute, time.Minute)
	r.crowd(0, 5) // the same once more
	r.crowd(5, 12)
	r.live(5*time.Minute, time.Minute)
	if v := r.state1(); v.Name() != pulse.Crisis || v.Reading.Voices != 17 {
		t.Fatalf("%s: %+v", v.Name(), v.Reading)
	}
	r.pass(time.Minute)
	r.hook(said("late", "somebody", "Ihr seid großartig, vielen Dank!", r.now))
	r.run()
	row := tableOf[pipeline.MentionRow](r, "mention")
	if m, err := row.One(t.Context(), "site:late", "-"); err != nil || !slices.Contains(m.Value.Decision.Forbidden, "invite_advocate") || !m.Value.Decision.Crisis {
		t.Errorf("in a crisis %v are forbidden, %v", m.Value.Decision.Forbidden, err)
	}
	r.live(7*time.Hour, 5*time.Minute)
	if v := r.state1(); v.Name() != pulse.Normal {
		t.Errorf("%s after seven hours", v.Name())
	}
	list, err := r.app.StateChanges(t.Context(), "nord", 100)
	if err != nil {
		t.Fatal(err)
	}
	var states []string
	for _, a := range list {
		states = append(states, a.Change.To)
	}
	if got := strings.Join(states, " "); got != "normal cooling crisis" && got != "normal cooling crisis watch" {
		t.Errorf("the changes were, newest first: %s", got)
	}
	if n := strings.Count(r.log.String(), "state=crisis"); n != 1 {
		t.Errorf("the crisis was told %d times", n)
	}
	changes, _, err := r.app.Backtest(t.Context(), "nord", start, r.now)
	if err != nil || len(changes) == 0 {
		t.Fatalf("%+v, %v", changes, err)
	}
	if c := changes[len(changes)-1]; c.To != pulse.Normal {
		t.Errorf("the back-test ends in %+v", c)
	}
}

// Whoever dies where, each change is told, and once.
func TestACrisisThroughCrashes(t *testing.T) {
	for _, of := range []string{"pulse", "alert", "account", "lease"} {
		for nth := range 3 {
			r := newRig(t, options{})
			r.usual(1)
			count := 0
			r.store.fail = func(verb string, item store.Item) error {
				if verb != "put" || !strings.HasPrefix(item.Part, of+"#") || of == "account" && !strings.Contains(item.Part, "#pulse") || of == "lease" && !strings.Contains(item.Part, "pulse") {
					return nil
				}
				if count++; count-1 == nth {
					return fault.New(fault.Ambiguous, "cut")
				}
				return nil
			}
			r.crowd(0, 17)
			for range 30 {
				r.pass(time.Minute)
				_ = r.app.Tick(t.Context(), pipeline.Feed{Probe: 2, Most: 100})
				r.run()
			}
			if v := r.state1(); v.Name() != pulse.Crisis {
				t.Errorf("%s, %d: %s", of, nth, v.Name())
			}
			list, err := r.app.StateChanges(t.Context(), "nord", 100)
			if err != nil || len(list) != 1 {
				t.Errorf("%s, %d: %d changes were told, %v", of, nth, len(list), err)
			}
		}
	}
}

// The past makes no crisis, neither do edits nor what a filter drops; whoever switches it off has none.
func TestNoCrisis(t *testing.T) {
	r := newRig(t, options{edit: func(s string) string {
		return strings.Replace(s, "    budget: 1\n", "    budget: 1\n    pulse: {off: true}\n", 1)
	}})
	r.crowd(0, 20)
	r.live(10*time.Minute, time.Minute)
	if v := r.state1(); !v.At.IsZero() {
		t.Errorf("%+v", v)
	}
	r = newRig(t, options{})
	e := said("m", "anna", complaint, r.now)
	r.hook(e)
	for i := range 15 {
		r.hook(edited(e, fmt.Sprint(complaint, " ", i), r.now.Add(time.Duration(i+1)*time.Second)))
	}
	r.run()
	r.live(10*time.Minute, time.Minute)
	if v := r.state1(); v.Name() != pulse.Normal || v.Reading.Voices != 1 {
		t.Errorf("%+v", v.Reading)
	}
}
