package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rapport/shared/fault"
	"rapport/shared/localrun"
	"rapport/shared/pipeline"
)

func accessCommand(f *flags) *cobra.Command {
	var file, job string
	var later bool
	c := &cobra.Command{
		Use:   "access WHO",
		Short: "Gather everything held about somebody: a file in JSON, and the same to read",
		Long: "Gather everything held about somebody into one JSON file, readable by its owner alone, and print the same to read. " + whoHelp + "\n" +
			"--later lets a job do it, for who said very much; --job ID shows how far it is, and writes what it gathered. That is kept for a week.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var d pipeline.Dossier
			if len(args) != 1 && job == "" {
				return usageError{fmt.Errorf("%s wants WHO; see %s --help", c.CommandPath(), c.CommandPath())}
			}
			if later && job == "" {
				var id string
				if err := f.call(c.Context(), "privacy/access", localrun.Request{Who: args[0]}, &id); err != nil {
					return err
				}
				return follow(c, f, id)
			}
			err := f.look(c.Context(), func(h *localrun.Home) (err error) {
				if job != "" {
					d, err = h.AccessOf(c.Context(), job)
					return err
				}
				s, err := h.Resolve(c.Context(), args[0])
				if err == nil {
					d, err = h.Access(c.Context(), s)
				}
				return err
			})
			if err != nil {
				return err
			}
			if err := f.call(c.Context(), "privacy/noted", localrun.Named{Name: "access"}, nil); err != nil {
				return err
			}
			if file != "" {
				text, err := json.MarshalIndent(d, "", "  ")
				if err != nil {
					return err
				}
				if err := os.WriteFile(file, append(text, '\n'), 0o600); err != nil {
					return fault.New(fault.Invalid, "the file cannot be written: %w", err)
				}
			}
			if f.json {
				return printJSON(c.OutOrStdout(), d)
			}
			tellDossier(c.OutOrStdout(), d)
			return nil
		},
	}
	c.Flags().StringVarP(&file, "output", "o", "", "write the JSON to this file")
	c.Flags().BoolVar(&later, "later", false, "gather it as a job")
	c.Flags().StringVar(&job, "job", "", "write what this job gathered")
	return c
}

// on says when something is, where that is known.
func on(words string, at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return words + at.Format(time.DateOnly)
}

// tellBasis says what each purpose rests on.
func tellBasis(w io.Writer, list []pipeline.Standing) {
	fmt.Fprintln(w, "What it is processed for, and on which basis")
	for _, s := range list {
		done, since := "", ""
		if !s.Holds {
			done = ", not done"
		}
		if !s.Since.IsZero() {
			since = " since " + s.Since.Format(time.DateTime)
		}
		fmt.Fprintf(w, "  %-10s %s%s (%s%s)\n", s.Purpose, s.Basis, done, s.Source, since)
	}
}

// tellDossier writes a dossier to be read.
func tellDossier(w io.Writer, d pipeline.Dossier) {
	fmt.Fprintf(w, "What is held about you, as of %s (found %s)\n\nSocial accounts\n", d.Made.Format(time.DateTime), d.How)
	for _, a := range d.Accounts {
		fmt.Fprintf(w, "  %s %s (%s): %d mentions seen, score %d of 100\n", a.Author.Handle, a.Author.Name, a.Author.ID, a.Seen.Mentions, a.Score.Total)
		if !a.Since.IsZero() {
			fmt.Fprintf(w, "    kept since %s%s%s\n", a.Since.Format(time.DateOnly), on(", told what is done with it on ", a.Informed), on(", kept until ", a.Expires))
		}
		for _, part := range a.Score.Parts {
			fmt.Fprintf(w, "    %s %d: %s\n", part.Name, part.Points, part.Reason)
		}
	}
	if d.Person != nil {
		fmt.Fprintf(w, "\nPerson %s %s: %d hashed matching keys\n", d.Person.ID, d.Person.Name, d.Keys)
		for _, l := range d.Person.Links {
			fmt.Fprintf(w, "  linked to %s, because: %s (%s)\n", strings.TrimSpace(l.To+" "+l.Object+" "+l.Record), l.Evidence, l.At.Format(time.DateOnly))
		}
	}
	fmt.Fprintln(w)
	tellBasis(w, d.Basis)
	fmt.Fprintf(w, "\nWhat you said (%d), what was concluded, and where it went\n", len(d.Mentions))
	for _, m := range d.Mentions {
		fmt.Fprintf(w, "\n  %s  %s\n    %s\n", m.Mention.Created.Format(time.DateTime), m.Mention.ID, strings.ReplaceAll(m.Mention.Text, "\n", "\n    "))
		if !m.Expires.IsZero() {
			fmt.Fprintf(w, "    kept until %s\n", m.Expires.Format(time.DateOnly))
		}
		for _, r := range m.Reasons {
			fmt.Fprintf(w, "    %-14s %s\n", r.Of, r.Say)
		}
		for _, l := range m.Lines {
			for _, x := range l.Line.Deliveries {
				fmt.Fprintf(w, "    → %s: %s\n", x.Account, x.State)
			}
		}
	}
	fmt.Fprintf(w, "\nConversations: %d. Content is kept: %s; receipts: %s. Legal holds: %d.\n", len(d.Conversations), d.Keeps["content"], d.Keeps["receipts"], d.Holds)
}
