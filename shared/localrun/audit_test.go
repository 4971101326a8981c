package localrun

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"rapport/shared/telemetry"
)

// Every command of the local API that is not known to change nothing stands in the audit trail, also where it is refused.
func TestEveryCommandIsAudited(t *testing.T) {
	h, err := Open(t.Context(), Options{Data: t.TempDir() + "/rapport.db", By: "tester", Log: telemetry.New(t.Output(), 0)})
	if err != nil {
		t.Fatal(err)
	}
	reads := []string{"account/address", "account/doctor", "account/estimate", "config/forecast", "job/patched", "job/show", "queue/depth"}
	for name, do := range h.commands() {
		before, err := h.Trail(t.Context(), time.Now().Add(-time.Hour), 1000)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = do(context.Background(), json.RawMessage(`{"name":"x"}`)) // what becomes of it stands in the trail
		after, err := h.Trail(t.Context(), time.Now().Add(-time.Hour), 1000)
		if err != nil {
			t.Fatal(err)
		}
		if told := len(after) > len(before); told == slices.Contains(reads, name) {
			t.Errorf("%s: it stands in the audit trail: %t", name, told)
		} else if told && (after[0].By != "tester" || after[0].Did == "") {
			t.Errorf("%s: %+v", name, after[0])
		}
	}
	if err := h.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}
