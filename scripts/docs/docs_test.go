package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"rapport/shared/config"
)

func TestPagesAreUpToDate(t *testing.T) {
	t.Chdir(filepath.Join("..", ".."))
	for _, p := range pages() {
		want, err := p.make()
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(p.path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is out of date: go run ./scripts/docs", p.path)
		}
	}
}

// TestSchemaAndLoaderKnowTheSameKeys gives each key of the schema to the loader, and looks for keys of the loader in the schema.
func TestSchemaAndLoaderKnowTheSameKeys(t *testing.T) {
	t.Chdir(filepath.Join("..", ".."))
	text, err := schema("./shared/config")
	if err != nil {
		t.Fatal(err)
	}
	var root tree
	if err := json.Unmarshal(text, &root); err != nil {
		t.Fatal(err)
	}
	types := root["$defs"].(tree)
	for name, form := range map[string]string{
		"Document": "%s: x", "Brand": "brands: [{%s: x}]", "Calendar": "brands: [{calendar: {%s: x}}]", "Template": "brands: [{templates: [{%s: x}]}]",
		"Hook": "hooks: [{%s: x}]", "Network": "networks: [{%s: x}]", "CRM": "crms: [{%s: x}]", "Object": "mapping: [{%s: x}]", "Link": "mapping: [{links: [{%s: x}]}]",
		"FullField": "mapping: [{fields: {f: {%s: x}}}]", "Rule": "filters: [{%s: x}]", "Route": "routing: [{%s: x}]", "Action": "actions: [{%s: x}]", "Score": "score: {%s: x}",
		"Overlay": "environments: {e: {%s: x}}", "AccountPart": "environments: {e: {accounts: {a: {%s: x}}}}", "HookPart": "environments: {e: {hooks: {a: {%s: x}}}}",
	} {
		props := types[name].(tree)["properties"].(tree)
		for key, p := range props {
			_, err := config.Load(fmt.Appendf(nil, form, key), config.Options{})
			if err != nil && (strings.Contains(err.Error(), "there is no such setting") || strings.Contains(err.Error(), "belongs to") || strings.Contains(err.Error(), "cannot differ")) {
				t.Errorf("the loader does not know %s.%s: %v", name, key, err)
			}
			if p.(tree)["description"] == nil && p.(tree)["$ref"] == nil {
				t.Errorf("%s.%s has no description", name, key)
			}
		}
	}
	for section, name := range map[string]string{"networks": "Network", "crms": "CRM"} {
		for _, key := range config.Keys(section) {
			if types[name].(tree)["properties"].(tree)[key] == nil {
				t.Errorf("the schema does not know %s.%s", section, key)
			}
		}
	}
}
