package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"rapport/shared/config"
	"rapport/shared/fault"
	"rapport/shared/pipeline"
	"rapport/shared/store"
)

// draftRow is the configuration as it may become. There is one, which all admins share.
type draftRow struct {
	Text string    `json:"text"`
	Base int       `json:"base"` // the version it began with
	By   string    `json:"by"`
	At   time.Time `json:"at"`
}

// pending gives the draft, or the published text where there is none.
func (c *Console) pending(ctx context.Context) (d draftRow, there bool, err error) {
	row, err := c.drafts.One(ctx, "-", "-")
	if err != nil || row.Version > 0 && row.Value.Text != "" {
		return row.Value, err == nil, err
	}
	v, err := c.Backend.Version(ctx, 0)
	return draftRow{Text: v.Text, Base: v.Number}, false, err
}

func (c *Console) drafted(ctx context.Context) bool {
	row, err := c.drafts.One(ctx, "-", "-")
	return err == nil && row.Value.Text != ""
}

// candidate compiles the draft, or gives the published plan where there is none.
func (c *Console) candidate(ctx context.Context) (*pipeline.Plan, draftRow, error) {
	d, there, err := c.pending(ctx)
	if err != nil {
		return nil, d, err
	}
	if !there {
		plan, err := c.plan(ctx)
		return plan, d, err
	}
	plan, err := c.Backend.Check(ctx, []byte(d.Text), "draft")
	return plan, d, err
}

// change puts a change into the draft, unless that would make it wrong.
func (c *Console) change(q *request, what string, do func(text string) (string, error)) error {
	ctx := q.r.Context()
	d, _, err := c.pending(ctx)
	if err != nil {
		return err
	}
	text, err := do(d.Text)
	if err != nil {
		return err
	}
	if _, err := c.Backend.Check(ctx, []byte(text), "draft"); err != nil {
		if k := fault.Of(err); k == fault.Unknown {
			return wrong("%w", err)
		}
		return err
	}
	if err := c.saveDraft(ctx, draftRow{Text: text, Base: d.Base, By: q.who.User, At: c.now()}); err != nil {
		return err
	}
	return c.note(ctx, q.who.User, "changed the draft", what)
}

func (c *Console) saveDraft(ctx context.Context, d draftRow) error {
	_, err := c.drafts.Update(ctx, "-", "-", func(r *store.Row[draftRow]) (bool, error) {
		r.Value = d
		return true, nil
	})
	if err == nil && d.By != "" {
		err = c.Pipeline.Named(ctx, "consoledraft", "-", "-")
	}
	return err
}

type configPage struct {
	Text     string           `json:"text"`
	Versions []config.Version `json:"versions"`
	Present  config.Version   `json:"present"`
	Problems config.Errors    `json:"-"`
}

func (c *Console) configuration(q *request) (answer, error) {
	v, err := c.Backend.Version(q.r.Context(), 0)
	if err != nil {
		return answer{}, err
	}
	p := configPage{Text: v.Text, Present: v}
	p.Versions, err = c.Backend.History(q.r.Context(), 50)
	return answer{Title: "Configuration", Data: p}, err
}

func (c *Console) file(q *request) (answer, error) {
	v, err := c.Backend.Version(q.r.Context(), 0)
	return answer{Raw: []byte(v.Text), Type: "application/yaml; charset=utf-8", Name: "rapport.yaml"}, err
}

func (c *Console) editForm(q *request) (answer, error) {
	d, _, err := c.pending(q.r.Context())
	return answer{Title: "Edit the draft", Data: configPage{Text: d.Text}}, err
}

// edit takes a whole text. What is wrong is said beside the text as it was sent, so that nothing typed is lost.
func (c *Console) edit(q *request) (answer, error) {
	text := q.form.Get("text")
	err := c.change(q, "YAML", func(string) (string, error) { return text, nil })
	var mistakes config.Errors
	if errors.As(err, &mistakes) && !q.api {
		c.show(q.w, q, "edit", http.StatusUnprocessableEntity, view{Title: "Edit the draft", Data: configPage{Text: text, Problems: mistakes}})
		return answer{Raw: []byte{}, Type: "text/html; charset=utf-8"}, nil
	}
	return answer{To: "/draft", Say: "The draft is kept"}, err
}

type versionPage struct {
	Version config.Version   `json:"version"`
	Changes []config.Change  `json:"changes"`
	With    int              `json:"with,omitempty"` // the version that it is compared with
	Others  []config.Version `json:"-"`
}

func (c *Console) version(q *request) (answer, error) {
	n, err := strconv.Atoi(q.value("number"))
	if err != nil || n < 1 {
		return answer{}, fault.New(fault.NotFound, "versions have numbers from 1")
	}
	v, err := c.Backend.Version(q.r.Context(), n)
	if err != nil {
		return answer{}, err
	}
	p := versionPage{Version: v}
	now, err := config.Load([]byte(v.Text), config.Options{})
	if err != nil {
		return answer{}, err
	}
	with := n - 1
	if text := q.value("with"); text != "" {
		if with, err = strconv.Atoi(text); err != nil || with < 1 {
			return answer{}, fault.New(fault.NotFound, "versions have numbers from 1")
		}
	}
	p.With = with
	var before *config.Document
	if with > 0 {
		if old, err := c.Backend.Version(q.r.Context(), with); err == nil {
			before, _ = config.Load([]byte(old.Text), config.Options{}) // it was right when it was published
		}
	}
	p.Changes = config.Diff(before, now)
	p.Others, err = c.Backend.History(q.r.Context(), 50)
	return answer{Title: "Version " + q.value("number"), Data: p}, err
}

func (c *Console) rollback(q *request) (answer, error) {
	n, err := strconv.Atoi(q.value("number"))
	if err != nil {
		return answer{}, wrong("versions have numbers")
	}
	v, err := c.Backend.Rollback(q.r.Context(), n, q.who.User)
	if err != nil {
		return answer{}, err
	}
	return answer{To: "/configuration", Say: fmt.Sprintf("Version %d is version %d again", v.Number, n)}, c.note(q.r.Context(), q.who.User, "rolled back", fmt.Sprintf("to version %d", n))
}

type draftPage struct {
	There   bool            `json:"there"`
	By      string          `json:"by,omitempty"`
	At      time.Time       `json:"at,omitzero"`
	Base    int             `json:"base"`
	Stale   bool            `json:"stale,omitempty"` // somebody published meanwhile
	Changes []config.Change `json:"changes"`
	Problem string          `json:"problem,omitempty"`
	Trials  []*trial        `json:"trials,omitempty"`
}

func (c *Console) draft(q *request) (answer, error) {
	ctx := q.r.Context()
	d, there, err := c.pending(ctx)
	if err != nil {
		return answer{}, err
	}
	p := draftPage{There: there, By: d.By, At: d.At, Base: d.Base}
	present, err := c.Backend.Version(ctx, 0)
	if err != nil {
		return answer{}, err
	}
	p.Stale = there && present.Number != d.Base
	old, err := config.Load([]byte(present.Text), config.Options{})
	if err != nil {
		return answer{}, err
	}
	now, err := config.Load([]byte(d.Text), config.Options{})
	if err != nil {
		p.Problem = err.Error()
	} else {
		p.Changes = config.Diff(old, now)
	}
	c.mu.Lock()
	for _, id := range sortedKeys(c.trials) {
		if t := c.trials[id].copy(); t.Kind == "" && t.text == d.Text {
			p.Trials = append(p.Trials, t)
		}
	}
	c.mu.Unlock()
	return answer{Title: "Draft", Data: p}, nil
}

func (c *Console) publish(q *request) (answer, error) {
	ctx := q.r.Context()
	d, there, err := c.pending(ctx)
	if err != nil {
		return answer{}, err
	}
	if !there {
		return answer{}, wrong("there is no draft to publish")
	}
	present, err := c.Backend.Version(ctx, 0)
	if err != nil {
		return answer{}, err
	}
	if present.Number != d.Base && q.value("over") != "1" {
		return answer{}, fault.New(fault.Conflict, "version %d was published since this draft began at version %d: publishing would undo it. Look at the difference, then publish over it or throw the draft away", present.Number, d.Base)
	}
	v, err := c.Backend.Publish(ctx, []byte(d.Text), "draft", q.who.User, q.value("note"))
	if err != nil {
		return answer{}, err
	}
	if err := c.saveDraft(ctx, draftRow{}); err != nil {
		return answer{}, err
	}
	return answer{To: "/configuration", Say: fmt.Sprintf("Version %d is published", v.Number), Data: map[string]any{"version": v.Number}},
		c.note(ctx, q.who.User, "published", fmt.Sprintf("version %d", v.Number))
}

func (c *Console) discard(q *request) (answer, error) {
	if err := c.saveDraft(q.r.Context(), draftRow{}); err != nil {
		return answer{}, err
	}
	return answer{To: "/configuration", Say: "The draft is gone"}, c.note(q.r.Context(), q.who.User, "discarded the draft", "")
}

// trial is a dry run: what a draft would have written of what was received. It lives in this process, or for an hour in the
// store where processes sleep between calls.
type trial struct {
	ID    string             `json:"id"`
	Kind  string             `json:"kind,omitempty"` // "" = of the draft; undo, replay
	Hours int                `json:"hours,omitempty"`
	From  time.Time          `json:"from,omitzero"`
	To    time.Time          `json:"to,omitzero"`
	Event string             `json:"event,omitempty"`
	By    string             `json:"by"`
	At    time.Time          `json:"at"`
	Done  bool               `json:"done"`
	Took  string             `json:"took,omitempty"`
	Error string             `json:"error,omitempty"`
	Of    *pipeline.Replayed `json:"result,omitempty"`
	More  int                `json:"more,omitempty"` // writes that are not shown
	text  string

	Accounts []string        `json:"accounts,omitempty"` // of an undo or replay
	Differs  []differing     `json:"differs,omitempty"`  // decisions that would be otherwise
	Changes  []config.Change `json:"changes,omitempty"`  // of the draft
}

// differing is a decision that would be made otherwise, and in what.
type differing struct {
	Mention string          `json:"mention"`
	In      []config.Change `json:"in"`
}

// differences tells of decisions what is otherwise, by the names that stand at their top.
func differences(list []pipeline.Change) []differing {
	var out []differing
	for _, x := range list[:min(len(list), shownWrites)] {
		var was, is map[string]json.RawMessage
		if json.Unmarshal(x.Was, &was) != nil || json.Unmarshal(x.Is, &is) != nil {
			continue
		}
		d := differing{Mention: x.Mention}
		all := maps.Clone(is)
		maps.Copy(all, was)
		for _, name := range sortedKeys(all) {
			if name != "receipts" && name != "conversation" && string(was[name]) != string(is[name]) {
				d.In = append(d.In, config.Change{Path: name, Old: plainJSON(was[name]), New: plainJSON(is[name])})
			}
		}
		if len(d.In) > 0 {
			out = append(out, d)
		}
	}
	return out
}

// plainJSON writes a piece of JSON as people read it.
func plainJSON(raw json.RawMessage) string { return cut(strings.Trim(string(raw), `"`), 160) }

func (t *trial) copy() *trial {
	x := *t
	return &x
}

// maxTrials is how many dry runs are remembered, shownWrites how many of the records that would change.
const (
	maxTrials   = 12
	shownWrites = 60
	trialFor    = 5 * time.Minute
)

func (c *Console) try(q *request) (answer, error) {
	plan, d, err := c.candidate(q.r.Context())
	if err != nil {
		return answer{}, err
	}
	hours, err := strconv.Atoi(q.value("hours"))
	if err != nil || hours < 1 || hours > 24*31 {
		hours = 24
	}
	t := &trial{Hours: hours, text: d.Text}
	if present, err := c.plan(q.r.Context()); err == nil {
		t.Changes = config.Diff(present.Doc, plan.Doc)
	}
	return c.rehearse(q, t, func(ctx context.Context) (pipeline.Replayed, error) {
		return c.Pipeline.Replay(ctx, plan, places(plan.Doc), t.At.Add(-time.Duration(hours)*time.Hour), t.At.Add(time.Minute))
	})
}

// rehearse carries out a dry run, and leads to where it is shown.
func (c *Console) rehearse(q *request, t *trial, do func(context.Context) (pipeline.Replayed, error)) (answer, error) {
	t.ID, t.By, t.At = c.Pipeline.Ports.NewID(), q.who.User, c.now()
	c.mu.Lock()
	for _, id := range sortedKeys(c.trials) {
		if len(c.trials) >= maxTrials {
			delete(c.trials, id)
		}
	}
	c.trials[t.ID] = t
	c.mu.Unlock()
	run := func(ctx context.Context) {
		got, err := do(ctx)
		c.mu.Lock()
		defer c.mu.Unlock()
		t.Done, t.Took = true, c.now().Sub(t.At).Round(time.Millisecond).String()
		if err != nil {
			t.Error = err.Error()
			return
		}
		if len(got.Writes) > shownWrites {
			t.More = len(got.Writes) - shownWrites
			got.Writes = got.Writes[:shownWrites]
		}
		t.Differs = differences(got.Changed)
		got.Changed = nil
		t.Of = &got
	}
	if err := c.start(q.r.Context(), t, run); err != nil {
		return answer{}, err
	}
	return answer{To: "/draft/trial/" + t.ID, Data: map[string]any{"trial": t.ID}}, c.note(q.r.Context(), q.who.User, strings.TrimSpace("dry run "+t.Kind), t.ID)
}

func (c *Console) trial(q *request) (answer, error) {
	t, err := c.tried(q.r.Context(), q.value("id"))
	if err != nil {
		return answer{}, err
	}
	if t == nil {
		return answer{}, fault.New(fault.NotFound, "this dry run is not remembered any more: start another")
	}
	return answer{Title: "Dry run", Data: t}, nil
}

// trialRow is a dry run between two calls. Kept under its id.
type trialRow struct {
	Sealed string `json:"sealed"`
}

// trialKept is how long the store keeps a dry run, which holds words of people.
const trialKept = time.Hour

// start has a dry run done: beside the calls, or within this one where the process sleeps between them. Then it ends in
// time to be told, and is kept where the next call's process finds it.
func (c *Console) start(ctx context.Context, t *trial, run func(context.Context)) error {
	if !c.Inline {
		inner, cancel := context.WithTimeout(context.WithoutCancel(ctx), trialFor)
		go func() {
			defer cancel()
			run(inner)
		}()
		return nil
	}
	inner, cancel := context.WithCancel(ctx)
	if end, ok := ctx.Deadline(); ok {
		cancel()
		inner, cancel = context.WithDeadline(ctx, end.Add(-3*time.Second))
	}
	defer cancel()
	run(inner)
	if t.Error != "" && inner.Err() != nil {
		t.Error = "there was too much to decide again in one call: try fewer hours, or `rapport replay`"
	}
	sealed, err := c.seal(t)
	if err != nil {
		return err
	}
	res := c.trialRows.Put(ctx, &store.Row[trialRow]{Part: t.ID, Sort: "-", Expires: c.now().Add(trialKept), Value: trialRow{sealed}})[0]
	return res.Err
}

// tried finds a dry run, nil = there is none.
func (c *Console) tried(ctx context.Context, id string) (*trial, error) {
	c.mu.Lock()
	t := c.trials[id]
	if t != nil {
		t = t.copy()
	}
	c.mu.Unlock()
	if t != nil || !c.Inline {
		return t, nil
	}
	row, err := c.trialRows.One(ctx, id, "-")
	if err != nil || row.Version == 0 {
		return nil, err
	}
	t = &trial{}
	return t, c.unseal(row.Value.Sealed, t)
}
