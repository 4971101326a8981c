package cost

import (
	"math"
	"strings"
	"testing"
)

func TestLists(t *testing.T) {
	for _, l := range Lists() {
		if l.Region == "" || l.Date == "" || l.Source == "" || min(l.Invocation, l.GBSecond, l.Request, l.Write, l.Read, l.Put, l.Schedule, l.LogGB, l.Look, l.Alarm, l.Metric, l.Dashboard) <= 0 {
			t.Errorf("the list of %q is not complete: %+v", l.Region, l)
		}
	}
	if l, err := Of(""); err != nil || l.Region != "eu-central-1" {
		t.Errorf("the default is %q (%v)", l.Region, err)
	}
	if _, err := Of("mars-1"); err == nil || !strings.Contains(err.Error(), "eu-central-1, us-east-1") {
		t.Errorf("an unknown region: %v", err)
	}
	one := Usage{1, 1, 1, 1, 1, 1, 1, 1, 1}
	if two := one.Plus(one); two != one.Times(2) || len(Lists()[0].Items(one)) != 9 {
		t.Errorf("one and one are %+v", two)
	}
}

const month = `
region: us-east-1
streams:
  - {name: monitor, by: webhook, mentions: 30000, talk: 20}
  - {name: social, by: poll, every: 2m, mentions: 6000, fee: 0.005}
crms:
  - {name: sales, cases: true, daily: 1000}
`

func TestBill(t *testing.T) {
	v, err := Parse([]byte(month))
	if err != nil {
		t.Fatal(err)
	}
	b, err := v.Bill()
	if err != nil {
		t.Fatal(err)
	}
	parts := 0.0
	for _, s := range b.Streams {
		parts += s.AWS
	}
	if b.Mentions != 36000 || math.Abs(parts+b.Idle+Sum(b.Watch)-b.AWS) > 1e-9 || math.Abs(b.Fees-30) > 1e-9 || math.Abs(b.USD-b.AWS-b.Fees) > 1e-9 {
		t.Errorf("the parts do not add up: %+v", b)
	}
	if b.Enrich != 1 || b.Streams[0].PerMillion < 8 { // so few come one by one, which costs more than full batches
		t.Errorf("batches of %g, %g USD per million", b.Enrich, b.Streams[0].PerMillion)
	}
	if c := b.CRMs[0]; c.Calls < 1000 || c.Share < 100 {
		t.Errorf("the CRM has to bear %+v", c)
	}
	v.Window *= 600
	later, err := v.Bill()
	if err != nil || later.AWS >= b.AWS || later.Enrich <= 1 || later.CRMs[0].Calls >= b.CRMs[0].Calls {
		t.Errorf("batches that wait are fuller and cheaper: %+v (%v)", later, err)
	}
	lean, list, err := Lean("us-east-1", "webhook")
	if err != nil || list.USD(lean) > 4 {
		t.Errorf("a million in full batches: %g USD (%v)", list.USD(lean), err)
	}
}

func TestWrongVolumes(t *testing.T) {
	for text, want := range map[string]string{
		"streams: [{name: a, by: pigeon, mentions: 1}]":          `a: by is "pigeon"`,
		"streams: [{name: a, by: webhook, mentions: -1}]":        "not negative",
		"streams: [{name: a, by: webhook, talk: 120}]":           "0 to 100",
		"streams: [{name: a, by: webhook, mention: 5}]":          "mention",
		"region: x\nstreams: [{name: a, by: poll, mentions: 1}]": "not known",
		"hours: 30\nstreams: [{name: a, by: poll}]":              "hours are",
		"streams: [{name: a, by: poll}]\ncrms: [{batch: -1}]":    "batch is at least 1",
		"streams: {": "cannot be read",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}
