package decide

import (
	"testing"
	"time"

	"rapport/shared/flow"
)

// An attempt with older words wrote them over the newer ones, as if they were an edit, and gave way: the newer ones stand again.
func TestRestored(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	m := flow.Mention{ID: "net:1", Text: "It broke, and nobody answers"}
	c := flow.Conversation{ID: "c", Revision: 2, Subject: "Complaint: It broke", Turns: []flow.Turn{
		{Mention: "net:0", At: at, Text: "Hello"},
		{Mention: "net:1", At: at.Add(time.Minute), Replaced: true},
		{Mention: "net:1", At: at.Add(2 * time.Minute), Text: "It broke", Edited: true},
	}}
	got, changed := Restored(c, m, "It broke")
	if !changed || got.Revision != 3 || got.Subject != "Complaint: It broke, and nobody answers" || len(got.Turns) != 2 || got.Turns[1].Text != m.Text || got.Turns[1].Replaced {
		t.Errorf("%v, %+v", changed, got)
	}
	if len(c.Turns) != 3 || !c.Turns[1].Replaced {
		t.Errorf("the conversation that was given is changed: %+v", c)
	}
	if again, changed := Restored(got, m, "It broke"); changed {
		t.Errorf("restored twice: %+v", again)
	}
	if other, changed := Restored(c, m, "Something else"); changed {
		t.Errorf("words of nobody's attempt are restored: %+v", other)
	}
}
