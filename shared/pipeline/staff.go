package pipeline

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"rapport/shared/flow"
	"rapport/shared/store"
)

// The names of the customer's own people give way to pseudonyms after StaffFor, wherever they are kept. Who writes a name that has
// to be shown for a while puts a row into the minute in which that time is over; tick then replaces it. Where nobody has to see it,
// the pseudonym is written at once: the audit trail knows for as long who did it.

// StaffField is a field in which a name is kept, and what replaces it.
type StaffField struct {
	Type, Field string // as the data map names them
	Table, Path string // in the store: the row's table, the way to the field; "" = it is a pseudonym from the beginning
	Ends        string // why it needs no pseudonym: the row goes sooner
}

// StaffFields lists every field in which a name of the staff is kept. A test compares it with the data map.
func StaffFields() []StaffField {
	return []StaffField{
		{Type: "pipeline.AuditRow", Field: "by", Table: "audit", Path: "by"},
		{Type: "flow.Conversation", Field: "owner", Table: "conversation", Path: "conversation.owner"},
		{Type: "flow.Person", Field: "owner", Table: "person", Path: "person.owner"},
		{Type: "flow.Person", Field: "owner", Table: "merge", Path: "was.person.owner"},
		{Type: "flow.Reply", Field: "sender", Table: "reply", Path: "reply.sender"},
		{Type: "pipeline.HoldRow", Field: "by", Table: "hold", Path: "by"},
		{Type: "config.Version", Field: "by", Table: "config", Path: "by"},
		{Type: "console.tokenRow", Field: "by", Table: "consoletoken", Path: "by"},
		{Type: "console.draftRow", Field: "by", Table: "consoledraft", Path: "by"},
		{Type: "report.Agent", Field: "name"},
		{Type: "flow.Link", Field: "by"},
		{Type: "pipeline.Again", Field: "by"},
		{Type: "flow.Correction", Field: "by"},
		{Type: "flow.Reply", Field: "seconds"},
		{Type: "pipeline.ReviewRow", Field: "by"},
		{Type: "pipeline.MergeRow", Field: "by"},
		{Type: "pipeline.Relink", Field: "by"},
		{Type: "console.linkRow", Field: "user", Ends: "a quarter of an hour"},
		{Type: "console.sessionRow", Field: "user", Ends: "twelve hours"},
		{Type: "console.sessionRow", Field: "subject", Ends: "twelve hours"},
		{Type: "console.sessionRow", Field: "proof", Ends: "twelve hours"},
	}
}

// namedRow is a row of any table, of which a name alone is replaced.
type namedRow map[string]json.RawMessage

const staffDue = "staff"

// Named makes sure that the name in a row of a table is replaced in time. It is called beside the write that brings the name.
func (p *Pipeline) Named(ctx context.Context, table, part, sort string) error {
	return p.namedAt(ctx, table, part, sort, p.now().Add(StaffFor))
}

func (p *Pipeline) namedAt(ctx context.Context, table, part, sort string, at time.Time) error {
	row := &store.Row[DueRow]{Part: staffMinute(at), Sort: staffSort(table, part, sort), Value: DueRow{Kind: staffDue, Subject: part + "\n" + sort, Account: table, At: at}}
	if res := p.due.Put(ctx, row)[0]; res.Err != nil && !conflicted(res) {
		return res.Err
	}
	return nil
}

func staffMinute(at time.Time) string {
	return at.UTC().Truncate(time.Minute).Add(time.Minute).Format(minute)
}

func staffSort(table, part, sort string) string {
	return staffDue + "#" + table + "#" + part + "#" + sort
}

// forgetName replaces the name in a row whose time is over. A name that came later has a row of its own minute.
func (p *Pipeline) forgetName(ctx context.Context, d DueRow) error {
	part, sort, _ := strings.Cut(d.Subject, "\n")
	if d.Account == "conversation" {
		return p.forgetOwner(ctx, part)
	}
	for _, f := range StaffFields() {
		if f.Table != d.Account || f.Path == "" {
			continue
		}
		table := store.Table[namedRow]{Store: p.Store, Name: f.Table}
		_, err := table.Update(ctx, part, sort, func(r *store.Row[namedRow]) (bool, error) {
			if r.Version == 0 || f.Table != "merge" && p.now().Before(newestName(r.Value).Add(StaffFor)) {
				return false, nil
			}
			return p.rename(r.Value, strings.Split(f.Path, ".")), nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// newestName is when the name in a row was written, as the row says; zero where it does not.
func newestName(row namedRow) (at time.Time) {
	for _, field := range []string{"at", "owned"} {
		var t time.Time
		if json.Unmarshal(row[field], &t) == nil && t.After(at) {
			at = t
		}
	}
	return at
}

// rename puts the pseudonym in place of the name at the end of a way, and tells whether that changed anything.
func (p *Pipeline) rename(row namedRow, way []string) bool {
	if len(way) > 1 {
		var inner namedRow
		if json.Unmarshal(row[way[0]], &inner) != nil || !p.rename(inner, way[1:]) {
			return false
		}
		row[way[0]], _ = json.Marshal(inner) // raw JSON: cannot fail
		return true
	}
	var name string
	if json.Unmarshal(row[way[0]], &name) != nil || name == "" || p.Pseudonym(name) == name {
		return false
	}
	row[way[0]], _ = json.Marshal(p.Pseudonym(name)) // a text: cannot fail
	return true
}

// owned notes that the name of somebody of the staff stands in a conversation from now on, in the row that is about to be written:
// its time is when the next look is due. That look comes StaffFor after the conversation last changed.
func (p *Pipeline) owned(row *ConversationRow) {
	if row.Conversation.Owner != "" && row.Named.IsZero() {
		row.Named = p.now().Add(StaffFor)
	}
}

// nameOwner makes sure of that look. Twice is fine.
func (p *Pipeline) nameOwner(ctx context.Context, row ConversationRow) error {
	if row.Named.IsZero() {
		return nil
	}
	return p.namedAt(ctx, "conversation", row.Conversation.ID, "-", row.Named)
}

// forgetOwner replaces the owner of a conversation that did not change for StaffFor; else it is looked at again.
func (p *Pipeline) forgetOwner(ctx context.Context, id string) error {
	row, err := p.updateConversation(ctx, id, func(r *store.Row[ConversationRow]) bool {
		v := &r.Value
		if v.Named.IsZero() || p.now().Before(v.Named) {
			return false
		}
		if end := v.Conversation.Updated.Add(StaffFor); p.now().Before(end) && v.Conversation.Owner != "" {
			v.Named = end
			return true
		}
		v.Conversation.Owner, v.Named = p.Pseudonym(v.Conversation.Owner), time.Time{}
		return true
	})
	if err != nil || row.Value.Conversation.ID != id {
		return err
	}
	return p.nameOwner(ctx, row.Value)
}

// unnamed takes the look at a conversation's owner back.
func (p *Pipeline) unnamed(ctx context.Context, row ConversationRow, id string) error {
	if row.Named.IsZero() {
		return nil
	}
	return p.remove(ctx, p.due.Key(staffMinute(row.Named), staffSort("conversation", id, "-")))
}

// veilStaff gives what a decision may see of a conversation and a person: owners by their pseudonyms. So no name of the staff
// reaches a receipt, and the same is decided when the names are gone.
func (p *Pipeline) veilStaff(c *flow.Conversation, who *flow.Person) {
	if c != nil {
		c.Owner = p.Pseudonym(c.Owner)
	}
	if who != nil {
		who.Owner = p.Pseudonym(who.Owner)
		who.Links = slices.Clone(who.Links)
		for i := range who.Links {
			who.Links[i].By = p.linker(who.Links[i].By)
		}
	}
}

// ownerOf gives the owner of the next state of a conversation: a decision saw the present one by a pseudonym.
func (p *Pipeline) ownerOf(was flow.Conversation, owner string) string {
	if owner != "" && owner == p.Pseudonym(was.Owner) {
		return was.Owner
	}
	return owner
}

// linker gives by what a link was made: a rule or a CRM as it is, somebody of the staff by their pseudonym.
func (p *Pipeline) linker(by string) string {
	if by == "crm" || strings.HasPrefix(by, "identity") {
		return by
	}
	return p.Pseudonym(by)
}
