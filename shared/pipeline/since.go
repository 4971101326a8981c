package pipeline

import (
	"context"
	"time"

	"rapport/shared/archive"
)

// Amended tells that a replay or an undo replaced the receipt of an event.
type Amended struct {
	Job  string    `json:"job"`
	Kind string    `json:"kind"` // JobReplay or JobUndo
	At   time.Time `json:"at"`   // when the job ended or, while it runs, was last heard of
	By   string    `json:"by,omitempty"`
}

// amended tells of each line by which job its receipt was replaced last, and what the mention's records hold since, where
// the newest of its events was undone.
func (p *Pipeline) amended(ctx context.Context, lines []StoryLine) (map[string]holding, error) {
	r := &replay{p: p, jobs: map[string]*JobRow{}}
	var holds map[string]holding
	for i, l := range lines {
		if l.Line.Archive == "" {
			continue
		}
		at, err := archive.Locate(l.Line.Archive)
		if err != nil {
			return nil, err
		}
		if !r.inside(at) {
			list, err := p.around(ctx, at)
			if err == nil {
				err = r.enter(ctx, list, l.Line.Archive)
			}
			if err != nil {
				return nil, err
			}
		}
		holds = nil
		a, ok := r.newer[l.Place.Sort]
		if !ok {
			continue
		}
		j := r.jobs[a.Job]
		lines[i].Amended = &Amended{Job: j.ID, Kind: j.Kind, At: j.Updated, By: j.Again.By}
		if a.Undone {
			holds = a.Holds
		}
	}
	return holds, nil
}

// givenBack puts in place of what the mapping would write what records hold since an undo.
func (s *Story) givenBack(holds map[string]holding) {
	for id, h := range holds {
		account, object, key := recordOf(id)
		for i, shown := range s.Records[account] {
			if shown.Object == object && shown.Key == key {
				shown.Undone, shown.Problems, shown.Fields = true, nil, unpacked(h.Fields)
				s.Records[account][i] = shown
			}
		}
	}
}
