package main

import (
	"github.com/spf13/cobra"

	"rapport/shared/config"
	"rapport/shared/localrun"
)

// What a shell completes: names out of the present configuration.
func networks(d *config.Document) []string { return names(d.Networks) }
func crms(d *config.Document) []string     { return names(d.CRMs) }
func accounts(d *config.Document) []string { return append(names(d.Networks), names(d.CRMs)...) }
func hooks(d *config.Document) (list []string) {
	for _, h := range d.Hooks {
		list = append(list, h.Name+"\t"+h.Kind)
	}
	return list
}

func names(list []config.Account) (out []string) {
	for _, a := range list {
		out = append(out, a.Name+"\t"+a.Kind)
	}
	return out
}

// complete offers names of the configuration as a first argument. Without a data file it offers none.
func complete(f *flags, of func(*config.Document) []string) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, _ string) (list []string, _ cobra.ShellCompDirective) {
		if len(args) == 0 {
			_ = f.look(c.Context(), func(h *localrun.Home) error { // nothing is offered where that fails
				plan, err := h.Plan(c.Context(), "")
				if err == nil {
					list = of(plan.Doc)
				}
				return err
			})
		}
		return list, cobra.ShellCompDirectiveNoFileComp
	}
}
