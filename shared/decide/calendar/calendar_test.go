package calendar

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rapport/shared/config"
)

func office() config.Calendar {
	h := "09:00-17:30"
	return config.Calendar{Zone: "Europe/Berlin", Country: "DE-BY", Holidays: []string{"2026-12-24"},
		Hours: map[string]string{"mon": h, "tue": h, "wed": h, "thu": h, "fri": "09:00-15:00"}}
}

func must(t *testing.T, c config.Calendar) *Calendar {
	t.Helper()
	out, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAdd(t *testing.T) {
	round := config.Calendar{Zone: "Europe/Berlin", Hours: map[string]string{"sat": "00:00-24:00", "sun": "00:00-24:00"}}
	for _, c := range []struct {
		name, from, work, want string
		calendar               config.Calendar
	}{
		{"within a day", "2026-11-18T09:00:00+01:00", "2h", "2026-11-18T11:00:00+01:00", office()},
		{"to the last minute", "2026-11-18T15:30:00+01:00", "2h", "2026-11-18T17:30:00+01:00", office()},
		{"over night", "2026-11-18T16:30:00+01:00", "2h", "2026-11-19T10:00:00+01:00", office()},
		{"before work", "2026-11-18T03:00:00+01:00", "30m", "2026-11-18T09:30:00+01:00", office()},
		{"over a weekend", "2026-11-20T14:40:00+01:00", "1h", "2026-11-23T09:40:00+01:00", office()},
		{"over Christmas and a day listed", "2026-12-23T17:00:00+01:00", "1h", "2026-12-28T09:30:00+01:00", office()},
		{"Epiphany is one in Bavaria", "2027-01-05T17:00:00+01:00", "1h", "2027-01-07T09:30:00+01:00", office()},
		{"seconds count as a minute", "2026-11-18T09:00:01+01:00", "1h", "2026-11-18T10:01:00+01:00", office()},
		{"the clock goes forward: that day has 23 hours", "2026-03-29T00:00:00+01:00", "23h", "2026-03-30T00:00:00+02:00", round},
		{"the clock goes back: that day has 25 hours", "2026-10-25T00:00:00+02:00", "25h", "2026-10-26T00:00:00+01:00", round},
		{"late on the evening before the clock goes forward", "2026-03-28T23:30:00+01:00", "1h", "2026-03-29T00:30:00+01:00", round},
		{"always", "2026-12-25T22:00:00+01:00", "8h", "2026-12-26T06:00:00+01:00", config.Calendar{}},
	} {
		from, _ := time.Parse(time.RFC3339, c.from)
		want, _ := time.Parse(time.RFC3339, c.want)
		d, _ := time.ParseDuration(c.work)
		if got := must(t, c.calendar).Add(from, d); !got.Equal(want) {
			t.Errorf("%s: %s; want %s", c.name, got, want)
		}
	}
}

func TestNeverWorking(t *testing.T) {
	c := must(t, config.Calendar{Hours: map[string]string{"mon": "off"}})
	if got := c.Add(time.Unix(1790000000, 0), time.Hour); !got.IsZero() {
		t.Errorf("a calendar without work gave %s", got)
	}
}

func TestMistakes(t *testing.T) {
	for want, c := range map[string]config.Calendar{
		"Europe/Berlin": {Zone: "Europe/Berlln"},
		"mon, tue":      {Hours: map[string]string{"monday": "09:00-17:00"}},
		"hours of tue":  {Hours: map[string]string{"tue": "17:00-09:00"}},
		"2026-12-25":    {Holidays: []string{"25.12.2026"}},
		"DE-BY":         {Country: "DE-XX"},
	} {
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v; want …%s…", c, err, want)
		}
	}
}

// Between measures what Add spent, whatever the moment; the result is working time, or its very end.
func TestAddAndBetweenAgree(t *testing.T) {
	c := must(t, office())
	rapid.Check(t, func(t *rapid.T) {
		from := time.Unix(rapid.Int64Range(1770000000, 1830000000).Draw(t, "from")/60*60, 0).UTC()
		work := time.Duration(rapid.IntRange(1, 60*60).Draw(t, "minutes")) * time.Minute
		due := c.Add(from, work)
		if got := c.Between(from, due); got != work {
			t.Fatalf("%s + %s = %s, but that is %s of work", from, work, due, got)
		}
		if !c.Works(due.Add(-time.Minute)) {
			t.Fatalf("%s is no moment at which anybody works", due)
		}
		if later := c.Add(from, work+time.Minute); !later.After(due) {
			t.Fatalf("more work is due earlier: %s, %s", due, later)
		}
	})
}

func BenchmarkAdd(b *testing.B) {
	c, err := New(office())
	if err != nil {
		b.Fatal(err)
	}
	from := time.Date(2026, 11, 18, 16, 0, 0, 0, time.UTC)
	b.ReportAllocs()
	for b.Loop() {
		c.Add(from, 8*time.Hour)
	}
}
