package pipeline

import (
	"context"
	"time"

	"rapport/shared/store"
)

// AuditRow is one thing that an operator did, or tried to do: ids and names only, never content or secrets. Kept under the
// month, in the order of time; rows are never changed but for the name, which gives way to a pseudonym after StaffFor.
type AuditRow struct {
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	Did    string    `json:"did"`
	What   string    `json:"what,omitempty"`
	From   string    `json:"from,omitempty"`   // console, api, command
	Result string    `json:"result,omitempty"` // "" = done; else the kind of fault
}

// StaffFor is how long the audit trail names who did something.
const StaffFor = 90 * 24 * time.Hour

const auditMonth = "200601"

// Note adds a row to the audit trail; its time is now.
func (p *Pipeline) Note(ctx context.Context, row AuditRow) error {
	row.At = p.now()
	r := &store.Row[AuditRow]{Part: row.At.Format(auditMonth), Sort: row.At.Format("20060102T150405.000000000") + "#" + p.Ports.NewID(), Value: row}
	return p.audits.Put(ctx, r)[0].Err
}

// Trail lists at most limit rows of the audit trail since a time, newest first.
func (p *Pipeline) Trail(ctx context.Context, since time.Time, limit int) ([]AuditRow, error) {
	var out []AuditRow
	for month := firstOf(p.now()); limit > 0 && !month.Before(firstOf(since)); month = month.AddDate(0, -1, 0) {
		for row, err := range p.audits.List(ctx, store.Range{Part: month.Format(auditMonth), Desc: true, Limit: limit - len(out)}) {
			if err != nil {
				return nil, err
			}
			if row.Value.At.Before(since) {
				return out, nil
			}
			out = append(out, row.Value)
		}
		if len(out) >= limit {
			break
		}
	}
	return out, nil
}

func firstOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), 1, 0, 0, 0, 0, time.UTC)
}

// staffPrefix leads the pseudonym of somebody of the staff.
const staffPrefix = "staff-"

// Pseudonym gives the name under which the audit trail keeps somebody of the staff in the end. The same name has the same.
func (p *Pipeline) Pseudonym(name string) string {
	if name == "" || len(name) > len(staffPrefix) && name[:len(staffPrefix)] == staffPrefix {
		return name
	}
	return staffPrefix + p.hashed("staff", name)[:10]
}

// pseudonymise takes names out of the audit trail that are older than StaffFor. The months before the last four were done
// by earlier runs.
func (p *Pipeline) pseudonymise(ctx context.Context) error {
	end := p.now().Add(-StaffFor)
	for back := range 4 {
		month := firstOf(end).AddDate(0, -back, 0).Format(auditMonth)
		for row, err := range p.audits.List(ctx, store.Range{Part: month}) {
			if err != nil {
				return err
			}
			if !row.Value.At.Before(end) {
				break
			}
			_, err := p.audits.Update(ctx, month, row.Sort, func(r *store.Row[AuditRow]) (bool, error) {
				was := r.Value.By
				r.Value.By = p.Pseudonym(was)
				return r.Version > 0 && was != r.Value.By, nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
