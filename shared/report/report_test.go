package report

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func when(t *testing.T) time.Time {
	t.Helper()
	return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
}

// Quantiles and the share of the top fifth over rows of days are what sorting all values by hand gives.
func TestLikeSortingByHand(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var days []Day
		var minutes, followers []int
		people, answered, kept, mentions := map[string]bool{}, 0, 0, 0
		for d := range rapid.IntRange(1, 4).Draw(t, "days") {
			f := NewFold("nord", fmt.Sprint("2026-11-0", d+1), time.Time{})
			for i := range rapid.IntRange(0, 20).Draw(t, "things") {
				author := string(rune('a'+rapid.IntRange(0, 15).Draw(t, "author"))) + "xyz"
				heard := rapid.IntRange(1, 2_000_000).Draw(t, "followers")
				f.Mention(Mention{Network: "n", Department: "service", Author: fmt.Sprintf("%s%02d%d", author, d, i), Followers: heard})
				people[author[:2]] = true
				mentions++
				followers = append(followers, Digits(heard))
				c := Contact{Network: "n", Department: "service", Author: author, Answered: rapid.Bool().Draw(t, "answered"), SLA: rapid.SampledFrom([]string{"", "kept", "missed"}).Draw(t, "sla")}
				if c.Answered {
					answered++
					c.First = time.Duration(rapid.IntRange(0, 20_000).Draw(t, "minutes")) * time.Minute
					c.Worked = c.First
					minutes = append(minutes, Digits(int(c.First/time.Minute)))
				}
				if c.SLA == "kept" {
					kept++
				}
				f.Contact(c)
			}
			f.Cost("n", 2)
			days = append(days, f.Day())
		}
		r := New(days, "2026-11-01", "2026-11-09", Network, false)
		if len(people) < Few {
			if r.Total != nil || len(r.Rows) > 0 {
				t.Fatalf("%d people: %+v", len(people), r.Rows)
			}
			return
		}
		got := r.Total
		if got.Mentions != mentions || got.Contacts != mentions || got.Answered != answered {
			t.Fatalf("%+v", got)
		}
		slices.Sort(minutes)
		for _, q := range []struct {
			percent int
			got     *int
		}{{50, got.Median}, {90, got.Slow}, {50, got.Wall}} {
			if n := len(minutes); n == 0 && q.got != nil || n > 0 && *q.got != minutes[(n*q.percent+99)/100-1] {
				t.Fatalf("%d %% of %v is told as %v", q.percent, minutes, q.got)
			}
		}
		slices.SortFunc(followers, func(a, b int) int { return b - a })
		top, sum, fifth := 0.0, 0.0, float64(len(followers))/5
		for i, n := range followers {
			sum += float64(n)
			top += float64(n) * min(max(fifth-float64(i), 0), 1)
		}
		if want := math.Round(top*1000/sum) / 10; math.Abs(*got.Reach-want) > 0.11 {
			t.Fatalf("reach %v, by hand %v", *got.Reach, want)
		}
	})
}

// Nothing is told of groups of fewer than five people, and nobody finds them by subtraction.
func TestNothingBelowFive(t *testing.T) {
	day := func(groups map[string]int) Day {
		f := NewFold("nord", "2026-11-22", when(t))
		for name, n := range groups {
			for i := range n {
				f.Mention(Mention{Network: name, Author: fmt.Sprintf("%c%s", 'a'+i, name), Sentiment: -1})
			}
		}
		return f.Day()
	}
	for name, c := range map[string]struct {
		groups map[string]int
		rows   []string
		total  int // −1 = none
	}{
		"one alone":           {map[string]int{"x": 4}, nil, -1},
		"one beside another":  {map[string]int{"x": 4, "y": 6}, []string{"y"}, 6},
		"several are others":  {map[string]int{"x": 4, "y": 6, "z": 3}, []string{"y", Other}, 13},
		"few others together": {map[string]int{"x": 2, "y": 6, "z": 1}, []string{"y"}, 6},
	} {
		r := New([]Day{day(c.groups)}, "2026-11-22", "2026-11-22", Network, true)
		var rows []string
		for _, row := range r.Rows {
			rows = append(rows, row.Name)
		}
		if !slices.Equal(rows, c.rows) || (r.Total == nil) != (c.total < 0) || r.Total != nil && r.Total.Mentions != c.total {
			t.Errorf("%s: %v, %+v", name, rows, r.Total)
		}
		for _, b := range r.Days {
			if b.Mentions != 0 && b.Mentions != c.total {
				t.Errorf("%s: the chart tells %+v", name, b)
			}
		}
	}
	if marks := mark(nil, "q", "a", "z", "b", "c", "y", "a"); !slices.Equal(marks, []string{"a", "b", "c", "q", "y"}) {
		t.Errorf("%q", marks)
	}
}

// Every figure is defined, in both languages, under its key in JSON and CSV; what a spreadsheet would run is defused.
func TestMeanings(t *testing.T) {
	keys := map[string]bool{}
	for _, m := range Meanings() {
		keys[m.Key] = true
		for _, s := range []string{m.Name.EN, m.Name.DE, m.Say.EN, m.Say.DE} {
			if s == "" {
				t.Errorf("%s lacks words", m.Key)
			}
		}
	}
	of := reflect.TypeFor[Row]()
	for i := range of.NumField() {
		if name, _, _ := strings.Cut(of.Field(i).Tag.Get("json"), ","); name != "" && name != "name" && !keys[name] {
			t.Errorf("%s has no definition", name)
		}
	}
	f := NewFold("nord", "2026-11-22", when(t))
	for i := range 6 {
		f.Mention(Mention{Network: "n", Queue: "=cmd|' /C calc'!A0", Author: string(rune('a' + i))})
	}
	var b bytes.Buffer
	if err := CSV(&b, New([]Day{f.Day()}, "", "", Queue, false)); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != 3 || len(rows[0]) != len(Meanings())+1 || rows[1][0] != "'=cmd|' /C calc'!A0" || rows[1][1] != "6" || rows[1][4] != "0" || rows[1][9] != "" {
		t.Errorf("%q, %v", rows, err)
	}
	for in, want := range map[string]string{"=1+1": "'=1+1", "@x": "'@x", "-12.5": "'-12.5", "+x": "'+x", "ok": "ok", "\tx": "'\tx", "": ""} {
		if got := defuse(in); got != want {
			t.Errorf("defused %q is %q", in, got)
		}
	}
}
