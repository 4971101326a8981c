package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"rapport/shared/config"
	"rapport/shared/connectors"
	"rapport/shared/localrun"
	"rapport/shared/pipeline"

	"rapport/shared/app"
)

func validateCommand(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "validate [FILE]",
		Short: "Check a configuration: every mistake with file, line, column and the nearest right name",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			file := "rapport.yaml"
			if f.config != "" {
				file = f.config
			}
			if len(args) == 1 {
				file = args[0]
			}
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			doc, err := config.Load(text, config.Options{File: file, Env: f.env, Connectors: app.Connectors(connectors.Networks(), connectors.CRMs())})
			if err == nil {
				err = app.Templates(doc, connectors.Networks())
			}
			if err == nil {
				_, err = app.Compile(doc, connectors.CRMs())
			}
			var mistakes config.Errors
			if f.json && errors.As(err, &mistakes) {
				return printMistakes(c.OutOrStdout(), mistakes)
			}
			if err != nil {
				return err
			}
			if f.json {
				return printMistakes(c.OutOrStdout(), nil)
			}
			fmt.Fprintf(c.OutOrStdout(), "%s is right: %d brand(s), %d network(s), %d CRM(s), version %s\n", file, len(doc.Brands), len(doc.Networks), len(doc.CRMs), doc.Hash)
			return nil
		},
	}
}

// printMistakes prints them as JSON, an empty list where all is right.
func printMistakes(w io.Writer, list config.Errors) error {
	type row struct {
		File    string `json:"file"`
		Line    int    `json:"line"`
		Column  int    `json:"column"`
		Path    string `json:"path,omitempty"`
		Say     string `json:"say"`
		Nearest string `json:"nearest,omitempty"`
	}
	rows := []row{}
	for _, m := range list {
		rows = append(rows, row(m))
	}
	if err := printJSON(w, rows); err != nil || len(rows) == 0 {
		return err
	}
	return errFound
}

// forecast says what new streams would cost, before they are saved; paid tells whether there are any. It goes to standard
// error, so that --json stays readable.
func forecast(c *cobra.Command, f *flags, in localrun.Apply) (paid bool, err error) {
	var list []pipeline.Forecast
	if err := f.call(c.Context(), "config/forecast", in, &list); err != nil {
		return false, err
	}
	w := c.ErrOrStderr()
	for _, x := range list {
		switch {
		case x.Problem != "":
			fmt.Fprintf(w, "%s of %s: nobody can say what it costs: %s\n", x.Stream, x.Account, x.Problem)
		case x.USD > x.Budget:
			fmt.Fprintf(w, "%s of %s: about %.0f mentions a day, %.2f USD a day at most: more than the brand's budget of %.2f USD, so reading stops when that is used up\n", x.Stream, x.Account, x.Daily, x.USD, x.Budget)
		default:
			fmt.Fprintf(w, "%s of %s: about %.0f mentions a day, %.2f USD a day at most, of the brand's %.2f USD\n", x.Stream, x.Account, x.Daily, x.USD, x.Budget)
		}
	}
	return len(list) > 0, nil
}

func configCommand(f *flags) *cobra.Command {
	c := &cobra.Command{Use: "config", Short: "Read, compare and publish versions of the configuration", RunE: onlyCommands}
	var note string
	var yes bool
	apply := &cobra.Command{
		Use: "apply FILE", Short: "Check a configuration and publish it as a new version", Args: exactly("FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			text, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			in := localrun.Apply{Text: text, File: args[0], By: user(), Note: note}
			paid, err := forecast(c, f, in)
			if err != nil {
				return err
			}
			if paid && !yes && !confirm(c) {
				return nil
			}
			var v config.Version
			if err := f.call(c.Context(), "config/apply", in, &v); err != nil {
				return err
			}
			return showVersion(c, f, v)
		},
	}
	apply.Flags().StringVar(&note, "note", "", "why, for the history")
	apply.Flags().BoolVar(&yes, "yes", false, "do not ask where a new stream costs money")
	get := &cobra.Command{
		Use: "get [NUMBER]", Short: "Print a version as it was written", Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := number(args)
			if err != nil {
				return err
			}
			return f.look(c.Context(), func(h *localrun.Home) error {
				v, err := h.Version(c.Context(), n)
				if err != nil {
					return err
				}
				if f.json {
					return printJSON(c.OutOrStdout(), v)
				}
				fmt.Fprint(c.OutOrStdout(), v.Text)
				return nil
			})
		},
	}
	history := &cobra.Command{
		Use: "history", Short: "List the versions, newest first", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return f.look(c.Context(), func(h *localrun.Home) error {
				list, err := h.History(c.Context(), 50)
				if err != nil {
					return err
				}
				if f.json {
					return printJSON(c.OutOrStdout(), list)
				}
				for _, v := range list {
					if err := showVersion(c, f, v); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	rollback := &cobra.Command{
		Use: "rollback NUMBER", Short: "Publish an earlier version again", Args: exactly("NUMBER"),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := number(args)
			if err != nil {
				return err
			}
			var v config.Version
			if err := f.call(c.Context(), "config/rollback", localrun.Roll{Number: n, By: user()}, &v); err != nil {
				return err
			}
			return showVersion(c, f, v)
		},
	}
	c.AddCommand(get, diffCommand(f), apply, history, rollback, promoteCommand(f))
	return c
}

func showVersion(c *cobra.Command, f *flags, v config.Version) error {
	if f.json {
		return printJSON(c.OutOrStdout(), v)
	}
	fmt.Fprintf(c.OutOrStdout(), "version %d  %s  %s by %s  %s\n", v.Number, v.Hash, v.At.Format("2006-01-02 15:04"), v.By, v.Note)
	return nil
}

func number(args []string) (int, error) {
	if len(args) == 0 {
		return 0, nil
	}
	n, err := strconv.Atoi(args[0])
	if err != nil || n < 1 {
		return 0, usageError{fmt.Errorf("a version is a number from 1 on, not %q", args[0])}
	}
	return n, nil
}

// diffCommand compares a file, or an earlier version, with the present version.
func diffCommand(f *flags) *cobra.Command {
	return &cobra.Command{
		Use: "diff FILE|NUMBER", Short: "Show what a file, or an earlier version, would change", Args: exactly("FILE|NUMBER"),
		RunE: func(c *cobra.Command, args []string) error {
			return f.look(c.Context(), func(h *localrun.Home) error {
				now, err := h.Version(c.Context(), 0)
				if err != nil {
					return err
				}
				text, err := os.ReadFile(args[0])
				if n, nerr := strconv.Atoi(args[0]); err != nil && nerr == nil {
					var v config.Version
					v, err = h.Version(c.Context(), n)
					text = []byte(v.Text)
				}
				if err != nil {
					return err
				}
				return showDiff(c, f, []byte(now.Text), text, args[0])
			})
		},
	}
}

func showDiff(c *cobra.Command, f *flags, was, is []byte, name string) error {
	a, err := config.Load(was, config.Options{File: "present version", Env: f.env})
	if err != nil {
		return err
	}
	b, err := config.Load(is, config.Options{File: name, Env: f.env})
	if err != nil {
		return err
	}
	changes := config.Diff(a, b)
	if f.json {
		return printJSON(c.OutOrStdout(), changes)
	}
	for _, x := range changes {
		fmt.Fprintln(c.OutOrStdout(), x)
	}
	if len(changes) == 0 {
		fmt.Fprintln(c.OutOrStdout(), "no difference")
	}
	return nil
}

// promoteCommand carries the present version to another data file, checked under that environment's overlay.
func promoteCommand(f *flags) *cobra.Command {
	var to, env string
	c := &cobra.Command{
		Use: "promote", Short: "Publish the present version in another environment", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var v config.Version
			err := f.look(c.Context(), func(h *localrun.Home) (err error) {
				v, err = h.Version(c.Context(), 0)
				return err
			})
			if err != nil {
				return err
			}
			target := *f
			target.data, target.env, target.config = to, env, ""
			in := localrun.Apply{Text: []byte(v.Text), File: fmt.Sprintf("version %d of %s", v.Number, f.data), By: user(), Note: "promoted from " + f.data}
			var published config.Version
			if err := target.call(c.Context(), "config/apply", in, &published); err != nil {
				return err
			}
			return showVersion(c, f, published)
		},
	}
	c.Flags().StringVar(&to, "to", "", "data file of the other environment")
	c.Flags().StringVar(&env, "to-env", "", "its name, for overlays")
	_ = c.MarkFlagRequired("to") // the flag exists
	return c
}
