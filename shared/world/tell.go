package world

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"rapport/shared/ledger"
)

// width of everything that is told, in characters.
const width = 96

// bold marks a headline where the output is a terminal.
func (w *world) bold(s string) string {
	if f, ok := w.o.Out.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			return "\x1b[1m" + s + "\x1b[0m"
		}
	}
	return s
}

func (w *world) print(format string, args ...any) { fmt.Fprintf(w.o.Out, format, args...) }

func (w *world) opening() {
	w.print("%s\n", w.bold("A day of two invented brands. All services are fakes on this machine; all calls are real."))
	w.print("Hooks come to http://%s.\n\n", w.listen)
}

// tellHours tells what happened in two hours of the day.
func (w *world) tellHours(hour time.Duration, counts map[string]int) {
	if hour < 0 {
		return
	}
	var parts []string
	for _, what := range sorted(counts) {
		parts = append(parts, fmt.Sprintf("%s %d", what, counts[what]))
	}
	slices.Reverse(parts)
	w.print("  %02d to %02d o'clock   %s\n", int(hour.Hours()), int(hour.Hours())+2, strings.Join(parts, ", "))
}

// tell prints the summary.
func (w *world) tell(s Summary) {
	w.print("\n%s\n", w.bold("What became of everything that was received"))
	w.row("network", ledger.Tally{}, true)
	for _, name := range sorted(s.Networks) {
		label := name
		if label == "" {
			label = "(not readable)"
		}
		w.row(label, s.Networks[name], false)
	}
	w.row("all", s.Total, false)
	w.print("\n%s\n  %-10s %11s %9s %9s %10s %9s %7s %6s %6s\n", w.bold("What the CRMs were given"),
		"account", "deliveries", "created", "updated", "unchanged", "records", "calls", "429", "503")
	for _, c := range s.CRMs {
		w.print("  %-10s %11d %9d %9d %10d %9d %7d %6d %6d\n", c.Name, c.Deliveries, c.Created, c.Updated, c.Unchanged, c.Records, c.Calls, c.Limited, c.Down)
	}
	w.print("\n%s\n  %d conversations", w.bold("Conversations"), total(s.Talks))
	for _, status := range sorted(s.Talks) {
		w.print(", %d %s", s.Talks[status], status)
	}
	w.print("; %d deserve a case\n", s.Cases)
	w.tellScores(s)
	w.print("\n%s\n", w.bold("Alerts"))
	for _, a := range s.Alerts {
		w.print("  %s\n", short(a, width-2))
	}
	w.tellCost(s)
	w.print("\n%s\n", w.bold("Checked"))
	w.print("  %d authors; %d forged calls refused; played and settled in %s\n", s.Authors, s.Forged, seconds(s.Took))
	if len(s.Problems) == 0 {
		w.print("  exactly one record per mention in each CRM; the human's edit stands; each approved answer stands\n  once on its network, and no note was sent; who asked to be forgotten is\n")
	}
	for _, p := range s.Problems {
		w.print("  wrong: %s\n", p)
	}
	if w.o.Keep {
		w.hints()
	}
	w.print("\n%s\n", s.Line)
}

func (w *world) row(name string, t ledger.Tally, head bool) {
	if head {
		w.print("  %-15s %9s %8s %7s %9s %11s %9s %5s %5s\n", name, "received", "written", "merged", "filtered", "suppressed", "rejected", "dead", "open")
		return
	}
	w.print("  %-15s %9d %8d %7d %9d %11d %9d %5d %5d\n", name, t.Received, t.Written, t.Merged, t.Filtered, t.Suppressed, t.Rejected, t.Dead, t.Open)
}

func (w *world) tellScores(s Summary) {
	w.print("\n%s\n", w.bold("The five highest Social Customer Scores"))
	for _, x := range s.Scores {
		w.print("  %3d  @%s (%s)\n", x.Total, x.Handle, x.Network)
		for _, why := range x.Why {
			w.print("         %s\n", short(why, width-9))
		}
	}
}

func (w *world) tellCost(s Summary) {
	w.print("\n%s\n", w.bold("What the day would have cost on AWS (estimated; "+s.Cost.Prices+", no free tier)"))
	for _, p := range s.Cost.Parts {
		w.print("  %-26s %12.0f %-12s %10.6f USD\n", p.What, p.Count, p.Unit, p.USD)
	}
	w.print("  events %.4f USD (%.2f per million), a day of waiting %.4f USD\n", s.Cost.Events, s.Cost.Events/float64(max(s.Total.Received, 1))*1e6, s.Cost.Idle)
}

// hints says how to look around while everything stays up.
func (w *world) hints() {
	w.print("\n%s\n", w.bold("Everything stays up until you press Ctrl-C"))
	w.print("  data file %s\n", w.o.Data)
	w.print("  hooks     http://%s/hooks/ and echolot, sterne, portal, meta, x\n", w.listen)
	label := "services"
	for _, name := range sorted(w.fronts) {
		w.print("  %-9s %-10s %s\n", label, name, w.fronts[name].url)
		label = ""
	}
	if id, err := w.mention("hero"); err == nil {
		w.print("  try       rapport ledger --data %s \\\n              %s\n", w.o.Data, id)
	}
}

func total(m map[string]int) (n int) {
	for _, k := range sorted(m) {
		n += m[k]
	}
	return n
}
