package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"rapport/shared/localrun"
	"rapport/shared/pipeline"
)

func explainCommand(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "explain MENTION|PERSON",
		Short: "Decide a mention again from its receipt: why it was decided so, and what would have changed it",
		Args:  exactly("MENTION|PERSON"),
		RunE: func(c *cobra.Command, args []string) error {
			return f.look(c.Context(), func(h *localrun.Home) error {
				x, err := h.Explain(c.Context(), args[0])
				if notFound(err) {
					who, perr := h.ExplainPerson(c.Context(), args[0])
					if notFound(perr) {
						return err
					}
					return printPerson(c, f, who, perr)
				}
				if err != nil {
					return err
				}
				if f.json {
					err = printJSON(c.OutOrStdout(), x)
				} else {
					printExplained(c.OutOrStdout(), x)
				}
				if err == nil && !x.Equal {
					return errFound
				}
				return err
			})
		},
	}
}

func printPerson(c *cobra.Command, f *flags, who pipeline.ExplainedPerson, err error) error {
	w := c.OutOrStdout()
	if err != nil {
		return err
	}
	if f.json {
		return printJSON(w, who)
	}
	p := who.Person
	if p.ID == "" {
		fmt.Fprintln(w, "a stranger: linked to no CRM record")
	} else {
		fmt.Fprintln(w, p.ID, p.Name)
	}
	fmt.Fprintf(w, "score %d of 100, confidence %d %%\n", p.Score.Total, p.Score.Confidence)
	for _, part := range p.Score.Parts {
		fmt.Fprintf(w, "  %-14s %d of %d: %s\n", part.Name, part.Points, part.Max, part.Reason)
	}
	for _, l := range p.Links {
		fmt.Fprintf(w, "  linked to %s %s %s (class %s, by %s): %s\n", l.To, l.Object, l.Record, l.Class, l.By, l.Evidence)
	}
	tellBasis(w, who.Basis)
	for _, x := range who.Mentions {
		fmt.Fprintln(w)
		printExplained(w, x)
	}
	return nil
}

// printExplained says why and what else might have been.
func printExplained(w io.Writer, x pipeline.Explained) {
	fmt.Fprintf(w, "%s\n%s\n", x.Mention, x.Short)
	equal := "decided again from receipt %s with configuration %.8s: equal\n"
	if !x.Equal {
		equal = "decided again from receipt %s with configuration %.8s: NOT EQUAL\n"
	}
	fmt.Fprintf(w, equal, x.Line, x.Config)
	if x.Undone {
		fmt.Fprintln(w, "it was undone")
	}
	fmt.Fprintln(w, "\nWhy")
	for _, r := range x.Reasons {
		fmt.Fprintf(w, "  %-14s %s\n", r.Of, r.Say)
	}
	fmt.Fprintln(w, "\nWhat would change it: if")
	for _, o := range x.Others {
		fmt.Fprintf(w, "  %s\n", o.If)
		for _, t := range o.Then {
			fmt.Fprintf(w, "      %s\n", t)
		}
	}
	if len(x.Others) == 0 {
		fmt.Fprintln(w, "  nothing of what was tried")
	}
}
