package privacy_test

import (
	"testing"

	"rapport/shared/pipeline"
	"rapport/shared/privacy"
)

// noNames lists what is about the staff and names nobody: times, roles, what was done.
var noNames = map[string]bool{"console.linkRow roles": true, "console.sessionRow roles": true, "console.sessionRow until": true, "console.sessionRow seen": true,
	"pipeline.AuditRow at": true, "pipeline.AuditRow did": true, "pipeline.ReviewRow decided": true, "pipeline.Relink at": true,
	"report.Agent contacts": true, "report.Agent answered": true, "report.Agent promised": true, "report.Agent kept": true, "report.Agent worked": true, "flow.Correction at": true}

// TestEveryNameEnds walks the fields about the staff: each that holds a name has something that replaces it, or a row that ends soon.
func TestEveryNameEnds(t *testing.T) {
	ends := map[string]bool{}
	for _, f := range pipeline.StaffFields() {
		ends[f.Type+" "+f.Field] = true
		typ, known := privacy.Find(f.Type)
		if field, ok := typ.Field(f.Field); !known || !ok || field.Category != privacy.Staff {
			t.Errorf("%s of %s is said to hold a name, and the data map knows nothing of that", f.Field, f.Type)
		}
		table := false
		for _, p := range privacy.Places() {
			table = table || p.Where == privacy.Store && p.Name == f.Table
		}
		if f.Path != "" && !table {
			t.Errorf("%s of %s is replaced in a table %q that does not exist", f.Field, f.Type, f.Table)
		}
	}
	for _, typ := range privacy.Types() {
		for _, f := range typ.Fields {
			name := typ.Name + " " + f.Name
			if f.Category == privacy.Staff && !noNames[name] && !ends[name] {
				t.Errorf("%s of %s holds a name of the staff, and nothing replaces it after 90 days: see pipeline/staff.go", f.Name, typ.Name)
			}
			delete(noNames, name)
		}
	}
	for name := range noNames {
		t.Errorf("there is no field %s", name)
	}
}
