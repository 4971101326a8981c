package pipeline

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"rapport/shared/archive"
	"rapport/shared/decide"
	"rapport/shared/fault"
	"rapport/shared/flow"
)

// Explained says why something was decided as it was, and what would change it.
type Explained struct {
	Mention string           `json:"mention"`
	Line    string           `json:"line"`   // whose receipt it is
	Config  string           `json:"config"` // version of the configuration that decided
	Equal   bool             `json:"equal"`  // decided again from the receipt it is the same
	Undone  bool             `json:"undone,omitempty"`
	Short   string           `json:"short"` // the short form, as mappings see it: why
	Reasons []decide.Receipt `json:"reasons"`
	Others  []decide.Other   `json:"others,omitempty"` // what would change it
}

// ExplainedPerson says what is known of a person and why, by the newest mention of each of their accounts.
type ExplainedPerson struct {
	Person   flow.Person `json:"person"`
	Basis    []Standing  `json:"basis"` // what each purpose rests on for them
	Mentions []Explained `json:"mentions,omitempty"`
}

// Explain decides a mention again from its newest receipt, off-line, and says each decision with its reason, and what would
// have to be otherwise for another. NotFound: the mention is not known, or its receipt is not kept any more.
func (p *Pipeline) Explain(ctx context.Context, mention string) (Explained, error) {
	out := Explained{Mention: mention}
	row, err := p.mentions.One(ctx, mention, "-")
	if err != nil {
		return out, err
	}
	if row.Version == 0 {
		return out, fault.New(fault.NotFound, "no mention or person %q is known: `rapport ledger --list` names mentions", mention)
	}
	r := p.replaying(nil)
	for _, e := range slices.Backward(row.Value.Events) {
		err := r.receipt(ctx, e.Line, func(x archive.Entry) error { return p.explain(ctx, r, x, &out) })
		if err != nil || out.Line != "" {
			return out, err
		}
	}
	return out, fault.New(fault.NotFound, "the receipts of %s are not kept any more, or were not allowed to be", mention)
}

func (p *Pipeline) explain(ctx context.Context, r *replay, x archive.Entry, out *Explained) error {
	var in decide.Inputs
	if err := json.Unmarshal(x.Inputs, &in); err != nil {
		return fault.New(fault.Invalid, "recorded inputs of %s: %w", x.Line, err)
	}
	plan, err := r.plan(ctx, in.Config)
	if err != nil {
		return err
	}
	d, err := r.judge(plan, in, x)
	if err != nil {
		return err
	}
	out.Line, out.Config, out.Equal, out.Undone = x.Line, in.Config, len(r.out.Changed) == 0, r.newer[x.Line].Undone
	out.Short, out.Reasons, out.Others = decide.Short(d), d.Receipts, plan.Decider.WhatIf(in)
	return nil
}

// ExplainPerson explains a person, or whoever is behind an author id. NotFound: nobody is known by it.
func (p *Pipeline) ExplainPerson(ctx context.Context, id string) (ExplainedPerson, error) {
	var out ExplainedPerson
	author, err := p.authors.One(ctx, id, "-")
	if err != nil {
		return out, err
	}
	authors := []string{id}
	who := id
	if author.Version > 0 {
		who = author.Value.Person
		out.Person = flow.Person{Name: author.Value.Author.Name, Authors: authors, Score: author.Value.Score}
	}
	if who != "" {
		row, err := p.people.One(ctx, who, "-")
		if err != nil {
			return out, err
		}
		if row.Version > 0 {
			out.Person, authors = row.Value.Person, row.Value.Person.Authors
		} else if author.Version == 0 {
			return out, fault.New(fault.NotFound, "no mention or person %q is known: `rapport ledger --list` names mentions", id)
		}
	}
	var told []flow.Told
	for _, a := range authors {
		row, err := p.authors.One(ctx, a, "-")
		if err != nil {
			return out, err
		}
		told = append(told, row.Value.Told...)
		if n := len(row.Value.Applied); n > 0 {
			mention, _, _ := strings.Cut(row.Value.Applied[n-1], "|")
			x, err := p.Explain(ctx, mention)
			if err != nil && !fault.Is(err, fault.NotFound) {
				return out, err
			}
			if err == nil {
				out.Mentions = append(out.Mentions, x)
			}
		}
	}
	plan, err := p.Plans.Plan(ctx, "")
	if err == nil {
		out.Basis, err = p.standings(ctx, plan, told, &out.Person)
	}
	return out, err
}
