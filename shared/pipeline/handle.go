package pipeline

import (
	"context"
	"slices"
	"strings"

	"rapport/shared/flow"
	"rapport/shared/store"
)

// HandleRow leads from a handle on a network to who goes, or went, by it. Kept under the handle's hash, by network.
type HandleRow struct {
	Authors []string `json:"authors"` // author ids, who took the handle last in front
}

// Bounds of handles: how many authors one remembers, and how many of an author lead to them.
const (
	maxNamesakes = 8
	maxHandles   = 8
)

// handlePart names a handle, whatever its case and with or without the sign before it.
func (p *Pipeline) handlePart(handle string) string {
	return p.hashed("handle", strings.ToLower(strings.TrimPrefix(strings.TrimSpace(handle), "@")))
}

// nameAuthors lets handles lead to the authors of a round who have a conversation or are linked to somebody. It goes before
// the authors' rows, in which it notes what leads to them, so that an erasure finds it. Who merely spoke costs nothing.
func (p *Pipeline) nameAuthors(ctx context.Context, w *world) {
	talks := map[string]bool{}
	for _, c := range w.conversations {
		talks[c.Value.Conversation.Author.ID] = talks[c.Value.Conversation.Author.ID] || c.dirty
	}
	var rows []*store.Row[HandleRow]
	var of []*held[AuthorRow]
	for _, id := range sorted(w.authors) {
		a := w.authors[id]
		if part, network, ok := p.unnamedYet(id, a.Value); a.dirty && ok && (a.Value.Person != "" || talks[id]) {
			rows, of = append(rows, &store.Row[HandleRow]{Part: part, Sort: network, Value: HandleRow{Authors: []string{id}}}), append(of, a)
		}
	}
	for i, res := range p.handles.Put(ctx, rows...) { // most handles are new, and need no look
		id, err := rows[i].Value.Authors[0], res.Err
		if conflicted(res) {
			err = p.takeHandle(ctx, rows[i].Part, rows[i].Sort, id)
		}
		if err == nil {
			err = p.noteHandle(ctx, &of[i].Value, rows[i].Part, rows[i].Sort, id)
		}
		if err != nil {
			of[i].err = err
		}
	}
}

// unnamedYet gives where the present handle of an author belongs; ok is false where it leads there already, or may not.
func (p *Pipeline) unnamedYet(id string, a AuthorRow) (part, network string, ok bool) {
	network, _, ok = strings.Cut(id, ":")
	if !ok || a.Objected || a.Author.Handle == "" {
		return "", "", false
	}
	part = p.handlePart(a.Author.Handle)
	return part, network, !slices.Contains(a.Handles, part)
}

// noteHandle notes with an author what leads there now; the oldest of too many is taken back.
func (p *Pipeline) noteHandle(ctx context.Context, a *AuthorRow, part, network, id string) error {
	a.Handles = append(slices.Clone(a.Handles), part)
	for len(a.Handles) > maxHandles {
		if err := p.leaveHandle(ctx, a.Handles[0], network, id); err != nil {
			return err
		}
		a.Handles = a.Handles[1:]
	}
	return nil
}

// nameAuthor does the same for one author who was linked to somebody by a person's word.
func (p *Pipeline) nameAuthor(ctx context.Context, id string) error {
	row, err := p.authors.One(ctx, id, "-")
	part, network, ok := p.unnamedYet(id, row.Value)
	if err != nil || row.Version == 0 || !ok {
		return err
	}
	if err := p.takeHandle(ctx, part, network, id); err != nil {
		return err
	}
	row, err = p.authors.Update(ctx, id, "-", func(r *store.Row[AuthorRow]) (bool, error) {
		if r.Version == 0 || r.Value.Objected || slices.Contains(r.Value.Handles, part) {
			return false, nil
		}
		return true, p.noteHandle(ctx, &r.Value, part, network, id)
	})
	if err != nil || slices.Contains(row.Value.Handles, part) {
		return err
	}
	return p.leaveHandle(ctx, part, network, id) // an erasure was faster
}

// takeHandle puts an author in front of those who go by a handle.
func (p *Pipeline) takeHandle(ctx context.Context, part, network, author string) error {
	_, err := p.handles.Update(ctx, part, network, func(r *store.Row[HandleRow]) (bool, error) {
		if len(r.Value.Authors) > 0 && r.Value.Authors[0] == author {
			return false, nil
		}
		rest := slices.DeleteFunc(slices.Clone(r.Value.Authors), func(a string) bool { return a == author })
		r.Value.Authors = append([]string{author}, rest[:min(len(rest), maxNamesakes-1)]...)
		return true, nil
	})
	return err
}

// leaveHandle lets a handle lead to an author no more. A row that leads nowhere goes.
func (p *Pipeline) leaveHandle(ctx context.Context, part, network, author string) error {
	row, err := p.handles.Update(ctx, part, network, func(r *store.Row[HandleRow]) (bool, error) {
		if !slices.Contains(r.Value.Authors, author) {
			return false, nil
		}
		r.Value.Authors = slices.DeleteFunc(slices.Clone(r.Value.Authors), func(a string) bool { return a == author })
		return true, nil
	})
	if err != nil || row.Version == 0 || len(row.Value.Authors) > 0 {
		return err
	}
	key := p.handles.Key(part, network)
	if res := p.Store.Delete(ctx, store.Item{Part: key.Part, Sort: key.Sort, Version: row.Version})[0]; res.Err != nil && !conflicted(res) {
		return res.Err
	}
	return nil
}

// unname takes all handles of an author back, also one that an attempt left which died before it was noted.
func (p *Pipeline) unname(ctx context.Context, id string, a AuthorRow) error {
	network, _, _ := strings.Cut(id, ":")
	parts := slices.Clone(a.Handles)
	if a.Author.Handle != "" {
		parts = with1(parts, p.handlePart(a.Author.Handle))
	}
	for _, part := range parts {
		if err := p.leaveHandle(ctx, part, network, id); err != nil {
			return err
		}
	}
	return nil
}

// unled takes back what an attempt let lead to an author before it saw that nothing of them may be kept.
func (p *Pipeline) unled(ctx context.Context, o *one) error {
	a := o.event.Mention.Author
	network, _, _ := strings.Cut(a.ID, ":")
	if a.Handle == "" || !o.again && !o.lost {
		return nil
	}
	return p.leaveHandle(ctx, p.handlePart(a.Handle), network, a.ID)
}

// AuthorsOf gives the authors who go by a handle, on one network or ("") on all, by its key alone. Where nobody goes by it
// now, those who went by it before. Authors who never had a conversation and are linked to nobody are not found.
func (p *Pipeline) AuthorsOf(ctx context.Context, network, handle string) ([]flow.Author, error) {
	r := store.Range{Part: p.handlePart(handle)}
	if network != "" {
		r.From, r.To = network, network+"\x00"
	}
	var keys []store.Key
	for row, err := range p.handles.List(ctx, r) {
		if err != nil {
			return nil, err
		}
		for _, id := range row.Value.Authors {
			keys = append(keys, p.authors.Key(id, "-"))
		}
	}
	rows, err := p.authors.Get(ctx, keys[:min(len(keys), store.MaxGet)]...)
	var now, before []flow.Author
	for _, row := range rows {
		switch a := row.Value.Author; {
		case row.Version == 0 || row.Value.Objected:
		case sameHandle(a.Handle, handle):
			now = append(now, a)
		default:
			before = append(before, a)
		}
	}
	if len(now) > 0 {
		return now, err
	}
	return before, err
}
