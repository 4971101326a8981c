package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/localrun"
	"rapport/shared/network"
	"rapport/shared/pipeline"
)

func doctorCommand(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "doctor [ACCOUNT…]",
		Short: "Examine accounts and say in plain words what to mend",
		RunE: func(c *cobra.Command, args []string) error {
			report := map[string][]network.Finding{}
			names := args
			if len(names) == 0 {
				err := f.consult(c.Context(), func(h *localrun.Home) (err error) {
					names, err = accountNames(c.Context(), h, args)
					return err
				})
				if err != nil {
					return err
				}
			}
			for _, name := range names {
				list, err := f.examine(c.Context(), name)
				if err != nil {
					return err
				}
				report[name] = list
			}
			return showFindings(c.OutOrStdout(), f.json, report)
		},
		ValidArgsFunction: complete(f, accounts),
	}
}

// examine has an account examined. That may cost at the vendor, so it is done where it can be counted.
func (f *flags) examine(ctx context.Context, account string) (list []network.Finding, err error) {
	err = f.ask(ctx, "account/doctor", localrun.Named{Name: account}, &list, func(h *localrun.Home) (err error) {
		list, err = h.Doctor(ctx, account)
		return err
	})
	return list, err
}

// accountNames gives the named accounts, or all.
func accountNames(ctx context.Context, h *localrun.Home, args []string) ([]string, error) {
	if len(args) > 0 {
		return args, nil
	}
	plan, err := h.Plan(ctx, "")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, a := range slices.Concat(plan.Doc.Networks, plan.Doc.CRMs) {
		names = append(names, a.Name)
	}
	return names, nil
}

func showFindings(w io.Writer, asJSON bool, report map[string][]network.Finding) error {
	bad := false
	names := make([]string, 0, len(report))
	for name, list := range report {
		names = append(names, name)
		bad = bad || slices.ContainsFunc(list, func(x network.Finding) bool { return !x.OK })
	}
	slices.Sort(names)
	if asJSON {
		type row struct {
			What string `json:"what"`
			OK   bool   `json:"ok"`
			Say  string `json:"say"`
			Mend string `json:"mend,omitempty"`
		}
		out := map[string][]row{}
		for _, name := range names {
			out[name] = []row{}
			for _, x := range report[name] {
				out[name] = append(out[name], row(x))
			}
		}
		if err := printJSON(w, out); err != nil {
			return err
		}
	} else {
		for _, name := range names {
			fmt.Fprintln(w, name)
			for _, x := range report[name] {
				mark := "ok  "
				if !x.OK {
					mark = "MEND"
				}
				fmt.Fprintf(w, "  %s %-14s %s\n", mark, x.What, x.Say)
				if !x.OK && x.Mend != "" {
					fmt.Fprintf(w, "       %-14s → %s\n", "", x.Mend)
				}
			}
		}
	}
	if bad {
		return errFound
	}
	return nil
}

func setupCommand(f *flags) *cobra.Command {
	var apply bool
	var export string
	c := &cobra.Command{
		Use:   "setup ACCOUNT",
		Short: "Make our fields and objects in a CRM: shows the plan, or applies or exports it",
		Args:  exactly("ACCOUNT"),
		RunE: func(c *cobra.Command, args []string) error {
			var steps []crm.Step
			lacked := map[string]bool{}
			err := f.consult(c.Context(), func(h *localrun.Home) (err error) {
				if export != "" {
					files, err := h.SetupExport(c.Context(), args[0])
					if err != nil {
						return err
					}
					return writeFiles(c.OutOrStdout(), export, files)
				}
				if steps, err = h.SetupPlan(c.Context(), args[0]); err != nil || !apply {
					return err
				}
				for _, s := range steps {
					lacked[s.What+" "+s.Name] = !s.Done
				}
				steps, err = h.SetupApply(c.Context(), args[0])
				return err
			})
			if err != nil || export != "" {
				return err
			}
			if apply { // mappings are checked against what the CRM has now
				if err := f.call(c.Context(), "account/learn", localrun.Named{Name: args[0]}, nil); err != nil {
					return err
				}
			}
			return showSteps(c.OutOrStdout(), f.json, lacked, steps)
		},
		ValidArgsFunction: complete(f, crms),
	}
	c.Flags().Bool("plan", true, "show what would be made")
	c.Flags().BoolVar(&apply, "apply", false, "make it; needs a token with administrators' rights as secret \"admin\"")
	c.Flags().StringVar(&export, "export", "", "write it as files into this folder, for the administrator's own pipeline")
	c.MarkFlagsMutuallyExclusive("plan", "apply", "export")
	return c
}

func writeFiles(w io.Writer, dir string, files map[string][]byte) error {
	names := make([]string, 0, len(files))
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, files[name], 0o644); err != nil {
			return err
		}
		fmt.Fprintln(w, path)
	}
	return nil
}

// showSteps says of each step where it stands; lacked names those that were missing before they were applied.
func showSteps(w io.Writer, asJSON bool, lacked map[string]bool, steps []crm.Step) error {
	missing, failed := 0, 0
	type row struct {
		What  string `json:"what"`
		Name  string `json:"name"`
		Why   string `json:"why,omitempty"`
		State string `json:"state"` // there, missing, made, failed: why
	}
	rows := []row{}
	for _, s := range steps {
		state := "there"
		switch {
		case s.Error != nil:
			state = "failed: " + s.Error.Error()
			failed++
		case lacked[s.What+" "+s.Name]:
			state = "made"
		case !s.Done:
			state = "missing"
			missing++
		}
		rows = append(rows, row{s.What, s.Name, s.Why, state})
	}
	if asJSON {
		if err := printJSON(w, rows); err != nil {
			return err
		}
	} else {
		for _, r := range rows {
			fmt.Fprintf(w, "%-12s %-40s %-8s %s\n", r.What, r.Name, r.State, r.Why)
		}
	}
	if failed > 0 {
		return fault.New(fault.Invalid, "%d of %d steps failed", failed, len(steps))
	}
	if missing > 0 {
		return errFound
	}
	return nil
}

func backfillCommand(f *flags) *cobra.Command {
	return pastCommand(f, "backfill", "Read the past of a network account: shows count, calls and cost, then asks")
}

// pastCommand starts a job that reads days of a network account, after saying what that costs.
func pastCommand(f *flags, kind, short string) *cobra.Command {
	var from, to string
	var yes bool
	c := &cobra.Command{
		Use:   kind + " ACCOUNT",
		Short: short,
		Args:  exactly("ACCOUNT"),
		RunE: func(c *cobra.Command, args []string) error {
			begin, end, err := span(from, to)
			if err != nil {
				return err
			}
			if err := quote(c, f, localrun.Span{Account: args[0], From: begin, To: end}); err != nil {
				return err
			}
			if !yes && !confirm(c) {
				return nil
			}
			var id string
			if err := f.call(c.Context(), "job/start", pipeline.JobRow{Kind: kind, Account: args[0], From: begin, To: end}, &id); err != nil {
				return err
			}
			return follow(c, f, id)
		},
		ValidArgsFunction: complete(f, networks),
	}
	c.Flags().StringVar(&from, "from", "", "first day, as 2026-11-01")
	c.Flags().StringVar(&to, "to", "", "last day; default today")
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	_ = c.MarkFlagRequired("from") // the flag exists
	return c
}

func syncCommand(f *flags) *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "sync ACCOUNT",
		Short: "Read the matching keys of a CRM account for the first time: shows how many records, then asks",
		Args:  exactly("ACCOUNT"),
		RunE: func(c *cobra.Command, args []string) error {
			err := f.consult(c.Context(), func(h *localrun.Home) error {
				n, err := h.SyncEstimate(c.Context(), args[0])
				if err == nil {
					fmt.Fprintf(c.ErrOrStderr(), "%s: %d records. Only the fields under match are read, and kept as hashes.\n", args[0], n)
				}
				return err
			})
			if err != nil {
				return err
			}
			if !yes && !confirm(c) {
				return nil
			}
			var id string
			if err := f.call(c.Context(), "job/start", pipeline.JobRow{Kind: "sync", Account: args[0]}, &id); err != nil {
				return err
			}
			return follow(c, f, id)
		},
		ValidArgsFunction: complete(f, crms),
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

// span reads days.
func span(from, to string) (begin, end time.Time, err error) {
	if begin, err = time.Parse(time.DateOnly, from); err != nil {
		return begin, end, usageError{fmt.Errorf("--from wants a day such as 2026-11-01, not %q", from)}
	}
	end = time.Now().UTC()
	if to != "" {
		if end, err = time.Parse(time.DateOnly, to); err != nil {
			return begin, end, usageError{fmt.Errorf("--to wants a day such as 2026-11-30, not %q", to)}
		}
		end = end.Add(24 * time.Hour)
	}
	if !begin.Before(end) {
		return begin, end, usageError{fmt.Errorf("--from must lie before --to")}
	}
	return begin, end, nil
}

func quote(c *cobra.Command, f *flags, of localrun.Span) error {
	var q localrun.Quote
	err := f.ask(c.Context(), "account/estimate", of, &q, func(h *localrun.Home) (err error) {
		q.Mentions, q.Calls, q.Exact, q.USD, err = h.Estimate(c.Context(), of.Account, of.From, of.To)
		return err
	})
	if err != nil {
		return err
	}
	about := "about "
	if q.Exact {
		about = ""
	}
	fmt.Fprintf(c.OutOrStdout(), "%s from %s to %s: %s%d mentions, %d calls, %.2f USD of the network's fees\n", of.Account,
		of.From.Format(time.DateOnly), of.To.Format(time.DateOnly), about, q.Mentions, q.Calls, q.USD)
	fmt.Fprintln(c.OutOrStdout(), "They come in as history: no case, clock, alert or answer.")
	return nil
}

func confirm(c *cobra.Command) bool {
	fmt.Fprint(c.ErrOrStderr(), "Go on? [y/N] ")
	line, _ := bufio.NewReader(c.InOrStdin()).ReadString('\n') // no input means no
	if answer := strings.TrimSpace(line); strings.EqualFold(answer, "y") || strings.EqualFold(answer, "yes") {
		return true
	}
	fmt.Fprintln(c.ErrOrStderr(), "nothing was done")
	return false
}

// follow shows how a job goes on while a home is running; otherwise the job waits for the next `rapport up`.
func follow(c *cobra.Command, f *flags, id string) error {
	client, err := localrun.Dial(f.data)
	if err != nil {
		if f.json {
			return printJSON(c.OutOrStdout(), map[string]string{"job": id, "state": "waiting"})
		}
		fmt.Fprintf(c.OutOrStdout(), "job %s waits: it goes on when `rapport up` runs\n", id)
		return nil
	}
	bar := newProgress(c.OutOrStdout(), f.json)
	defer bar.end()
	tick := time.NewTicker(300 * time.Millisecond)
	defer tick.Stop()
	for {
		var j pipeline.JobRow
		if err := client.Do(c.Context(), "job/show", localrun.Named{Name: id}, &j); err != nil {
			return err
		}
		bar.show(j)
		switch j.State {
		case "done":
			bar.end()
			if f.json {
				return printJSON(c.OutOrStdout(), j)
			}
			fmt.Fprintf(c.OutOrStdout(), "job %s is done: %d in %d pages\n", id, j.Done, j.Pages)
			tellGaps(c.OutOrStdout(), j.Gaps)
			return nil
		case "failed", "cancelled":
			return fault.New(fault.Invalid, "job %s %s: %s", id, j.State, j.Problem)
		}
		select {
		case <-c.Context().Done():
			return context.Cause(c.Context())
		case <-tick.C:
		}
	}
}

func connectCommand(f *flags) *cobra.Command {
	var code, redirect string
	c := &cobra.Command{
		Use:   "connect ACCOUNT",
		Short: "Log in at the vendor where it has a log-in, keep the token, then run doctor",
		Args:  exactly("ACCOUNT"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := logIn(c, f, args[0], redirect, code); err != nil {
				return err
			}
			report := map[string][]network.Finding{}
			list, err := f.examine(c.Context(), args[0])
			if err != nil {
				return err
			}
			report[args[0]] = list
			return showFindings(c.OutOrStdout(), f.json, report)
		},
		ValidArgsFunction: complete(f, accounts),
	}
	c.Flags().StringVar(&redirect, "redirect", "urn:ietf:wg:oauth:2.0:oob", "redirect address registered at the vendor")
	c.Flags().StringVar(&code, "code", "", "the code, where you have it already")
	return c
}

// logIn asks for the code of the vendor's log-in page and keeps the token. Accounts with a fixed token need none.
// What it says goes to standard error, so that --json stays readable.
func logIn(c *cobra.Command, f *flags, account, redirect, code string) error {
	w := c.ErrOrStderr()
	if code == "" {
		var address string
		err := f.call(c.Context(), "account/address", localrun.Grant{Account: account, Redirect: redirect}, &address)
		if err == nil && address == "" {
			fmt.Fprintf(w, "%s has no log-in of its own: it uses the secrets that the configuration names\n", account)
			return nil
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "Open this address, log in, and paste the code here:\n\n  %s\n\ncode: ", address)
		line, err := bufio.NewReader(c.InOrStdin()).ReadString('\n')
		if code = strings.TrimSpace(line); code == "" {
			return fault.New(fault.Invalid, "no code was given (%w); `rapport connect %s --code CODE` goes on from here", err, account)
		}
	}
	var got localrun.Login
	err := f.call(c.Context(), "account/login", localrun.Grant{Account: account, Redirect: redirect, Code: code}, &got)
	for _, t := range got.Targets {
		fmt.Fprintf(w, "can act for %s %s\n", t.ID, t.Title)
	}
	if got.Choose {
		fmt.Fprintf(w, "set the id of account %s to one of these in the configuration; it works then without another log-in\n", account)
	}
	return err
}
