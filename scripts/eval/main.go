// Command eval measures what Rapport understands and prints one table: metric, data, ours, reference, goal. With -write it
// goes into docs/understanding.md.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"time"
)

// figure is one line of the table.
type figure struct {
	point     string
	metric    string
	data      string
	ours      string
	reference string
	goal      string
	met       string // yes, no, or "" where there is no goal
}

func main() {
	public := flag.String("public", "out/eval", "where the public test sets lie: umsab/ and tweeteval/, see docs/understanding.md")
	write := flag.Bool("write", false, "write docs/understanding.md")
	dev := flag.Bool("dev", false, "only sets that may be looked at: nothing held back, nothing public")
	date := flag.String("date", time.Now().UTC().Format(time.DateOnly), "the date to write")
	alone := flag.Bool("pulse", false, "only spikes and crises")
	act := flag.Bool("next", false, "only next actions; with -dev on what may be looked at")
	flag.Parse()
	if *act {
		rows, err := nextAlone(*dev)
		if err != nil {
			fmt.Fprintln(os.Stderr, "eval:", err)
			os.Exit(1)
		}
		fmt.Print(markdown(rows))
		return
	}
	if *alone {
		fmt.Print(markdown(pulses(*public)))
		return
	}
	table, err := measure(*public, *dev)
	if err != nil {
		fmt.Fprintln(os.Stderr, "eval:", err)
		os.Exit(1)
	}
	table = append(table, pulses(*public)...)
	text := markdown(table)
	fmt.Print(text)
	if *write {
		doc := strings.ReplaceAll(strings.ReplaceAll(page, "TABLE\n", text), "DATE", *date)
		if err := os.WriteFile("docs/understanding.md", []byte(doc), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "eval:", err)
			os.Exit(1)
		}
	}
}

func markdown(table []figure) string {
	var b strings.Builder
	b.WriteString("| point | metric | data | ours | reference | goal | met |\n|---|---|---|---|---|---|---|\n")
	for _, f := range table {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s | %s |\n", f.point, f.metric, f.data, f.ours, f.reference, f.goal, f.met)
	}
	return b.String()
}

// least makes a figure that should be at least goal; goal 0 = none.
func least(point, metric, data string, ours float64, reference string, goal float64) figure {
	f := figure{point, metric, data, fmt.Sprintf("%.3f", ours), reference, "", ""}
	if goal > 0 {
		f.goal = fmt.Sprintf("≥ %.2f", goal)
		f.met = "no"
		if ours >= goal {
			f.met = "yes"
		}
	}
	return f
}

// most makes a figure that should be at most goal.
func most(point, metric, data string, ours float64, format, reference string, goal float64) figure {
	f := figure{point, metric, data, fmt.Sprintf(format, ours), reference, "≤ " + fmt.Sprintf(format, goal), "no"}
	if ours <= goal {
		f.met = "yes"
	}
	return f
}
