// Command rapport is the operators' command line: it runs the local home, shows the demo, and looks after accounts,
// configuration, queues and the ledger.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"rapport/shared/config"
	"rapport/shared/fault"
)

// Exit codes.
const (
	exitFailed = 1 // something went wrong
	exitUsage  = 2 // the command line is wrong
	exitFound  = 3 // it worked, and found something to mend (doctor, validate, ledger)
)

// errFound ends a command that found something to mend and has said so.
var errFound = errors.New("found something to mend")

// flags that every command has.
type flags struct {
	data    string
	stack   string
	config  string
	env     string
	json    bool
	private bool
	verbose bool
	bare    bool // read no configuration file
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends at once
	err := command().ExecuteContext(ctx)
	var mistakes config.Errors
	switch {
	case err == nil:
		return
	case errors.Is(err, errFound):
		os.Exit(exitFound)
	case errors.As(err, &mistakes):
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitFound)
	}
	fmt.Fprintf(os.Stderr, "rapport: %s\n", strings.ReplaceAll(err.Error(), "\n", "\n  "))
	if usage(err) {
		os.Exit(exitUsage)
	}
	os.Exit(exitFailed)
}

// usageError marks a wrong command line.
type usageError struct{ error }

func usage(err error) bool {
	var u usageError
	return errors.As(err, &u)
}

func command() *cobra.Command {
	f := &flags{}
	root := &cobra.Command{
		Use:           "rapport",
		Short:         "Carries what people say on social networks into the CRM, and the CRM's answers back",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see %s --help", err, c.CommandPath())}
	})
	root.RunE = onlyCommands
	p := root.PersistentFlags()
	p.StringVar(&f.data, "data", "rapport.db", "data file of the local home")
	p.StringVar(&f.stack, "stack", "", "deployed stack to work on instead, with the credentials of AWS on this machine")
	p.StringVar(&f.config, "config", "", "configuration file (default: the version published last, else ./rapport.yaml)")
	p.StringVar(&f.env, "env", "", "environment whose overlay applies")
	p.BoolVar(&f.json, "json", false, "print JSON")
	p.BoolVar(&f.private, "allow-private", false, "allow calls to loopback and private addresses")
	p.BoolVar(&f.verbose, "verbose", false, "log every batch")
	root.AddGroup(&cobra.Group{ID: "run", Title: "Run:"}, &cobra.Group{ID: "account", Title: "Accounts:"},
		&cobra.Group{ID: "watch", Title: "Watch:"}, &cobra.Group{ID: "config", Title: "Configure:"})
	add := func(group string, list ...*cobra.Command) {
		for _, c := range list {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("run", upCommand(f), demoCommand(f), consoleCommand(f), sendCommand(f))
	add("account", connectCommand(f), doctorCommand(f), setupCommand(f), backfillCommand(f), syncCommand(f))
	add("watch", ledgerCommand(f), queueCommand(f), costCommand(f), reportCommand(f), quotaCommand(f), replayCommand(f), undoCommand(f), explainCommand(f), nextCommand(f), pulseCommand(f), topicsCommand(f), correctCommand(f), correctionsCommand(f), verifyCommand(f), eraseCommand(f), privacyCommand(f), scoreCommand(f), reviewCommand(f), auditCommand(f), restoreCommand(f))
	add("config", validateCommand(f), configCommand(f))
	strict(root)
	return root
}

// strict makes every mistake in a command line a usage error: what cobra finds, it tells as errors like any other.
func strict(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil && !usage(err) {
				return usageError{fmt.Errorf("%w; see %s --help", err, c.CommandPath())}
			} else if err != nil {
				return err
			}
			return nil
		}
	} else {
		c.Args = cobra.ArbitraryArgs
	}
	c.PreRunE = func(c *cobra.Command, _ []string) error {
		err := errors.Join(c.ValidateRequiredFlags(), c.ValidateFlagGroups())
		if err != nil {
			return usageError{fmt.Errorf("%w; see %s --help", err, c.CommandPath())}
		}
		return nil
	}
	for _, sub := range c.Commands() {
		strict(sub)
	}
}

// onlyCommands is what a group of commands does by itself: it shows its help, or says which command was meant.
func onlyCommands(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return c.Help()
	}
	hint := ""
	c.SuggestionsMinimumDistance = 2
	if near := c.SuggestionsFor(args[0]); len(near) > 0 {
		hint = fmt.Sprintf("; did you mean %q?", near[0])
	}
	return usageError{fmt.Errorf("%s has no command %q%s; see %s --help", c.CommandPath(), args[0], hint, c.CommandPath())}
}

// exactly wants n arguments and names them in the error.
func exactly(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != len(names) {
			return usageError{fmt.Errorf("%s wants %s; see %s --help", c.CommandPath(), strings.Join(names, " and "), c.CommandPath())}
		}
		return nil
	}
}

// notFound tells whether an error says that something does not exist.
func notFound(err error) bool { return fault.Is(err, fault.NotFound) }
