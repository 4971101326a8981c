package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"rapport/shared/decide/pulse"
	"rapport/shared/localrun"
	"rapport/shared/pipeline"
)

// brandState is how a brand is, or would have been.
type brandState struct {
	Brand   string         `json:"brand"`
	State   string         `json:"state"`
	Since   time.Time      `json:"since,omitzero"`
	Reading pulse.Reading  `json:"reading"`
	Changes []pulse.Change `json:"changes"`
}

// eachBrand reads something of every brand, and prints it.
func eachBrand[T any](c *cobra.Command, f *flags, show func(io.Writer, T), of func(h *localrun.Home, brand string) (T, error)) error {
	return f.look(c.Context(), func(h *localrun.Home) error {
		plan, err := h.Plan(c.Context(), "")
		if err != nil {
			return err
		}
		var all []T
		for _, b := range plan.Doc.Brands {
			one, err := of(h, b.Name)
			if err != nil {
				return err
			}
			all = append(all, one)
		}
		if f.json {
			return printJSON(c.OutOrStdout(), all)
		}
		for _, one := range all {
			show(c.OutOrStdout(), one)
		}
		return nil
	})
}

func pulseCommand(f *flags) *cobra.Command {
	var from, to string
	c := &cobra.Command{
		Use:   "pulse",
		Short: "How each brand is: normal, watch, crisis or cooling; with --from, what would have been told in a time",
		Long: "How each brand is, and its newest changes of state. With --from, a back-test: the ledger is looked at again as it would have\n" +
			"been looked at then, by the configuration of today, with every state and would-be alert. Nothing is written or told.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return eachBrand(c, f, printPulse, func(h *localrun.Home, brand string) (brandState, error) {
				s := brandState{Brand: brand}
				if from == "" && to == "" {
					err := presently(c, h, &s)
					return s, err
				}
				begin, end, err := span(from, to)
				if err != nil {
					return s, err
				}
				var v *pulse.Pulse
				if s.Changes, v, err = h.Backtest(c.Context(), brand, begin, end); err != nil {
					return s, err
				}
				s.State, s.Since, s.Reading = v.Name(), v.Since, v.Reading
				return s, nil
			})
		},
	}
	c.Flags().StringVar(&from, "from", "", "first day of a back-test, such as 2026-11-20")
	c.Flags().StringVar(&to, "to", "", "its last day; default today")
	return c
}

// presently fills in how a brand is now.
func presently(c *cobra.Command, h *localrun.Home, s *brandState) error {
	v, err := h.Pulse(c.Context(), s.Brand)
	if err != nil {
		return err
	}
	s.State, s.Since, s.Reading = v.Name(), v.Since, v.Reading
	list, err := h.StateChanges(c.Context(), s.Brand, 20)
	for _, a := range list {
		s.Changes = append(s.Changes, a.Change)
	}
	return err
}

func printPulse(w io.Writer, s brandState) {
	fmt.Fprintf(w, "%s: %s", s.Brand, s.State)
	if !s.Since.IsZero() {
		fmt.Fprintf(w, " since %s", s.Since.Format(time.RFC3339))
	}
	fmt.Fprintln(w)
	for _, c := range s.Changes {
		fmt.Fprintf(w, "  %s  %-7s → %-7s  %s\n", c.At.Format(time.RFC3339), c.From, c.To, c.Say())
	}
}

// brandTopics is what is said about a brand's topics.
type brandTopics struct {
	Brand  string                `json:"brand"`
	Topics []pipeline.TopicCount `json:"topics"`
	Week   string                `json:"week,omitempty"`
	Rising []pulse.Rise          `json:"rising"`
}

func topicsCommand(f *flags) *cobra.Command {
	var days int
	c := &cobra.Command{
		Use:   "topics",
		Short: "What is said about the topics of each brand, and which words rise",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return eachBrand(c, f, printTopics, func(h *localrun.Home, brand string) (t brandTopics, err error) {
				t.Brand = brand
				now := h.Ports.Now()
				if t.Topics, err = h.Topics(c.Context(), brand, now.AddDate(0, 0, -days), now); err == nil {
					t.Week, t.Rising, err = h.Rising(c.Context(), brand, 20)
				}
				return t, err
			})
		},
	}
	c.Flags().IntVar(&days, "days", 7, "how many days back")
	return c
}

func printTopics(w io.Writer, t brandTopics) {
	fmt.Fprintf(w, "%s\n", t.Brand)
	for _, x := range t.Topics {
		fmt.Fprintf(w, "  %-24s %-10s %6d mentions, %d complaints, %d praise\n", x.Name, x.Kind, x.Mentions, x.Bad, x.Good)
	}
	for _, r := range t.Rising {
		fmt.Fprintf(w, "  rising in the week of %s: %s, %d people\n", t.Week, r.Word, r.People)
	}
}
