package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"rapport/shared/connectors"
	"rapport/shared/crm"
	"rapport/shared/flow"
	"rapport/shared/localrun"
	"rapport/shared/network"
	"rapport/shared/pipeline"
	"rapport/shared/privacy"
)

// privacyReportCommand prints the record of processing of the running configuration.
func privacyReportCommand(f *flags) *cobra.Command {
	var lang string
	c := &cobra.Command{
		Use:   "report",
		Args:  cobra.NoArgs,
		Short: "Print the record of processing (Art. 30 GDPR) of the running configuration",
		Long: "Prints the record of processing activities of the running configuration as Markdown: purposes and bases, networks, CRMs\n" +
			"with the fields they are given, processors, retention. What only the company knows is a blank in [[double brackets]].",
		RunE: func(c *cobra.Command, _ []string) error {
			if lang != "de" && lang != "en" {
				return usageError{fmt.Errorf("--lang wants de or en, not %q", lang)}
			}
			return f.consult(c.Context(), func(h *localrun.Home) error {
				plan, err := h.Plan(c.Context(), "")
				if err != nil {
					return err
				}
				running := runningOf(plan)
				running.Home, running.At = f.home(), time.Now()
				if f.json {
					return printJSON(c.OutOrStdout(), map[string]string{"lang": lang, "record": privacy.Record(lang, running)})
				}
				_, err = fmt.Fprint(c.OutOrStdout(), privacy.Record(lang, running))
				return err
			})
		},
	}
	c.Flags().StringVar(&lang, "lang", "en", "language: de, en")
	return c
}

// runningOf gathers what a record is made of.
func runningOf(plan *pipeline.Plan) privacy.Running {
	out := privacy.Running{Doc: plan.Doc, Networks: map[string]network.Info{}, CRMs: map[string]crm.Info{}}
	for name, n := range connectors.Networks() {
		out.Networks[name] = n.Info()
	}
	for name, k := range connectors.CRMs() {
		out.CRMs[name] = k.Info()
	}
	for _, a := range plan.Doc.CRMs {
		for _, kind := range flow.Kinds {
			for _, b := range plan.Doc.Brands {
				if !a.Serves(b.Name) {
					continue
				}
				for _, t := range plan.Mapping.For(a.Name, kind, b.Name) {
					at := slices.IndexFunc(out.Written, func(w privacy.Written) bool { return w.Account == a.Name && w.Object == t.Object() && w.For == kind })
					if at < 0 {
						at = len(out.Written)
						out.Written = append(out.Written, privacy.Written{Account: a.Name, Object: t.Object(), For: kind, Fields: map[string]string{}})
					}
					for _, m := range t.Marks() {
						// A rule is a place and an expression; the key has none.
						if _, expression, ok := strings.Cut(t.Rule(m.Field), ".fields."+m.Field+": "); ok {
							out.Written[at].Fields[m.Field] = expression
						}
					}
				}
			}
		}
	}
	return out
}

// home says where the installation runs: the region of the stack, "" = here.
func (f *flags) home() string {
	if f.stack == "" {
		return ""
	}
	for _, name := range []string{"AWS_REGION", "AWS_DEFAULT_REGION"} {
		if region := os.Getenv(name); region != "" {
			return region
		}
	}
	return "[[region]]"
}
