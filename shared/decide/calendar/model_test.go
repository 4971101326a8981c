package calendar

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"rapport/shared/config"
)

// clockwork is the slow model: it looks at every minute of two years by itself, at its date, at what the clock on the wall
// shows and at the list of holidays.
type clockwork []bool

var began = time.Date(2025, 12, 20, 0, 0, 0, 0, time.UTC)

func newClockwork(zone *time.Location, hours map[time.Weekday][2]int, holidays map[string]bool) clockwork {
	m := make(clockwork, 700*24*60)
	for i := 0; i < len(m); {
		day := began.Add(time.Duration(i) * time.Minute).In(zone)
		first, last, date, k := -1, -1, day.Format(time.DateOnly), i
		h, open := hours[day.Weekday()]
		for ; k < len(m); k++ { // the minutes of one date
			t := began.Add(time.Duration(k) * time.Minute).In(zone)
			at := t.Hour()*60 + t.Minute()
			if t.Day() != day.Day() {
				break
			}
			if at >= h[0] && first < 0 {
				first = k
			}
			if at < h[1] {
				last = k
			}
		}
		// Who began stays though the clock goes back, and nobody goes before it shows the end for the last time.
		for n := first; open && !holidays[date] && n >= 0 && n <= last; n++ {
			m[n] = true
		}
		i = k
	}
	return m
}

func (m clockwork) works(minute time.Time) bool { return m[minute.Sub(began)/time.Minute] }

// between counts whole minutes from a to b; both are full minutes.
func (m clockwork) between(a, b time.Time) (n int) {
	for ; a.Before(b); a = a.Add(time.Minute) {
		if m.works(a) {
			n++
		}
	}
	return n
}

// add gives the moment after so many minutes of work.
func (m clockwork) add(from time.Time, minutes int) time.Time {
	for ; minutes > 0; from = from.Add(time.Minute) {
		if m.works(from) {
			minutes--
		}
	}
	return from
}

// Germany's holidays of 2026 and early 2027 in Bavaria and in Berlin, from the law, not from the library.
var bavaria = []string{"2026-01-01", "2026-01-06", "2026-04-03", "2026-04-06", "2026-05-01", "2026-05-14", "2026-05-25", "2026-06-04", "2026-08-15",
	"2026-10-03", "2026-11-01", "2026-12-25", "2026-12-26", "2027-01-01", "2027-01-06", "2027-03-26", "2027-03-29", "2027-05-01", "2027-05-06", "2027-05-17", "2027-05-27"}
var berlin = []string{"2026-01-01", "2026-03-08", "2026-04-03", "2026-04-06", "2026-05-01", "2026-05-14", "2026-05-25", "2026-10-03", "2026-12-25", "2026-12-26",
	"2027-01-01", "2027-03-08", "2027-03-26", "2027-03-29", "2027-05-01", "2027-05-06", "2027-05-17"}

// modelled is a calendar with its model.
type modelled struct {
	calendar *Calendar
	model    clockwork
}

// worlds are offices, night shifts over the change of the clock, a zone off by a quarter of an hour and one that changes its
// clock by half an hour.
func worlds(t *testing.T) map[string]modelled {
	make1 := func(c config.Calendar, hours map[time.Weekday][2]int, holidays []string) modelled {
		zone, err := time.LoadLocation(c.Zone)
		if err != nil {
			t.Fatal(err)
		}
		off := map[string]bool{}
		for _, h := range append(holidays, c.Holidays...) {
			off[h] = true
		}
		return modelled{must(t, c), newClockwork(zone, hours, off)}
	}
	week := func(from, to int) map[time.Weekday][2]int {
		h := map[time.Weekday][2]int{}
		for d := range 7 {
			h[time.Weekday(d)] = [2]int{from, to}
		}
		return h
	}
	all := func(text string) map[string]string {
		return map[string]string{"mon": text, "tue": text, "wed": text, "thu": text, "fri": text, "sat": text, "sun": text}
	}
	return map[string]modelled{
		"an office in Bavaria": make1(office(), map[time.Weekday][2]int{1: {540, 1050}, 2: {540, 1050}, 3: {540, 1050}, 4: {540, 1050}, 5: {540, 900}}, bavaria),
		"nights in Berlin":     make1(config.Calendar{Zone: "Europe/Berlin", Country: "DE-BE", Hours: all("00:00-05:00")}, week(0, 300), berlin),
		"days and nights":      make1(config.Calendar{Zone: "Europe/Berlin", Hours: all("00:00-24:00")}, week(0, 1440), nil),
		"a bakery":             make1(config.Calendar{Zone: "Europe/Berlin", Hours: all("02:30-06:00")}, week(150, 360), nil),
		"a bar in New York":    make1(config.Calendar{Zone: "America/New_York", Hours: all("00:00-01:30")}, week(0, 90), nil),
		"a bakery there":       make1(config.Calendar{Zone: "America/New_York", Hours: all("02:30-06:00")}, week(150, 360), nil),
		"Kathmandu":            make1(config.Calendar{Zone: "Asia/Kathmandu", Hours: all("09:15-17:45")}, week(555, 1065), nil),
		"Lord Howe":            make1(config.Calendar{Zone: "Australia/Lord_Howe", Hours: all("01:00-03:00")}, week(60, 180), nil),
	}
}

// Due times and working time are, to the minute, what counting every minute by itself gives; days on which the clock changes
// are drawn as often as all others together.
func TestLikeCountingEveryMinute(t *testing.T) {
	changes := []time.Time{ // when clocks change: Berlin, New York, Lord Howe
		time.Date(2026, 3, 29, 1, 0, 0, 0, time.UTC), time.Date(2026, 10, 25, 1, 0, 0, 0, time.UTC),
		time.Date(2026, 3, 8, 7, 0, 0, 0, time.UTC), time.Date(2026, 11, 1, 6, 0, 0, 0, time.UTC),
		time.Date(2026, 4, 4, 15, 0, 0, 0, time.UTC), time.Date(2026, 10, 3, 15, 30, 0, 0, time.UTC),
	}
	for name, w := range worlds(t) {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				from := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.IntRange(0, 400*24*60).Draw(t, "minute")) * time.Minute)
				if rapid.Bool().Draw(t, "about a change of the clock") {
					from = rapid.SampledFrom(changes).Draw(t, "change").Add(time.Duration(rapid.IntRange(-36*60, 12*60).Draw(t, "off")) * time.Minute)
				}
				work := rapid.IntRange(1, 30*60).Draw(t, "work")
				want := w.model.add(from, work)
				if got := w.calendar.Add(from, time.Duration(work)*time.Minute); !got.Equal(want) {
					t.Fatalf("%s + %d min = %s, counted %s", from, work, got, want)
				}
				seconds := time.Duration(rapid.IntRange(1, 59).Draw(t, "seconds")) * time.Second
				if got := w.calendar.Add(from.Add(-seconds), time.Duration(work)*time.Minute); !got.Equal(want) {
					t.Fatalf("%s less %s: %s, not %s", from, seconds, got, want)
				}
				to := from.Add(time.Duration(rapid.IntRange(0, 6*24*60).Draw(t, "until")) * time.Minute)
				if got, want := w.calendar.Between(from, to), w.model.between(from, to); got != time.Duration(want)*time.Minute {
					t.Fatalf("from %s to %s: %s, counted %d min", from, to, got, want)
				}
				if w.calendar.Works(from) != w.model.works(from) {
					t.Fatalf("%s: works %t", from, !w.model.works(from))
				}
			})
		})
	}
}
