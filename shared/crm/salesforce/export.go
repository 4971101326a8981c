package salesforce

import "rapport/shared/crm"

// Export gives a source project.
func (f *Salesforce) Export(a crm.Account, need []crm.Object) (map[string][]byte, error) {
	return map[string][]byte{"sfdx-project.json": []byte("{}")}, nil
}
