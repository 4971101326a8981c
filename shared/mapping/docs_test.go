package mapping

import (
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"testing"

	"rapport/shared/flow"
)

// TestExamplesOfTheManual runs each mapping of docs/mapping.md on the sample and compares what it makes with what follows it.
func TestExamplesOfTheManual(t *testing.T) {
	page, err := os.ReadFile("../../docs/mapping.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```(\\w+)\n(.*?)```").FindAllStringSubmatch(string(page), -1)
	if len(blocks) < 10 || len(blocks)%2 != 0 {
		t.Fatalf("%d blocks", len(blocks))
	}
	for i := 0; i < len(blocks); i += 2 {
		text, want := blocks[i][2], blocks[i+1][2]
		if blocks[i][1] != "yaml" || blocks[i+1][1] != "json" {
			t.Fatalf("example %d is not a mapping and what it makes", i/2+1)
		}
		m := compile(t, "test", text, nil, hubspot)
		made := map[string]any{}
		for _, kind := range flow.Kinds {
			for _, target := range m.For("sales", kind, "nordlicht") {
				r, err := target.Render(sample())
				if err != nil || len(r.Problems) > 0 {
					t.Errorf("%v, %v in\n%s", err, r.Problems, text)
				}
				if r.OK {
					made[target.Object()] = r.Record.Fields
				}
			}
		}
		raw, err := json.Marshal(made)
		if err != nil {
			t.Fatal(err)
		}
		var got, expect any
		if err := json.Unmarshal([]byte(want), &expect); err != nil {
			t.Fatalf("%v in\n%s", err, want)
		}
		if err := json.Unmarshal(raw, &got); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, expect) {
			t.Errorf("made %s of\n%s", raw, text)
		}
	}
}
