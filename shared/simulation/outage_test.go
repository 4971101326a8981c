package simulation

import (
	"flag"
	"testing"
	"time"
)

var hours = flag.Int("hours", 1, "how long the CRM is down in TestOutage")

// TestOutage: a CRM that is down for hours at ten mentions a second loses, doubles and turns round nothing, and drains at the
// allowed rate.
func TestOutage(t *testing.T) {
	o := Outage{Hours: *hours, Rate: 10, Calls: 100, Per: 10 * time.Second, Batch: 100}
	d, err := RunOutage(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d hours at %d mentions a second: %d mentions, %d parked when it came back, %d calls while it was down, drained in %v, at most %d calls in %v (allowed %d): lost %d, doubled %d, back to an older state %d, unsettled %d",
		o.Hours, o.Rate, d.Mentions, d.Parked, d.Probes, d.Took, d.Busiest, o.Per, o.Calls, d.Lost, d.Doubled, d.Backwards, d.Unsettled)
	if d.Mentions != o.Hours*3600*o.Rate || d.Lost+d.Doubled+d.Backwards+d.Unsettled+len(d.Violations) > 0 {
		t.Errorf("%+v", d)
	}
	if d.Busiest > o.Calls || d.Busiest == 0 {
		t.Errorf("%d calls in %v, %d are allowed", d.Busiest, o.Per, o.Calls)
	}
	if d.Parked < d.Mentions*9/10 {
		t.Errorf("%d of %d were parked", d.Parked, d.Mentions)
	}
	if most := o.Hours*60 + 20; d.Probes > most {
		t.Errorf("%d calls while the CRM was down: more than one a minute", d.Probes)
	}
}
