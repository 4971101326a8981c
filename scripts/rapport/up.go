package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"rapport/shared/fault"
	"rapport/shared/localrun"
	"rapport/shared/telemetry"
	"rapport/shared/webhook"
	"rapport/shared/world"
)

func upCommand(f *flags) *cobra.Command {
	var listen, base, console, login string
	c := &cobra.Command{
		Use:   "up",
		Short: "Run the local home: real accounts with a configuration, the demo without",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if f.stack != "" {
				return usageError{errors.New("up runs a home on this machine; a stack runs by itself")}
			}
			if !f.configured() {
				if _, err := os.Stat(f.data); os.IsNotExist(err) {
					return runDemo(c, f, true)
				}
			}
			debug.SetGCPercent(200) // batches are short-lived: half the collections for a few MiB more
			o := f.options()
			o.Listen, o.Base, o.Console = listen, base, console
			if login != "" {
				text, err := os.ReadFile(login)
				if err != nil {
					return fmt.Errorf("--login: %w", err)
				}
				o.Login = text
			}
			h, err := localrun.Open(c.Context(), o)
			if err != nil {
				return err
			}
			if err := h.Start(c.Context()); err != nil {
				return err
			}
			link := ""
			if console != "" {
				if link, err = h.ConsoleLink(c.Context(), user()); err != nil {
					return err
				}
			}
			fmt.Fprintf(c.ErrOrStderr(), "rapport: hooks at http://%s/hooks/, data in %s; stop with Ctrl-C\n", h.Addr(), f.data)
			if link != "" {
				fmt.Fprintf(c.ErrOrStderr(), "rapport: console at %s (opens once; `rapport console` prints another)\n", link)
			}
			<-c.Context().Done()
			stop, cancel := context.WithTimeout(context.Background(), 20*time.Second)
			defer cancel()
			return h.Stop(stop)
		},
	}
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:8080", "address for webhooks")
	c.Flags().StringVar(&console, "console", "127.0.0.1:0", "address for the console, on this machine; empty = none")
	c.Flags().StringVar(&login, "login", "", "file that says at which OpenID Connect provider people log in to the console; empty = by link only")
	c.Flags().StringVar(&base, "base", "", "public address that vendors call, as https://hooks.example.com")
	return c
}

func consoleCommand(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "console",
		Short: "Print a link that opens the console of the running home once",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := localrun.Dial(f.data)
			if err != nil {
				return err
			}
			var link string
			if err := client.Do(c.Context(), "console/link", localrun.Named{Name: user()}, &link); err != nil {
				return err
			}
			fmt.Fprintln(c.OutOrStdout(), link)
			return nil
		},
	}
}

func demoCommand(f *flags) *cobra.Command {
	var keep bool
	c := &cobra.Command{
		Use:   "demo",
		Short: "Play one invented day of a brand against fake networks and CRMs on this machine",
		Args:  cobra.NoArgs,
		RunE:  func(c *cobra.Command, _ []string) error { return runDemo(c, f, keep || os.Getenv("KEEP") == "1") },
	}
	c.Flags().BoolVar(&keep, "keep", false, "stay up afterwards and print the addresses (or KEEP=1)")
	return c
}

func runDemo(c *cobra.Command, f *flags, keep bool) error {
	dir, err := os.MkdirTemp("", "rapport-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	level := slog.LevelError
	if f.verbose {
		level = slog.LevelDebug
	}
	_, err = world.Demo(c.Context(), world.Options{Out: c.OutOrStdout(), Data: filepath.Join(dir, "demo.db"), Keep: keep, Log: telemetry.New(os.Stderr, level)})
	if keep && errors.Is(err, context.Canceled) && c.Context().Err() != nil {
		return nil // that is how one that stays up ends
	}
	return err
}

func sendCommand(f *flags) *cobra.Command {
	var to, hook string
	var lambda, encode bool
	c := &cobra.Command{
		Use:   "send FILE",
		Short: "Send a file from events/ to a hook, signed as the vendor would",
		Example: "  rapport send events/hook/review.json --hook reviews --to http://127.0.0.1:8080\n" +
			"  rapport send events/hook/review.json --hook reviews --lambda > events/function/receive.json",
		Args: exactly("FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			body, err := os.ReadFile(args[0])
			if err != nil {
				return err
			}
			return f.consult(c.Context(), func(h *localrun.Home) error {
				r, err := h.Sign(c.Context(), hook, to, body)
				if err != nil {
					return err
				}
				if lambda {
					return printJSON(c.OutOrStdout(), functionURLEvent(r, encode))
				}
				return post(c.Context(), c.OutOrStdout(), f, r)
			})
		},
	}
	c.Flags().StringVar(&hook, "hook", "", "name of the hook in the configuration")
	c.Flags().StringVar(&to, "to", "http://127.0.0.1:8080", "where the hooks listen")
	c.Flags().BoolVar(&lambda, "lambda", false, "print what Lambda hands to the receive function instead of sending")
	c.Flags().BoolVar(&encode, "base64", false, "with --lambda: the body as base64, whatever it holds")
	_ = c.MarkFlagRequired("hook")                               // the flag exists
	_ = c.RegisterFlagCompletionFunc("hook", complete(f, hooks)) // likewise
	return c
}

// post sends a signed request and says how it was answered.
func post(ctx context.Context, w io.Writer, f *flags, r webhook.Request) error {
	status, answer, err := localrun.Post(ctx, r)
	if err != nil {
		return err
	}
	if f.json {
		return printJSON(w, map[string]any{"status": status, "answer": string(answer)})
	}
	fmt.Fprintf(w, "%d %s\n", status, answer)
	if status/100 != 2 {
		return fault.New(fault.Invalid, "the hook refused it")
	}
	return nil
}
