package pipeline

import (
	"context"
	"fmt"

	"rapport/shared/config"
	"rapport/shared/decide/pulse"
	"rapport/shared/store"
)

// raise tells people of a change of state: the row first, which is there once, whoever tells it again; then the log.
func (p *Pipeline) raise(ctx context.Context, plan *Plan, b config.Brand, c pulse.Change) error {
	row := store.Row[AlertRow]{Part: b.Name, Sort: fmt.Sprintf("%08d", c.Number), Expires: c.At.Add(alertsFor), Value: AlertRow{Change: c, Say: c.Say()}}
	res := p.alerts.Put(ctx, &row)[0]
	if res.Err != nil && !conflicted(res) {
		return res.Err
	}
	if res.Err == nil {
		p.Ports.Log.Warn("alert", "brand", b.Name, "state", c.To, "say", row.Value.Say)
	}
	return nil
}
