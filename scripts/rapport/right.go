package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rapport/shared/localrun"
	"rapport/shared/pipeline"
)

// whoHelp says how commands of privacy may be told whom they are about.
const whoHelp = "WHO is an author id (mastodon:https://host/users/kari), a handle (mastodon:@kari@host), an e-mail address that stands in a CRM\n" +
	"record, a CRM record (account:object/id), or a person's id."

func eraseCommand(f *flags) *cobra.Command {
	var reason, job string
	var yes bool
	c := &cobra.Command{
		Use:   "erase WHO",
		Short: "Remove somebody's traces from store, archive and CRMs; a tombstone keeps them from coming back",
		Long: "Remove somebody's traces from store, archive and CRMs; a tombstone keeps them from coming back. " + whoHelp + "\n" +
			"--job shows how far an erasure is and, once it is finished, its report.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if job != "" {
				return showErasure(c, f, job)
			}
			if len(args) != 1 {
				return usageError{fmt.Errorf("%s wants WHO; see %s --help", c.CommandPath(), c.CommandPath())}
			}
			var s pipeline.Subject
			err := f.look(c.Context(), func(h *localrun.Home) (err error) {
				s, err = h.Resolve(c.Context(), args[0])
				return err
			})
			if err != nil {
				return err
			}
			tellSubject(c.ErrOrStderr(), s)
			fmt.Fprintln(c.ErrOrStderr(), "All that was said there, and what was made of it, goes from store, archive and CRMs. This cannot be undone.")
			if !yes && !confirm(c) {
				return nil
			}
			var id string
			if err := f.call(c.Context(), "privacy/erase", localrun.Request{Who: args[0], Reason: reason}, &id); err != nil {
				return err
			}
			if err := follow(c, f, id); err != nil || f.json {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "%s; `rapport erase --job %s` shows the report then.\n", unswept, id)
			return nil
		},
	}
	c.Flags().StringVar(&reason, "reason", "request", "why, for the record")
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	c.Flags().StringVar(&job, "job", "", "show this erasure instead")
	return c
}

// unswept is what an erasure still does after its first pass.
const unswept = "What was on its way is looked for again, some minutes later, until nothing new comes; then ids give way to hashes too"

// tellSubject says who was found, and how.
func tellSubject(w io.Writer, s pipeline.Subject) {
	who := strings.Join(s.Authors, ", ")
	if s.Person != "" {
		who = strings.TrimSuffix("person "+s.Person+" with "+who, " with ")
	}
	fmt.Fprintf(w, "Found %s: %s.\n", s.How, who)
	if s.Beyond != "" {
		fmt.Fprintf(w, "Note: %s.\n", s.Beyond)
	}
}

func showErasure(c *cobra.Command, f *flags, job string) error {
	return f.look(c.Context(), func(h *localrun.Home) error {
		j, err := h.Job(c.Context(), job)
		if err != nil {
			return err
		}
		row, err := h.ErasureReport(c.Context(), job)
		if err != nil && !notFound(err) {
			return err
		}
		if f.json {
			return printJSON(c.OutOrStdout(), map[string]any{"state": j.State, "finished": j.Swept, "problem": j.Problem, "report": row.Report, "sha256": row.Hash, "unchanged": row.Check()})
		}
		w := c.OutOrStdout()
		if !j.Swept {
			fmt.Fprintf(w, "job %s: %s, %d found so far, in pass %d %s\n", job, j.State, j.Done, j.Pass+1, j.Problem)
			if j.Pass > 0 {
				fmt.Fprintln(w, unswept+".")
			}
			return nil
		}
		r := row.Report
		fmt.Fprintf(w, "Erasure %s (%s), asked for on %s, finished on %s\n", r.Job, r.Reason, r.Asked.Format(time.DateTime), r.Done.Format(time.DateTime))
		for _, part := range []struct {
			title string
			items []pipeline.ErasureItem
		}{{"Removed", r.Removed}, {"Goes by itself", r.Later}, {"Out of reach", r.Stays}, {"For a human to decide", r.Proposals}} {
			tellItems(w, part.title, part.items)
		}
		fmt.Fprintf(w, "\nsha256 %s, unchanged: %t\n", row.Hash, row.Check())
		return nil
	})
}

func tellItems(w io.Writer, title string, items []pipeline.ErasureItem) {
	if len(items) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", title)
	for _, x := range items {
		fmt.Fprintf(w, "  %s: %s", x.Where, x.What)
		if x.Count > 0 {
			fmt.Fprintf(w, " (%d)", x.Count)
		}
		if !x.Until.IsZero() {
			fmt.Fprintf(w, ", until %s", x.Until.Format(time.DateOnly))
		}
		fmt.Fprintln(w)
	}
}

func holdCommand(f *flags) *cobra.Command {
	var why, until string
	c := &cobra.Command{
		Use:   "hold WHO",
		Short: "Set a legal hold: erasures and the retention sweep leave somebody's traces alone until it ends",
		Long:  "Set a legal hold: erasures wait and the retention sweep leaves the traces alone until it ends. " + whoHelp,
		Args:  exactly("WHO"),
		RunE: func(c *cobra.Command, args []string) error {
			in := localrun.Holding{Who: args[0], By: user(), Why: why}
			if until != "" {
				end, err := time.Parse(time.DateOnly, until)
				if err != nil {
					return usageError{fmt.Errorf("--until wants a day such as 2027-01-31, not %q", until)}
				}
				in.Until = end.Add(24 * time.Hour)
			}
			var h pipeline.HoldRow
			if err := f.call(c.Context(), "privacy/hold", in, &h); err != nil {
				return err
			}
			if f.json {
				return printJSON(c.OutOrStdout(), h)
			}
			fmt.Fprintf(c.OutOrStdout(), "legal hold %s is set; `rapport privacy lift %s` ends it\n", h.ID, h.ID)
			return nil
		},
	}
	c.Flags().StringVar(&why, "why", "", "the reason, such as a file number")
	c.Flags().StringVar(&until, "until", "", "its last day; default until it is lifted")
	_ = c.MarkFlagRequired("why") // the flag exists
	return c
}

func liftCommand(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "lift HOLD",
		Short: "End a legal hold; erasures that waited for it go on",
		Args:  exactly("HOLD"),
		RunE: func(c *cobra.Command, args []string) error {
			var h pipeline.HoldRow
			if err := f.call(c.Context(), "privacy/lift", localrun.Named{Name: args[0]}, &h); err != nil {
				return err
			}
			if f.json {
				return printJSON(c.OutOrStdout(), h)
			}
			fmt.Fprintf(c.OutOrStdout(), "legal hold %s is lifted; %d erasures go on\n", h.ID, len(h.Jobs))
			return nil
		},
	}
}

func holdsCommand(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "holds",
		Short: "List the legal holds in force",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return f.look(c.Context(), func(h *localrun.Home) error {
				list, err := h.Holds(c.Context())
				if err != nil {
					return err
				}
				if f.json {
					return printJSON(c.OutOrStdout(), list)
				}
				for _, x := range list {
					until := "until it is lifted"
					if !x.Until.IsZero() {
						until = "until " + x.Until.Format(time.DateTime)
					}
					fmt.Fprintf(c.OutOrStdout(), "%s  %s%s  by %s on %s, %s: %s  (%d erasures wait)\n", x.ID, x.Person, strings.Join(x.Authors, ","), x.By,
						x.At.Format(time.DateOnly), until, x.Why, len(x.Jobs))
				}
				return nil
			})
		},
	}
}
