package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"rapport/shared/localrun"
	"rapport/shared/pipeline"
)

func reviewCommand(f *flags) *cobra.Command {
	var most int
	c := &cobra.Command{
		Use:   "review [BRAND]",
		Short: "List whom authors may be, the likeliest first; accept, reject, unlink, merge, unmerge",
		Long: "List links that only look likely, the likeliest first, of one brand or of all. Nobody is linked until somebody says so by\n" +
			"`review accept` or, on the console's page, by a key.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return f.look(c.Context(), func(h *localrun.Home) error {
				brands := args
				if len(brands) == 0 {
					plan, err := h.Plan(c.Context(), "")
					if err != nil {
						return err
					}
					for _, b := range plan.Doc.Brands {
						brands = append(brands, b.Name)
					}
				}
				open, err := h.Reviews(c.Context(), brands)
				if err != nil {
					return err
				}
				more := max(len(open)-most, 0)
				open = append([]pipeline.ReviewRow{}, open[:len(open)-more]...)
				if f.json {
					return printJSON(c.OutOrStdout(), map[string]any{"open": open, "more": more})
				}
				return printReviews(c, open, more)
			})
		},
	}
	c.Flags().IntVar(&most, "most", 50, "so many at most")
	c.AddCommand(
		verdictCommand(f, "accept", "AUTHOR PERSON", "Link an author to the person", "linked"),
		verdictCommand(f, "reject", "AUTHOR PERSON", "Say that an author is not the person; it is not suggested again", "rejected; it is not suggested again"),
		verdictCommand(f, "unlink", "AUTHOR", "Take an author away from its person; it is not suggested again", "unlinked; it is not suggested again"),
		mergeCommand(f),
		verdictCommand(f, "unmerge", "MERGE", "Undo a merge exactly, named by its id or by the person that was merged away", "the merge is being undone"),
	)
	return c
}

func printReviews(c *cobra.Command, open []pipeline.ReviewRow, more int) error {
	w := c.OutOrStdout()
	if len(open) == 0 {
		fmt.Fprintln(w, "nothing to review")
	}
	for _, r := range open {
		fmt.Fprintf(w, "%5.1f %%  %s → %s  class %s: %s\n", r.Candidate.Sure*100, r.Author, r.Person, r.Candidate.Class, r.Candidate.Evidence)
	}
	if more > 0 {
		fmt.Fprintf(w, "%d more wait\n", more)
	}
	return nil
}

// verdictCommand is a subcommand that says something about what its arguments name.
func verdictCommand(f *flags, say, names, short, done string) *cobra.Command {
	return &cobra.Command{
		Use:   say + " " + names,
		Short: short,
		Args:  exactly(strings.Fields(names)...),
		RunE: func(c *cobra.Command, args []string) error {
			v := localrun.Verdict{Say: say}
			if say == "unmerge" {
				v.Merge = args[0]
			} else if v.Author = args[0]; len(args) > 1 {
				v.Person = args[1]
			}
			if err := f.call(c.Context(), "review/decide", v, nil); err != nil {
				return err
			}
			return f.done(c, done)
		},
	}
}

func mergeCommand(f *flags) *cobra.Command {
	var why string
	c := &cobra.Command{
		Use:   "merge PERSON OTHER",
		Short: "Make one person of two: PERSON stays, OTHER leads to it; in the CRMs only links move",
		Args:  exactly("PERSON", "OTHER"),
		RunE: func(c *cobra.Command, args []string) error {
			var id string
			if err := f.call(c.Context(), "review/decide", localrun.Verdict{Say: "merge", Person: args[0], Other: args[1], Why: why}, &id); err != nil {
				return err
			}
			if f.json {
				return printJSON(c.OutOrStdout(), map[string]any{"merge": id})
			}
			fmt.Fprintf(c.OutOrStdout(), "the two become one person; `rapport review unmerge %s` undoes it\n", id)
			return nil
		},
	}
	c.Flags().StringVar(&why, "why", "", "the reason, which stays with the merge; without names")
	return c
}
