package salesforce

import (
	"context"
	"slices"
	"strings"

	"rapport/shared/fault"
)

// assignmentRules is what a mapping puts into OwnerId to let the org's assignment rules route a new record.
const assignmentRules = "rules"

// owners finds out which records exist, where new ones are given something that old ones must keep: an owner, and the
// record type of persons. An owner is set at creation only.
func (j *job) owners(ctx context.Context) error {
	queue := ""
	if j.object == "Case" || j.object == "Lead" {
		queue = j.c.a.Text("queue")
	}
	person := j.object == "Account" && j.c.a.Bool("person_accounts")
	var keys []string
	for _, w := range j.open(false) {
		if queue != "" && w.fields["OwnerId"] == nil {
			w.fields["OwnerId"] = queue
		}
		if w.fields["OwnerId"] != nil || person {
			keys = append(keys, w.key)
		}
	}
	if len(keys) > 0 {
		there, err := j.c.find(ctx, j.object, nil, keys, nil)
		if err != nil {
			return err
		}
		for _, w := range j.open(false) {
			if at := slices.IndexFunc(there, func(r record) bool { return !r.flag("IsDeleted") && r.text(j.c.key()) == w.key }); at >= 0 {
				w.id = there[at].text("Id")
			}
		}
	}
	for _, w := range j.open(true) {
		delete(w.fields, "OwnerId")
	}
	fresh := j.open(false)
	if err := j.resolve(ctx, fresh); err != nil {
		return err
	}
	if person && len(fresh) > 0 {
		return j.persons(ctx, fresh)
	}
	return nil
}

// resolve turns names of queues and e-mails of users into ids. Who is not found is nobody: the fallback queue owns then.
func (j *job) resolve(ctx context.Context, list []*write) error {
	queue := j.c.a.Text("queue")
	known, names := map[string]string{}, []string{}
	for _, w := range list {
		owner, _ := w.fields["OwnerId"].(string)
		if w.rules = owner == assignmentRules; w.rules {
			delete(w.fields, "OwnerId")
			continue
		}
		for _, name := range []string{owner, queue} {
			if owner != "" && name != "" && !isID(name) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	var err error
	if len(names) > 0 {
		if known, err = j.c.people(ctx, names); err != nil {
			return err
		}
	}
	idOf := func(name string) string {
		if isID(name) {
			return name
		}
		return known[strings.ToLower(name)]
	}
	j.queue = idOf(queue)
	for _, w := range list {
		owner, _ := w.fields["OwnerId"].(string)
		for _, id := range []string{idOf(owner), j.queue} {
			if delete(w.fields, "OwnerId"); owner != "" && id != "" {
				w.fields["OwnerId"] = id
				break
			}
		}
	}
	return nil
}

// people finds active users by e-mail or user name, and queues by developer name.
func (c client) people(ctx context.Context, names []string) (map[string]string, error) {
	ids := map[string]string{}
	var users, queues []string
	for _, n := range names {
		if strings.Contains(n, "@") {
			users = append(users, n)
		} else {
			queues = append(queues, n)
		}
	}
	for list := range quoted(queues) {
		found, err := c.query(ctx, "SELECT Id, DeveloperName FROM Group WHERE Type = 'Queue' AND DeveloperName IN ("+list+")", false)
		if err != nil {
			return nil, err
		}
		for _, r := range found {
			ids[strings.ToLower(r.text("DeveloperName"))] = r.text("Id")
		}
	}
	for list := range quoted(users) {
		found, err := c.query(ctx, "SELECT Id, Email, Username FROM User WHERE IsActive = true AND (Email IN ("+list+") OR Username IN ("+list+"))", false)
		if err != nil {
			return nil, err
		}
		for _, r := range found {
			ids[strings.ToLower(r.text("Email"))] = r.text("Id")
			ids[strings.ToLower(r.text("Username"))] = r.text("Id")
		}
	}
	return ids, nil
}

// persons gives new accounts the record type by which they are persons.
func (j *job) persons(ctx context.Context, list []*write) error {
	kind := j.c.a.Text("person_record_type")
	if kind == "" {
		found, err := j.c.query(ctx, "SELECT Id FROM RecordType WHERE SobjectType = 'Account' AND IsPersonType = true AND IsActive = true ORDER BY Id LIMIT 1", false)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			for _, w := range list {
				w.settle(fault.New(fault.Invalid, "the org has no active record type for person accounts: switch person accounts on, or set person_accounts to false"))
			}
			return nil
		}
		kind = found[0].text("Id")
	}
	for _, w := range list {
		w.fields["RecordTypeId"] = kind
	}
	return nil
}

// reopen puts the status in which it is our move where the mapping says "waiting": the first that is configured, else the
// one in which cases begin. Where the org tells of none the status stays as it is.
func (c client) reopen(ctx context.Context, fields map[string]any) error {
	if list := c.a.Texts("waiting_statuses"); len(list) > 0 {
		fields["Status"] = list[0]
		return nil
	}
	found, err := c.query(ctx, "SELECT ApiName, IsDefault FROM CaseStatus WHERE IsClosed = false ORDER BY SortOrder", false)
	if err != nil {
		return err
	}
	delete(fields, "Status")
	for _, r := range found {
		if fields["Status"] == nil || r.flag("IsDefault") {
			fields["Status"] = r.text("ApiName")
		}
	}
	return nil
}
