package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rapport/shared/fault"
	"rapport/shared/localrun"
	"rapport/shared/secret/env"
	"rapport/shared/telemetry"
)

// options says how this command line opens a home.
func (f *flags) options() localrun.Options {
	file, first := f.config, ""
	if f.bare {
		file = ""
	} else if _, err := os.Stat(present); err == nil {
		first = present
	}
	return localrun.Options{By: user(), Data: f.data, Config: file, First: first, Env: f.env, Private: f.private, Log: telemetry.New(os.Stderr, f.level()),
		Secrets: env.New(env.Options{Lookup: os.LookupEnv, File: filepath.Join(filepath.Dir(f.config), ".env")})}
}

func (f *flags) level() slog.Level {
	if f.verbose {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}

// present is the configuration of the folder in which a command runs.
const present = "rapport.yaml"

// configured tells whether there is a configuration file to begin with.
func (f *flags) configured() bool {
	_, err := os.Stat(present)
	return f.config != "" || err == nil
}

// with opens the home without starting it and lets do work on it. A home that runs holds the file: then commands that
// write go through its local API instead, see call.
func (f *flags) with(ctx context.Context, do func(*localrun.Home) error) error {
	if f.stack != "" {
		return f.attach(ctx, false, do)
	}
	h, err := localrun.Open(ctx, f.options())
	if err != nil {
		return err
	}
	err = do(h)
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if cerr := h.Stop(stop); err == nil {
		err = cerr
	}
	return err
}

// look opens the home for reading, also beside a running one. A configuration that is named holds for this command alone.
func (f *flags) look(ctx context.Context, do func(*localrun.Home) error) error {
	if f.stack != "" {
		return f.attach(ctx, true, do)
	}
	if _, err := os.Stat(f.data); err != nil {
		return fault.New(fault.NotFound, "there is no data file %s: name it with --data, or start with `rapport up`", f.data)
	}
	o := f.options()
	o.ReadOnly = true
	h, err := localrun.Open(ctx, o)
	if err != nil {
		return err
	}
	err = do(h)
	if cerr := h.Stop(ctx); err == nil {
		err = cerr
	}
	return err
}

// consult is look for commands about accounts, which come before the first start: where there is no data file yet, one is
// made of the configuration.
func (f *flags) consult(ctx context.Context, do func(*localrun.Home) error) error {
	if f.stack != "" {
		return f.look(ctx, do)
	}
	if _, err := os.Stat(f.data); err != nil && f.configured() {
		return f.with(ctx, do)
	}
	return f.look(ctx, do)
}

// ask asks something that may cost at a vendor, and so must be written down: by call where there is a data file, else and
// for a configuration of this command alone by consult.
func (f *flags) ask(ctx context.Context, name string, in, out any, read func(*localrun.Home) error) error {
	if _, err := os.Stat(f.data); f.stack == "" && (err != nil || f.config != "") {
		return f.consult(ctx, read)
	}
	return f.call(ctx, name, in, out)
}

// call carries out a writing command: in the running home by its local API, else on the file itself.
func (f *flags) call(ctx context.Context, name string, in, out any) error {
	if f.stack != "" {
		return f.attach(ctx, false, func(h *localrun.Home) error { return h.Command(ctx, name, in, out) })
	}
	client, err := localrun.Dial(f.data)
	if err == nil {
		client.By = user()
		return client.Do(ctx, name, in, out)
	}
	if !notFound(err) {
		return err
	}
	own := *f
	if strings.HasPrefix(name, "config/") { // the command itself says what to publish
		own.bare = true
	}
	return own.with(ctx, func(h *localrun.Home) error { return h.Command(ctx, name, in, out) })
}

// printJSON writes a value as indented JSON.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// user names who gives a command, for the history of the configuration.
func user() string {
	for _, name := range []string{"SUDO_USER", "USER", "LOGNAME"} {
		if u := os.Getenv(name); u != "" {
			return u
		}
	}
	return "operator"
}
