package pipeline

import (
	"context"
	"encoding/json"
	"time"

	"rapport/shared/config"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/store"
	"rapport/shared/topology"
)

// copiesLead is how long before content has to be gone by a network's rules its copies in the CRMs are blanked, so that a CRM
// that is down for some hours is done in time. Of a term shorter than twice that, half.
const copiesLead = 12 * time.Hour

// lead gives that for an account; ok is false where the network's rules set no term: what the tenant sets by itself ends what is
// kept here, and the CRM has its own rules.
func (p *Pipeline) lead(conf config.Account) (end time.Duration, ok bool) {
	most := p.infos[conf.Kind].Rules.StoreFor
	return most - min(copiesLead, most/2), most > 0
}

// sweepCopies lets go what CRMs hold of mentions that were received between two times: each goes the road of a deletion at the
// network, as an event with a line and deliveries of its own. Copied text and media are blanked; the case and our answers stay.
// That event keeps the mention's row, blank, until the CRMs have taken it; the sweep that comes when its own term ends removes it.
func (p *Pipeline) sweepCopies(ctx context.Context, conf config.Account, from, to time.Time, held map[string]bool, j *JobRow) (whole bool, err error) {
	whole = true
	var keys []store.Key
	seen := map[string]bool{}
	err = p.Lines(ctx, conf.Name, from, to, func(_ ledger.Place, l ledger.Line) error {
		switch {
		case l.Erased || l.Mention == "" || l.Outcome != ledger.Mention || seen[l.Mention]:
		case held[l.Author]:
			whole = false
		default:
			seen[l.Mention] = true
			keys = append(keys, p.mentions.Key(l.Mention, "-"))
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	rows, err := p.mentions.Get(ctx, keys...)
	if err != nil {
		return false, err
	}
	var gone []string
	for _, row := range rows {
		v := row.Value
		if row.Version > 0 && !v.Erased && !v.Mention.Deleted && v.Mention.Direction != flow.Out && !younger(v, to) {
			gone = append(gone, v.Mention.ID)
		}
	}
	if len(gone) == 0 {
		return whole, nil
	}
	data, _ := json.Marshal(gone) // texts: cannot fail
	env := Envelope{Receipt: p.Ports.NewID(), At: p.now(), Account: conf.Name, Stream: goneStream}
	j.Copies += len(gone)
	return whole, p.enqueue(ctx, p.Queue, topology.MentionsLive, env, data)
}
