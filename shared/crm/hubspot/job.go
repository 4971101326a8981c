package hubspot

import (
	"context"
	"slices"
	"strings"

	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/flow"
)

// job is one Upsert on its way through its calls.
type job struct {
	c      client
	object string
	writes []*write
	place  []*write // by index of the record that was given
	keys   []string // of the records that were given
}

// write is one record to write: of those with one key the last, under an id that any of them knew.
type write struct {
	record  crm.Record
	fields  map[string]string
	id      string
	sent    string // the id or key it was sent under
	missing bool   // HubSpot does not know the id
	settled bool
	out     crm.Outcome
}

func (w *write) settle(err error) {
	w.settled = true
	w.out.Err = err
}

func newJob(a crm.Account, records []crm.Record) (*job, error) {
	j := &job{c: open(a), object: records[0].Object}
	if records[0].KeyField != "" {
		j.c.keyField = records[0].KeyField
	}
	if err := j.c.shape(); err != nil {
		return nil, err
	}
	byKey, byID := map[string]*write{}, map[string]bool{}
	for _, r := range records {
		w := byKey[r.Key]
		if w == nil {
			w = &write{}
			byKey[r.Key] = w
			j.writes = append(j.writes, w)
		}
		w.record, w.out.Key, w.settled, w.out.Err = r, r.Key, false, nil
		if r.ID != "" {
			w.id = r.ID
		}
		fields, err := values(r.Fields)
		switch {
		case err != nil:
			w.settle(err)
		case r.Key == "":
			w.settle(fault.New(fault.Invalid, "a record of %s has no key", r.Object))
		case r.Object != j.object:
			w.settle(fault.New(fault.Invalid, "a record of %s is among records of %s", r.Object, j.object))
		default:
			fields[j.c.keyField] = r.Key
			if j.object == "tickets" && fields[propStage] == string(flow.Waiting) {
				j.c.reopen(fields)
			}
			w.fields = fields
		}
		j.place, j.keys = append(j.place, w), append(j.keys, r.Key)
	}
	for _, w := range j.writes {
		if w.id != "" && byID[w.id] {
			return nil, fault.New(fault.Split, "two records of a batch have id %s", w.id)
		}
		byID[w.id] = true
	}
	return j, nil
}

// reopen puts the stage in which it is our move where the mapping says "waiting". Of a pipeline of the customer's own nobody
// knows it unless it is set: then the stage stays as it is.
func (c client) reopen(fields map[string]string) {
	if stage := c.waiting(); stage != "" {
		fields[propStage] = stage
	} else {
		delete(fields, propStage)
	}
}

// waiting is the stage in which it is our move, "" where nobody knows it.
func (c client) waiting() string {
	if list := c.a.Texts("waiting_stages"); len(list) > 0 {
		return list[0]
	}
	if p := c.a.Text("pipeline"); p == "" || p == "0" {
		return "3"
	}
	return ""
}

func (j *job) outcomes() []crm.Outcome {
	out := make([]crm.Outcome, len(j.place))
	for i, w := range j.place {
		out[i] = w.out
		out[i].Key = j.keys[i]
	}
	return out
}

// open gives the writes that are still to do, by id or by key.
func (j *job) open(known bool) []*write {
	var list []*write
	for _, w := range j.writes {
		if !w.settled && (w.id != "") == known {
			list = append(list, w)
		}
	}
	return list
}

// tickets gives new tickets their first stage. One that exists keeps the stage that agents gave it, so what exists is
// looked up by key first.
func (j *job) tickets(ctx context.Context) error {
	if j.object != "tickets" {
		return nil
	}
	var unsure []*write
	var keys []string
	for _, w := range j.open(false) {
		if w.fields[propStage] == "" {
			unsure, keys = append(unsure, w), append(keys, w.record.Key)
		}
	}
	if unsure == nil {
		return nil
	}
	there, err := j.c.read(ctx, j.object, j.c.keyField, keys, nil)
	if err != nil {
		return err
	}
	pipeline, stage := j.c.a.Text("pipeline"), j.c.a.Text("stage")
	for _, w := range unsure {
		if at := slices.IndexFunc(there, func(r result) bool { return r.get(j.c.keyField) == w.record.Key }); at >= 0 {
			w.id = there[at].ID
			continue
		}
		if stage == "" {
			if pipeline, stage, err = j.c.firstStage(ctx, pipeline); err != nil {
				return err
			}
		}
		w.fields[propStage] = stage
		if pipeline != "" {
			w.fields[propPipeline] = pipeline
		}
	}
	return nil
}

// stage is a stage of a pipeline, and pipeline one with its stages.
type stage struct {
	ID    string `json:"id"`
	Order int    `json:"displayOrder"`
}

type pipeline struct {
	ID     string  `json:"id"`
	Order  int     `json:"displayOrder"`
	Stages []stage `json:"stages"`
}

// firstStage reads in which pipeline and stage tickets begin; wanted "" = the first pipeline.
func (c client) firstStage(ctx context.Context, wanted string) (string, string, error) {
	var out struct {
		Results []pipeline `json:"results"`
	}
	if err := c.call(ctx, "GET", c.at(apiPipelines, "tickets"), nil, &out, 1); err != nil {
		return "", "", err
	}
	slices.SortStableFunc(out.Results, func(a, b pipeline) int { return a.Order - b.Order })
	for _, p := range out.Results {
		if len(p.Stages) > 0 && (wanted == "" || p.ID == wanted) {
			first := slices.MinFunc(p.Stages, func(a, b stage) int { return a.Order - b.Order })
			return p.ID, first.ID, nil
		}
	}
	return "", "", fault.New(fault.Drift, "HubSpot has no ticket pipeline %q with a stage: set pipeline and stage", wanted)
}

// byID writes the records whose id is known and stamps them with their key. An id that HubSpot does not know is looked
// up once: a merged record is written where it went, a deleted one is Gone.
func (j *job) byID(ctx context.Context) error {
	list := j.open(true)
	if err := j.update(ctx, list); err != nil {
		return err
	}
	var lost []*write
	var ids []string
	for _, w := range list {
		if w.missing {
			lost, ids = append(lost, w), append(ids, w.id)
		}
	}
	if lost == nil {
		return nil
	}
	there, err := j.c.read(ctx, j.object, "", ids, nil)
	if err != nil {
		return err
	}
	var moved []*write
	for _, w := range lost {
		at := slices.IndexFunc(there, func(r result) bool { return r.is(w.id) })
		if at < 0 || there[at].ID == w.id {
			w.settle(fault.New(fault.Gone, "record %s of %s was deleted in HubSpot", w.id, j.object))
			continue
		}
		w.id, w.missing = there[at].ID, false
		if slices.ContainsFunc(moved, func(m *write) bool { return m.id == w.id }) {
			return fault.New(fault.Split, "two records of a batch were merged into %s", w.id)
		}
		moved = append(moved, w)
	}
	if err := j.update(ctx, moved); err != nil {
		return err
	}
	for _, w := range moved {
		if w.missing {
			w.settle(fault.New(fault.Gone, "record %s of %s was deleted in HubSpot", w.id, j.object))
		}
	}
	return nil
}

// input is one record of a batch.
type input struct {
	ID         string            `json:"id"`
	IDProperty string            `json:"idProperty,omitempty"`
	Trace      string            `json:"objectWriteTraceId"`
	Properties map[string]string `json:"properties"`
}

func (j *job) update(ctx context.Context, list []*write) error {
	inputs := make([]input, len(list))
	for i, w := range list {
		w.sent = w.id
		inputs[i] = input{ID: w.id, Trace: index(i), Properties: w.fields}
	}
	return j.send(ctx, "update", list, inputs)
}

// byKey upserts the rest.
func (j *job) byKey(ctx context.Context) error {
	list := j.open(false)
	inputs := make([]input, len(list))
	for i, w := range list {
		w.sent = w.record.Key
		inputs[i] = input{ID: w.record.Key, IDProperty: j.c.keyField, Trace: index(i), Properties: w.fields}
	}
	return j.send(ctx, "upsert", list, inputs)
}

// send makes one batch call and finds out what became of each record. A refusal of one record is its outcome.
func (j *job) send(ctx context.Context, verb string, list []*write, inputs []input) error {
	if len(list) == 0 {
		return nil
	}
	var out answer
	err := j.c.call(ctx, "POST", j.c.batch(j.object, verb), map[string]any{"inputs": inputs}, &out, len(list))
	if err != nil {
		if len(list) == 1 && (fault.Is(err, fault.Invalid) || fault.Is(err, fault.Conflict)) {
			list[0].settle(err)
			return nil
		}
		return err
	}
	for _, r := range out.Results {
		if w := j.find(list, r); w != nil {
			w.settled = true
			w.out.ID, w.out.Err, w.out.State = r.ID, nil, crm.Updated
			if verb == "upsert" && r.New {
				w.out.State = crm.Created
			}
		}
	}
	stray := ""
	for _, p := range out.Errors {
		hit := false
		for i, w := range list {
			if w.settled || !slices.Contains(p.context("objectWriteTraceId"), index(i)) && !slices.Contains(p.context("ids"), w.sent) && len(list) > 1 {
				continue
			}
			hit = true
			if p.Category == "OBJECT_NOT_FOUND" && verb == "update" {
				w.missing = true
				continue
			}
			if existing := p.context("existingId"); len(existing) > 0 {
				w.out.ID = existing[0]
			}
			w.settle(j.c.one(p))
		}
		if !hit {
			stray = p.text()
		}
	}
	for _, w := range list {
		if w.settled || w.missing {
			continue
		}
		if stray != "" && len(list) > 1 {
			return fault.New(fault.Split, "HubSpot does not say which record it refused: %s", stray)
		}
		w.settle(fault.New(fault.Ambiguous, "HubSpot's answer does not tell what became of record %s", w.record.Key))
	}
	return nil
}

// find gives the write that a result is about: by trace id, by record id, or by our key.
func (j *job) find(list []*write, r result) *write {
	if r.ID == "" {
		return nil
	}
	if i := number(r.Trace); i >= 0 && i < len(list) {
		return list[i]
	}
	for _, w := range list {
		if w.id == r.ID || r.get(j.c.keyField) == w.record.Key {
			return w
		}
	}
	return nil
}

// links associates what was written. Doing it again changes nothing.
func (j *job) links(ctx context.Context) error {
	type group struct{ object, label string }
	pairs := map[group][]pair{}
	var order []group
	for _, w := range j.writes {
		if !w.settled || w.out.Err != nil {
			continue
		}
		for _, l := range w.record.Links {
			g := group{l.Object, l.Label}
			if pairs[g] == nil {
				order = append(order, g)
			}
			pairs[g] = append(pairs[g], pair{w: w, to: l.ID, key: l.Key})
		}
	}
	for _, g := range order {
		if err := j.resolve(ctx, g.object, pairs[g]); err != nil {
			return err
		}
		if err := j.associate(ctx, g.object, g.label, pairs[g]); err != nil {
			return err
		}
	}
	return nil
}

// pair is one association to make; to is "" where its key leads to no record.
type pair struct {
	w       *write
	to, key string
}

// resolve finds the ids of records that are named by key: among those just written, else at HubSpot.
func (j *job) resolve(ctx context.Context, object string, pairs []pair) error {
	var keys []string
	for i, p := range pairs {
		if p.to != "" {
			continue
		}
		for _, w := range j.writes {
			if object == j.object && w.record.Key == p.key {
				pairs[i].to = w.out.ID
			}
		}
		if pairs[i].to == "" && p.key != "" {
			keys = append(keys, p.key)
		}
	}
	if keys == nil {
		return nil
	}
	there, err := j.c.read(ctx, object, j.c.keyField, keys, nil)
	if err != nil {
		return err
	}
	for i, p := range pairs {
		for _, r := range there {
			if p.to == "" && r.get(j.c.keyField) == p.key {
				pairs[i].to = r.ID
			}
		}
	}
	return nil
}

// associate links records; label is "" for the default kind, else CATEGORY:number as HubSpot lists them.
func (j *job) associate(ctx context.Context, object, label string, pairs []pair) error {
	type end struct {
		ID string `json:"id"`
	}
	type kind struct {
		Category string `json:"associationCategory"`
		ID       int    `json:"associationTypeId"`
	}
	type input struct {
		From  end    `json:"from"`
		To    end    `json:"to"`
		Types []kind `json:"types,omitempty"`
	}
	path := j.c.at(apiAssociations, pathOf(j.object), pathOf(object), "batch", "associate", "default")
	var types []kind
	if label != "" {
		category, id, _ := strings.Cut(label, ":")
		if number(id) < 0 {
			for _, p := range pairs {
				p.w.settle(fault.New(fault.Invalid, "link label %q: write it as USER_DEFINED:12 or HUBSPOT_DEFINED:16", label))
			}
			return nil
		}
		types = []kind{{category, number(id)}}
		path = j.c.at(apiAssociations, pathOf(j.object), pathOf(object), "batch", "create")
	}
	pairs = slices.DeleteFunc(slices.Clone(pairs), func(p pair) bool { return p.to == "" })
	for some := range slices.Chunk(pairs, maxBatch) {
		inputs := make([]input, len(some))
		for i, p := range some {
			inputs[i] = input{From: end{p.w.out.ID}, To: end{p.to}, Types: types}
		}
		var out answer
		if err := j.c.call(ctx, "POST", path, map[string]any{"inputs": inputs}, &out, len(j.writes)); err != nil {
			return err
		}
		for _, p := range out.Errors {
			if p.Category == "OBJECT_NOT_FOUND" { // the other record went meanwhile: nothing to link to
				continue
			}
			for _, pr := range some {
				if from := p.context("fromObjectId"); len(from) == 0 || slices.Contains(from, pr.w.out.ID) {
					pr.w.settle(j.c.one(p))
				}
			}
		}
		if len(out.Results) == 0 && len(out.Errors) == 0 {
			return fault.New(fault.Ambiguous, "HubSpot answered %d links without results", len(inputs))
		}
	}
	return nil
}
