package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"rapport/shared/fault"
	"rapport/shared/localrun"
	"rapport/shared/pipeline"
)

func scanCommand(f *flags) *cobra.Command {
	var authors, handles, emails, people, words []string
	var save, from string
	c := &cobra.Command{
		Use:   "scan [WHO]",
		Short: "Read everything and tell where somebody's traces stand: after an erasure, nowhere",
		Long: "Read the whole store, the whole archive and the dead letters, and tell where somebody's traces stand. " + whoHelp + "\n" +
			"Before an erasure, WHO gathers all they can be told by (ids, handles, names, what they said), and --save keeps that in a file;\n" +
			"afterwards nobody is known any more, and --from FILE scans for the same. Remove the file then: it is personal data.\n" +
			"The flags add what you know yourself. On AWS it takes credentials that may scan the table; the functions may not.\n" +
			"Ends with 1 where something was found.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			var out pipeline.Scanned
			err := f.look(c.Context(), func(h *localrun.Home) error {
				t, err := traces(c, h, args, from)
				if err == nil {
					t, err = h.MoreTraces(c.Context(), t, authors, handles, emails, people, words)
				}
				if err == nil && save != "" {
					err = saveTraces(save, t)
				}
				if err != nil {
					return err
				}
				out, err = h.Scan(c.Context(), t)
				return err
			})
			if err != nil {
				return err
			}
			if f.json {
				err = printJSON(c.OutOrStdout(), out)
			} else {
				tellScan(c.OutOrStdout(), out)
			}
			if err == nil && len(out.Hits) > 0 {
				return errFound
			}
			return err
		},
	}
	c.Flags().StringArrayVar(&authors, "author", nil, "an author id, such as mastodon:https://host/users/kari")
	c.Flags().StringArrayVar(&handles, "handle", nil, "a handle, with or without @")
	c.Flags().StringArrayVar(&emails, "email", nil, "an e-mail address: as it stands, and the hash of its matching key")
	c.Flags().StringArrayVar(&people, "person", nil, "a person's id")
	c.Flags().StringArrayVar(&words, "words", nil, "a name, a number or words that they said")
	c.Flags().StringVar(&save, "save", "", "keep what is looked for in this file, readable by its owner alone")
	c.Flags().StringVar(&from, "from", "", "look for what such a file holds")
	return c
}

// traces gathers what is looked for: of somebody who is known, and of a file.
func traces(c *cobra.Command, h *localrun.Home, args []string, from string) (t pipeline.Traces, err error) {
	if from != "" {
		text, err := os.ReadFile(from)
		if err == nil {
			err = json.Unmarshal(text, &t)
		}
		if err != nil {
			return t, fault.New(fault.Invalid, "what to look for cannot be read: %w", err)
		}
	}
	if len(args) == 0 {
		return t, nil
	}
	s, err := h.Resolve(c.Context(), args[0])
	if err != nil {
		return t, err
	}
	tellSubject(c.ErrOrStderr(), s)
	more, err := h.TracesOf(c.Context(), s)
	t.Ids, t.Handles, t.Words = append(t.Ids, more.Ids...), append(t.Handles, more.Handles...), append(t.Words, more.Words...)
	return t, err
}

func saveTraces(file string, t pipeline.Traces) error {
	text, err := json.MarshalIndent(t, "", "  ")
	if err == nil {
		err = os.WriteFile(file, append(text, '\n'), 0o600)
	}
	if err != nil {
		return fault.New(fault.Invalid, "what to look for cannot be kept: %w", err)
	}
	return nil
}

// tellScan says what was found. It names places, never what stands there.
func tellScan(w io.Writer, s pipeline.Scanned) {
	fmt.Fprintf(w, "On %s %d items of the store, %d batches of the archive and %d dead letters were read for %d traces.\n", s.At.Format(time.DateTime), s.Items, s.Batches, s.Letters, s.Traces)
	for _, h := range s.Hits {
		fmt.Fprintf(w, "  %s %s: %d × %s\n", h.Where, h.Place, h.Count, h.What)
	}
	if len(s.Hits) == 0 {
		fmt.Fprintln(w, "Nothing was found.")
	}
	for _, text := range s.Unread {
		fmt.Fprintln(w, "Not looked into:", text)
	}
}
