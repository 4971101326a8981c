package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"rapport/shared/decide/pulse"
	"rapport/shared/twin/crowd"
)

// pulses measures how soon crises are found, and how often an alarm is false: in weeks of invented brands, and on the public
// counts of NAB, if they lie under public.
func pulses(public string) []figure {
	var out []figure
	for _, b := range []struct {
		name          string
		people, seeds int
	}{{"small", 40, 10}, {"middle", 80, 10}, {"large", 500, 3}} {
		out = append(out, invented(b.name, b.people, b.seeds)...)
	}
	return append(out, nab(filepath.Join(public, "nab"))...)
}

// invented plays six weeks of a brand for each seed, with one crisis in the last.
func invented(name string, people, seeds int) []figure {
	begin, end := crowd.Week(0), crowd.Week(6)
	var lates []time.Duration
	crises, watches := 0, 0
	for seed := range uint64(seeds) {
		m := crowd.New(crowd.Brands()[name], seed+100)
		at := crowd.Week(5).Add(time.Duration(8+seed*7%120) * time.Hour)
		voices := slices.Concat(m.Usual(begin, end), m.Crisis(at, people))
		var p pulse.Pulse
		found := false
		for _, c := range p.Run(voices, begin, end, pulse.Options{}) {
			ours := !c.At.Before(at) && c.At.Before(at.Add(6*time.Hour))
			switch {
			case ours && c.To == pulse.Crisis && !found:
				found = true
				lates = append(lates, c.At.Sub(at))
			case ours || c.At.Before(crowd.Week(1)): // the first week is for learning
			case c.To == pulse.Crisis:
				crises++
			case c.To == pulse.Watch:
				watches++
			}
		}
	}
	slices.Sort(lates)
	data := fmt.Sprintf("%d seeds of a %s invented brand", seeds, name)
	weeks := float64(seeds * 5)
	out := []figure{least("crises", "found", data, float64(len(lates))/float64(seeds), "", 1)}
	if len(lates) > 0 {
		out = append(out, most("crises", "minutes until found, middle", data, lates[len(lates)/2].Minutes(), "%.0f", "", 15),
			figure{"crises", "minutes until found, worst", data, fmt.Sprintf("%.0f", lates[len(lates)-1].Minutes()), "", "", ""})
	}
	return append(out, figure{"crises", "false crises per brand-week", data, fmt.Sprintf("%.2f", float64(crises)/weeks), "", "", ""},
		figure{"crises", "false watches per brand-week", data, fmt.Sprintf("%.2f", float64(watches)/weeks), "", "", ""})
}

// nab looks for spikes in the counts of NAB's realTweets: how many of the labelled windows are hit, and how many alarms,
// merged over six hours, hit none. Nothing was tuned on them.
func nab(dir string) []figure {
	files, _ := filepath.Glob(filepath.Join(dir, "Twitter_volume_*.csv"))
	raw, err := os.ReadFile(filepath.Join(dir, "combined_windows.json"))
	labels := map[string][][2]string{}
	if err != nil || len(files) == 0 || json.Unmarshal(raw, &labels) != nil {
		return nil
	}
	hit, windows, wrong, weeks := 0, 0, 0, 0.0
	for _, f := range files {
		voices, first, last := counted(f)
		var p pulse.Pulse
		var alarms []time.Time
		for _, c := range p.Run(voices, first, last, pulse.Options{}) {
			if c.From == pulse.Normal && (len(alarms) == 0 || c.At.Sub(alarms[len(alarms)-1]) > 6*time.Hour) {
				alarms = append(alarms, c.At)
			}
		}
		used := map[int]bool{}
		for _, w := range labels["realTweets/"+filepath.Base(f)] {
			from, _ := time.Parse("2006-01-02 15:04:05.000000", w[0])
			to, _ := time.Parse("2006-01-02 15:04:05.000000", w[1])
			windows++
			found := false
			for i, a := range alarms {
				if !a.Before(from) && !a.After(to) {
					used[i], found = true, true
				}
			}
			if found {
				hit++
			}
		}
		wrong += len(alarms) - len(used)
		weeks += last.Sub(first).Hours() / 168
	}
	data := fmt.Sprintf("NAB realTweets, %d brands", len(files))
	return []figure{least("spikes", "labelled windows found", data, float64(hit)/float64(max(windows, 1)), "0.70–1.00 at 0.32–0.88 false alarms", 0),
		{"spikes", "false alarms per brand-week", data, fmt.Sprintf("%.2f", float64(wrong)/max(weeks, 1)), "0.12–1.49", "", ""}}
}

// counted reads counts of five minutes: each is so many people.
func counted(file string) (voices []pulse.Voice, first, last time.Time) {
	f, err := os.Open(file)
	if err != nil {
		return nil, first, last
	}
	defer f.Close()
	rows, _ := csv.NewReader(f).ReadAll()
	for _, r := range rows {
		at, err := time.Parse("2006-01-02 15:04:05", r[0])
		if err != nil {
			continue // the head
		}
		if first.IsZero() {
			first = at
		}
		last = at
		n, _ := strconv.Atoi(r[1])
		for i := range n {
			voices = append(voices, pulse.Voice{At: at.Add(time.Duration(i%290) * time.Second), Mention: fmt.Sprint(len(voices))})
		}
	}
	return voices, first, last
}
