package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rapport/shared/config"
	"rapport/shared/expression"
	"rapport/shared/fault"
	"rapport/shared/localrun"
	"rapport/shared/pipeline"
)

// asked stands for --apply without a hash.
const asked = "?"

func replayCommand(f *flags) *cobra.Command {
	var from, to, apply string
	var yes bool
	c := &cobra.Command{
		Use:   "replay [ACCOUNT]",
		Short: "Decide past days again, with this configuration or --config's: which CRM writes would differ; --apply writes them",
		Long: "Parse and decide again over what was recorded of one network account, or of all, with the configuration in force or the one\n" +
			"of --config, and show which decisions and which CRM records would end up otherwise. Nothing is fetched or written.\n\n" +
			"--apply asks and then writes exactly what was shown; --apply HASH writes it if it still is what that hash was given for.\n" +
			"A configuration of --config is published first. What somebody changed in the CRM since stays and is listed.",
		Args: cobra.MaximumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			if n := len(args); n > 0 && apply == asked && hash.MatchString(args[n-1]) {
				apply, args = args[n-1], args[:n-1]
			}
			if len(args) > 1 {
				return usageError{fmt.Errorf("%s wants one ACCOUNT at most; see %s --help", c.CommandPath(), c.CommandPath())}
			}
			begin, end, err := span(from, to)
			if err != nil {
				return err
			}
			var r pipeline.Replayed
			var accounts []string
			published := false
			err = f.look(c.Context(), func(h *localrun.Home) error {
				plan, err := h.Candidate(c.Context(), f.config)
				if err != nil {
					return err
				}
				if v, err := h.Version(c.Context(), 0); err == nil {
					published = v.Hash == plan.Doc.Hash
				}
				if accounts, err = networkNames(plan, args); err == nil {
					r, err = h.Replay(c.Context(), plan, accounts, begin, end)
				}
				return err
			})
			if err != nil {
				return err
			}
			job := pipeline.JobRow{Kind: pipeline.JobReplay, From: begin, To: end, Again: &pipeline.Again{Accounts: accounts}}
			return carryOut(c, f, r, job, apply, yes, func() error {
				if published {
					return nil
				}
				return f.publish(c.Context(), "replayed "+r.Hash)
			})
		},
	}
	c.Flags().StringVar(&from, "from", time.Now().UTC().Format(time.DateOnly), "first day")
	c.Flags().StringVar(&to, "to", "", "last day; default today")
	applyFlags(c, &apply, &yes)
	c.AddCommand(patchedCommand(f))
	return c
}

// hash is how a dry run is named.
var hash = regexp.MustCompile(`^[0-9a-f]{16}$`)

func applyFlags(c *cobra.Command, apply *string, yes *bool) {
	c.Flags().StringVar(apply, "apply", "", "write what is shown: after a yes, or if it has this hash")
	c.Flags().Lookup("apply").NoOptDefVal = asked
	c.Flags().BoolVar(yes, "yes", false, "do not ask")
}

// carryOut shows a dry run and, where that was asked for and approved, starts the job that writes it. before is done between
// the yes and the job.
func carryOut(c *cobra.Command, f *flags, r pipeline.Replayed, job pipeline.JobRow, apply string, yes bool, before func() error) error {
	switch {
	case apply != "" && apply != asked && apply != r.Hash:
		return fault.New(fault.Conflict, "what would change is %s now, and %s was approved: look at the dry run again", r.Hash, apply)
	case f.json && apply == "":
		return printJSON(c.OutOrStdout(), r)
	case !f.json && (apply == "" || apply == asked):
		printReplay(c.OutOrStdout(), r)
	}
	if apply == "" {
		return nil
	}
	if len(r.Writes) == 0 && len(r.Changed) == 0 {
		fmt.Fprintln(c.ErrOrStderr(), "there is nothing to write")
		return nil
	}
	if apply == asked && !yes && !confirm(c) {
		return nil
	}
	if err := before(); err != nil {
		return err
	}
	job.Again.Approved, job.Again.By = r.Hash, user()
	var id string
	if err := f.call(c.Context(), "job/start", job, &id); err != nil {
		return err
	}
	if _, err := localrun.Dial(f.data); err != nil || f.stack != "" {
		return follow(c, f, id)
	}
	return settle(c, f, id)
}

// publish makes the configuration of --config the one in force.
func (f *flags) publish(ctx context.Context, note string) error {
	text, err := os.ReadFile(f.config)
	if err != nil {
		return fault.New(fault.Invalid, "configuration: %w", err)
	}
	var v config.Version
	return f.call(ctx, "config/apply", localrun.Apply{Text: text, File: filepath.Base(f.config), By: user(), Note: note}, &v)
}

// patience is how long a command waits for the CRMs to take what was sent.
const patience = 20 * time.Second

// settle waits until a job and its deliveries are done, and says what became of them.
func settle(c *cobra.Command, f *flags, id string) error {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	var quiet time.Time
	for {
		var p pipeline.Patched
		if err := f.call(c.Context(), "job/patched", localrun.Named{Name: id}, &p); err != nil {
			return err
		}
		if p.Job.State != "running" && quiet.IsZero() {
			quiet = time.Now()
		}
		if p.Job.State != "running" && (p.Open == 0 || time.Since(quiet) > patience) {
			return printPatched(c, f, p)
		}
		select {
		case <-c.Context().Done():
			return context.Cause(c.Context())
		case <-tick.C:
		}
	}
}

func patchedCommand(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "status JOB",
		Short: "What became of a replay or an undo that was approved, and what it left alone",
		Args:  exactly("JOB"),
		RunE: func(c *cobra.Command, args []string) error {
			return f.look(c.Context(), func(h *localrun.Home) error {
				p, err := h.Patched(c.Context(), args[0])
				if err != nil {
					return err
				}
				return printPatched(c, f, p)
			})
		},
	}
}

// printPatched says what became of what was approved. What was left alone and why is what a person wants to know.
func printPatched(c *cobra.Command, f *flags, p pipeline.Patched) error {
	w := c.OutOrStdout()
	if f.json {
		if err := printJSON(w, p); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(w, "job %s is %s: %d records written, %d were so already, %d skipped, %d refused, %d under way; %d fields left as somebody has them\n",
			p.Job.ID, p.Job.State, p.Written, p.Unchanged, p.Skipped, p.Failed, p.Open, p.Fields)
		for _, x := range p.List {
			fmt.Fprintf(w, "  %s %s %s: %s", x.Account, x.Object, x.Key, x.State)
			if x.Reason != "" {
				fmt.Fprintf(w, " (%s)", x.Reason)
			}
			if len(x.Left) > 0 {
				fmt.Fprintf(w, "; left as they are: %s", strings.Join(x.Left, ", "))
			}
			fmt.Fprintln(w)
		}
		if p.Open > 0 {
			fmt.Fprintf(w, "`rapport replay status %s` tells the rest\n", p.Job.ID)
		}
	}
	if p.Job.State == "failed" {
		return fault.New(fault.Invalid, "%s", p.Job.Problem)
	}
	if p.Failed > 0 {
		return errFound
	}
	return nil
}

// printReplay shows the diff a person decides on.
func printReplay(w io.Writer, r pipeline.Replayed) {
	if r.Undo {
		fmt.Fprintf(w, "%d events to be undone\nCRM records: %d put back, %d blanked\n", r.Entries, r.Verbs[pipeline.WouldUpdate], r.Verbs[pipeline.WouldBlank])
	} else {
		fmt.Fprintf(w, "%d decisions made again: %d equal, %d would differ\n", r.Entries, r.Equal, len(r.Changed))
		fmt.Fprintf(w, "CRM records: %d created, %d updated, %d not written any more\n", r.Verbs[pipeline.WouldCreate], r.Verbs[pipeline.WouldUpdate], r.Verbs[pipeline.WouldSkip])
	}
	fmt.Fprintf(w, "hash of these changes: %s\n", r.Hash)
	for _, risk := range r.Risks {
		fmt.Fprintf(w, "look at this: %s\n", risk)
	}
	for _, x := range r.Writes {
		fmt.Fprintf(w, "%s %s %s %s\n", x.Verb, x.Account, x.Object, x.Key)
		for _, d := range x.Fields {
			fmt.Fprintf(w, "    %s: %s → %s\n", d.Field, shownValue(d.Old), shownValue(d.New))
			if d.Rule != "" {
				fmt.Fprintf(w, "        by %s\n", d.Rule)
			}
		}
	}
}

// shownValue gives a field's value on one line.
func shownValue(v any) string {
	if v == nil || v == "" {
		return "(empty)"
	}
	return strconv.Quote(expression.Cut(fmt.Sprint(v), 80))
}
