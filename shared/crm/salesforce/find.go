package salesforce

import (
	"context"
	"iter"
	"net/http"
	"slices"
	"strings"

	"rapport/shared/crm"
	"rapport/shared/fault"
	"rapport/shared/phone"
)

// Find looks e-mails and phones up by query, in the ways people write numbers; what it brings is compared with the whole
// number. Of leads that were converted the contact is what matters, so they are left out.
func (f *Salesforce) Find(ctx context.Context, a crm.Account, object string, emails, phones []string) ([]crm.Found, error) {
	if len(emails)+len(phones) == 0 {
		return nil, nil
	}
	c, err := f.open(ctx, a)
	if err != nil {
		return nil, err
	}
	d, err := c.describe(ctx, object)
	if err != nil {
		return nil, err
	}
	var mail string
	var lines, cols []string
	for _, name := range []string{"Email", "PersonEmail", "Phone", "MobilePhone", "PersonMobilePhone", "FirstName", "LastName", "OwnerId", c.key()} {
		if d.field(name) == nil {
			continue
		}
		cols = append(cols, name)
		switch {
		case strings.HasSuffix(name, "Email"):
			mail = name
		case strings.HasSuffix(name, "Phone"):
			lines = append(lines, name)
		}
	}
	var found []crm.Found
	look := func(column, by string, values []string, fits func(record) bool) error {
		for list := range quoted(values) {
			where := column + " IN (" + list + ")"
			if object == "Lead" {
				where += " AND IsConverted = false"
			}
			rows, err := c.query(ctx, "SELECT Id, SystemModstamp, "+strings.Join(cols, ", ")+" FROM "+vendor(object)+" WHERE "+where+" ORDER BY Id LIMIT 200", false)
			if err != nil {
				return err
			}
			for _, r := range rows {
				if fits(r) && !slices.ContainsFunc(found, func(f crm.Found) bool { return f.ID == r.text("Id") }) {
					row := c.row(r, cols)
					found = append(found, crm.Found{Object: object, ID: row.ID, Key: row.Key, By: by, Fields: row.Fields})
				}
			}
		}
		return nil
	}
	if mail != "" {
		if err := look(mail, "email", trimmed(emails), func(record) bool { return true }); err != nil {
			return nil, err
		}
	}
	for _, column := range lines {
		if err := look(column, "phone", written(phones), func(r record) bool { return slices.Contains(phones, e164(r.text(column))) }); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func trimmed(list []string) []string {
	out := make([]string, 0, len(list))
	for _, s := range list {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// written gives numbers in the forms in which they stand in records: with nothing between, and as each country writes
// them for others.
func written(phones []string) []string {
	var out []string
	for _, p := range phones {
		n, ok := phone.Parse(p, phone.World)
		if !ok {
			continue
		}
		out = append(out, p, "00"+strings.TrimPrefix(p, "+"), n.International())
	}
	return out
}

func e164(text string) string {
	if rest, ok := strings.CutPrefix(text, "00"); ok {
		text = "+" + rest
	}
	n, ok := phone.Parse(text, phone.World)
	if !ok {
		return ""
	}
	return n.E164()
}

// listPage is how many rows List reads at once.
const listPage = 2000

// List walks in the order of record ids; the id of the last row is the cursor. An error ends the walk.
func (f *Salesforce) List(ctx context.Context, a crm.Account, object string, fields []string, cursor string) iter.Seq2[crm.Row, error] {
	return func(yield func(crm.Row, error) bool) {
		c, err := f.open(ctx, a)
		if err != nil {
			yield(crm.Row{}, err)
			return
		}
		cols := []string{"Id", "SystemModstamp", "LastModifiedById", c.key()}
		for _, name := range fields {
			if name = vendor(name); !slices.Contains(cols, name) {
				cols = append(cols, name)
			}
		}
		if slices.ContainsFunc(append(cols, object), func(s string) bool { return strings.Trim(s, letters+".") != "" }) {
			yield(crm.Row{}, fault.New(fault.Invalid, "a field or object has no name"))
			return
		}
		for {
			where := ""
			if cursor != "" {
				where = " WHERE Id > " + quote(cursor)
			}
			rows, err := c.query(ctx, "SELECT "+strings.Join(cols, ", ")+" FROM "+vendor(object)+where+" ORDER BY Id LIMIT 2000", false)
			if err != nil {
				yield(crm.Row{}, err)
				return
			}
			for _, r := range rows {
				if cursor = r.text("Id"); !yield(c.row(r, fields), nil) {
					return
				}
			}
			if len(rows) < listPage {
				return
			}
		}
	}
}

// Count asks for the number alone.
func (f *Salesforce) Count(ctx context.Context, a crm.Account, object string) (int, error) {
	c, err := f.open(ctx, a)
	if err != nil {
		return 0, err
	}
	return c.count(ctx, object, "")
}

func (c client) count(ctx context.Context, object, where string) (int, error) {
	if strings.Trim(object, letters) != "" {
		return 0, fault.New(fault.Invalid, "%q is no name of an object", object)
	}
	var out struct {
		Total *int `json:"totalSize"`
	}
	err := c.call(ctx, http.MethodGet, c.at("query")+"?q="+escape("SELECT COUNT() FROM "+vendor(object)+where), nil, nil, &out, 1)
	if err == nil && out.Total == nil {
		err = fault.New(fault.Ambiguous, "Salesforce answered a count without a number")
	}
	if err != nil {
		return 0, err
	}
	return *out.Total, nil
}
