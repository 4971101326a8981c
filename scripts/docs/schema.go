package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/invopop/jsonschema"

	"rapport/shared/config"
)

// tree is a JSON object.
type tree = map[string]any

// schema makes the JSON Schema of rapport.yaml for editors, out of the types and comments of the configuration in dir.
func schema(dir string) ([]byte, error) {
	r := &jsonschema.Reflector{FieldNameTag: "yaml", Anonymous: true}
	if err := r.AddGoComments("rapport", dir); err != nil {
		return nil, err
	}
	text, err := json.Marshal(r.Reflect(&config.Document{}))
	if err != nil {
		return nil, err
	}
	var root tree
	if err := json.Unmarshal(text, &root); err != nil {
		return nil, err
	}
	types, ok := root["$defs"].(tree)
	if !ok || types["Document"] == nil {
		return nil, fmt.Errorf("the types of the configuration were not found")
	}
	sections(types)
	required(types)
	choices(types)
	forms(types)
	root["title"] = "rapport.yaml"
	root["description"] = "The configuration of Rapport"
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err = enc.Encode(root)
	return out.Bytes(), err
}

// sections splits the account, which has other settings under networks than under crms.
func sections(types tree) {
	whole := types["Account"].(tree)
	for name, section := range map[string]string{"Network": "networks", "CRM": "crms"} {
		props := tree{}
		for key, v := range whole["properties"].(tree) {
			if slices.Contains(config.Keys(section), key) {
				props[key] = v
			}
		}
		types[name] = tree{"type": "object", "additionalProperties": false, "properties": props, "description": "A configured account under " + section + "."}
		property(types, "Document", section)["items"] = tree{"$ref": "#/$defs/" + name}
	}
	for name, piece := range map[string]string{"Account": "AccountPart", "Hook": "HookPart"} {
		props := tree{}
		for key, v := range types[name].(tree)["properties"].(tree) {
			if key != "name" && key != "kind" {
				props[key] = v
			}
		}
		types[piece] = tree{"type": "object", "additionalProperties": false, "properties": props, "description": "What is different in one environment."}
	}
	delete(types, "Account")
	property(types, "Overlay", "accounts")["additionalProperties"] = tree{"$ref": "#/$defs/AccountPart"}
	property(types, "Overlay", "hooks")["additionalProperties"] = tree{"$ref": "#/$defs/HookPart"}
}

// required says what cannot be left out.
func required(types tree) {
	must := map[string][]string{
		"Document": {"brands"}, "Brand": {"name"}, "Template": {"action", "lang", "text"}, "Hook": {"name", "kind"},
		"Network": {"name", "kind"}, "CRM": {"name", "kind"}, "Object": {"crm", "object", "for", "fields"}, "Field": {"value"}, "Link": {"to"},
		"Escalation": {"name"}, "Topic": {"name"}, "Alert": {"name", "url"}, "Rule": {"name", "when"}, "Route": {"name", "when", "department"}, "Action": {"name", "when", "do"},
	}
	for name, v := range types {
		delete(v.(tree), "required")
		if keys := must[name]; keys != nil {
			v.(tree)["required"] = keys
		}
	}
}

// choices lists what may be chosen.
func choices(types tree) {
	for path, at := range map[string][2]string{
		"networks.replies": {"Network", "replies"}, "crms.mode": {"CRM", "mode"}, "crms.person": {"CRM", "person"},
		"mapping.for": {"Object", "for"}, "mapping.links.to": {"Link", "to"}, "mapping.fields.wins": {"Field", "wins"}, "routing.priority": {"Route", "priority"},
		"brands.pulse.sensitivity": {"Pulse", "sensitivity"}, "brands.topics.kind": {"Topic", "kind"},
		"brands.escalate.priority": {"Escalation", "priority"},
		"brands.profile":           {"Brand", "profile"},
	} {
		p := property(types, at[0], at[1])
		p["enum"] = config.Choices(path)
		delete(p, "type")
	}
	property(types, "Alert", "on")["items"] = tree{"enum": config.Choices("alerts.on")}
	property(types, "CRM", "modes")["additionalProperties"] = tree{"enum": config.Choices("crms.modes")}
	for path, at := range map[string][2]string{"brands.sla": {"Brand", "sla"}, "brands.calendar.hours": {"Calendar", "hours"}, "brands.numbers": {"Brand", "numbers"}, "score.max": {"Score", "max"}} {
		property(types, at[0], at[1])["propertyNames"] = tree{"enum": config.Choices(path)}
	}
	property(types, "Score", "max")["required"] = config.Choices("score.max")
	basis, retain := types["Basis"].(tree), types["Retain"].(tree)
	basis["propertyNames"], basis["additionalProperties"] = tree{"enum": config.Choices("basis")}, tree{"enum": config.Choices("basis.*")}
	retain["propertyNames"] = tree{"enum": config.Choices("retain")}
}

// forms says how texts look that are more than texts.
func forms(types tree) {
	for _, name := range []string{"Hook", "Network", "CRM", "AccountPart", "HookPart"} {
		property(types, name, "secrets")["additionalProperties"] = tree{"type": "string", "pattern": "^(env|aws):", "description": "where the secret is kept: env:NAME or aws:NAME"}
	}
	for _, name := range []string{"Network", "CRM", "AccountPart"} {
		property(types, name, "id")["type"] = []string{"string", "integer"}
	}
	property(types, "Document", "version")["const"] = 1
	property(types, "Object", "fields")["minProperties"] = 1
	full := types["Field"].(tree)
	types["FullField"] = full
	types["Field"] = tree{"description": "The expression that fills the field, bare or with more said about it.",
		"anyOf": []any{tree{"type": []string{"string", "number", "boolean"}}, tree{"$ref": "#/$defs/FullField"}}}
}

// property gives a property of a type. It panics where the types have changed under the generator.
func property(types tree, of, name string) tree {
	p, ok := types[of].(tree)["properties"].(tree)[name].(tree)
	if !ok {
		panic(fmt.Sprintf("the type %s has no property %s", of, name))
	}
	return p
}
