package decide

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"rapport/shared/flow"
)

func TestNoConversationForSmallTalk(t *testing.T) {
	d := decider(t, nil)
	for _, text := range []string{"Ihr seid großartig, vielen Dank!", "Guten Morgen in die Runde", "Buy followers now, DM us, link in bio"} {
		if got := d.Decide(inputs(text)); got.Conversation != nil {
			t.Errorf("%q opened one", text)
		}
	}
	in := inputs("Vielen Dank, ihr seid großartig!")
	in.Event.Mention.Private = true
	if c := d.Decide(in).Conversation; c == nil || c.Status != flow.Open || c.Case || !c.Due.IsZero() || c.Root != "" {
		t.Errorf("a private message: %+v", c)
	}
}

func TestAnsweredAndAgain(t *testing.T) {
	d := decider(t, nil)
	opened := d.Decide(inputs(complaint))

	out := said(opened, "mastodon:2", "Wir schauen nach!", time.Hour)
	out.Event.Mention.Author = flow.Author{ID: "mastodon:ours", Handle: "nordlicht"}
	answered := d.Decide(out)
	c := answered.Conversation
	if c.Status != flow.Answered || !c.AnsweredAt.Equal(out.Event.Mention.Created) || len(c.Turns) != 2 || c.Turns[1].Direction != flow.Out || c.Revision != 2 {
		t.Fatalf("%+v", c)
	}
	if len(answered.Intents) != 0 || answered.Action != "" || len(answered.Score.Parts) != 0 {
		t.Errorf("the brand's own words were judged: %+v", answered)
	}

	thanks := d.Decide(said(answered, "mastodon:3", "Super, vielen Dank!", 2*time.Hour)).Conversation
	if thanks.Status != flow.Answered || len(thanks.Turns) != 3 {
		t.Errorf("thanks: %+v", thanks)
	}
	again := d.Decide(said(answered, "mastodon:4", "Es ist immer noch kaputt, warum meldet sich niemand?", 3*time.Hour)).Conversation
	if again.Status != flow.Waiting || !again.AnsweredAt.IsZero() || !again.Due.After(c.Due) || again.ID != c.ID || !again.Case {
		t.Errorf("again: %+v", again)
	}
}

func TestALateAnswerDoesNotHideWhatCameAfterIt(t *testing.T) {
	d := decider(t, nil)
	first := d.Decide(inputs(complaint))
	second := d.Decide(said(first, "mastodon:3", "Niemand meldet sich!", 2*time.Hour))
	out := said(second, "mastodon:2", "Wir schauen nach!", time.Hour)
	out.Event.Mention.Direction = flow.Out
	c := d.Decide(out).Conversation
	if c.Status != flow.Waiting || c.Turns[1].Mention != "mastodon:2" {
		t.Errorf("%s %+v", c.Status, c.Turns)
	}
}

func TestClosedReopensOrFollows(t *testing.T) {
	d := decider(t, nil)
	opened := d.Decide(inputs(complaint))
	opened.Conversation.Status, opened.Conversation.ClosedAt = flow.Closed, now
	near := d.Decide(said(opened, "mastodon:5", complaint, 13*24*time.Hour)).Conversation
	if near.ID != opened.Conversation.ID || near.Status != flow.Waiting || !near.ClosedAt.IsZero() || near.Revision != 2 {
		t.Errorf("near: %+v", near)
	}
	far := d.Decide(said(opened, "mastodon:5", complaint, 15*24*time.Hour)).Conversation
	if far.ID != opened.Conversation.ID+".2" || far.Number != 2 || far.Previous != opened.Conversation.ID || len(far.Turns) != 1 || far.Revision != 1 {
		t.Errorf("far: %+v", far)
	}
	if thanks := d.Decide(said(opened, "mastodon:6", "Vielen Dank, großartig!", 20*24*time.Hour)).Conversation; thanks != nil {
		t.Errorf("thanks opened one: %+v", thanks)
	}
}

func TestEditAndDelete(t *testing.T) {
	d := decider(t, nil)
	opened := d.Decide(inputs(complaint))
	edit := said(opened, "mastodon:1", "Meine Rechnung war falsch, ist aber geklärt", time.Hour)
	edit.Event.Verb, edit.Event.Mention.Root = flow.Edit, ""
	edited := d.Decide(edit)
	c := edited.Conversation
	if len(c.Turns) != 2 || !c.Turns[0].Replaced || c.Turns[0].Text != "" || !c.Turns[1].Edited || c.Turns[1].Text != edit.Event.Mention.Text ||
		!c.Turns[1].At.Equal(edit.Event.At) || !strings.Contains(c.Subject, "geklärt") || c.Severity < opened.Severity {
		t.Errorf("%+v", c)
	}
	if opened.Conversation.Turns[0].Text == "" {
		t.Error("the conversation before was changed")
	}
	gone := Inputs{Now: now.Add(time.Hour), Conversation: c, Source: "live", Event: flow.Event{Verb: flow.Delete, At: now.Add(time.Hour), Mention: flow.Mention{ID: "mastodon:1", Network: "mastodon"}}}
	deleted := d.Decide(gone)
	x := deleted.Conversation
	if deleted.Outcome != Mention || !x.Turns[0].Deleted || !x.Turns[1].Deleted || x.Turns[0].Text+x.Turns[1].Text != "" || strings.Contains(x.Subject, "geklärt") || x.Status != flow.Closed || !x.Due.IsZero() {
		t.Errorf("%+v", x)
	}
	gone.Objected = true
	if blank := d.Decide(gone).Conversation; blank == nil || blank.Turns[0].Text != "" {
		t.Error("an objection kept a deleted text")
	}
	gone.Conversation = x
	if again := d.Decide(gone).Conversation; again != nil {
		t.Errorf("deleted twice: %+v", again)
	}
	if late := said(deleted, "mastodon:1", complaint, 2*time.Hour); d.Decide(late).Conversation != nil {
		t.Error("a late copy brought the deleted text back")
	}
}

func TestHistoryStartsNothing(t *testing.T) {
	d := decider(t, nil)
	in := inputs(complaint)
	in.Source = "history"
	in.Event.Mention.Author.ID = "mastodon:vip"
	got := d.Decide(in)
	if c := got.Conversation; c == nil || c.Case || !c.Due.IsZero() || got.Alert != "" || got.Urgent || !got.Due.IsZero() {
		t.Errorf("%+v %+v", got, c)
	}
}

func TestReplyWindowBoundsTheDueTime(t *testing.T) {
	d := decider(t, nil)
	in := inputs("Wie kann ich den Zählerstand melden?")
	in.Event.Mention.Private, in.Event.Mention.ReplyUntil = true, now.Add(90*time.Minute)
	if c := d.Decide(in).Conversation; !c.Due.Equal(now.Add(90 * time.Minute)) {
		t.Errorf("due %s", c.Due)
	}
}

func TestASecondComplaintDoesNotPutOffTheFirst(t *testing.T) {
	d := decider(t, nil)
	opened := d.Decide(inputs(complaint))
	second := d.Decide(said(opened, "mastodon:2", "Und immer noch keine Antwort!", 30*time.Minute))
	if !second.Conversation.Due.Equal(opened.Conversation.Due) || second.Urgent != (second.Priority == "high") {
		t.Errorf("due %s, before %s", second.Conversation.Due, opened.Conversation.Due)
	}
	danger := d.Decide(said(opened, "mastodon:3", "Jetzt riecht es hier nach Gas!", 10*time.Minute))
	if c := danger.Conversation; !c.Due.Before(opened.Conversation.Due) || c.Priority != "urgent" || c.Severity != 3 {
		t.Errorf("%+v", c)
	}
}

// Whatever the order in which mentions come in: the turns are in order of time, bounded, each once, and the revision grows.
func TestTurns(t *testing.T) {
	d := decider(t, nil)
	rapid.Check(t, func(t *rapid.T) {
		last := d.Decide(inputs(complaint))
		for range rapid.IntRange(1, 60).Draw(t, "n") {
			n := rapid.IntRange(2, 99).Draw(t, "which")
			in := said(last, "mastodon:"+string(rune('A'+n)), strings.Repeat("Problem! ", n*3), time.Duration(n)*time.Minute)
			if n%7 == 0 {
				in.Event.Mention.Direction = flow.Out
			}
			got := d.Decide(in)
			if got.Conversation == nil {
				continue
			}
			c := got.Conversation
			if c.Revision != last.Conversation.Revision+1 || len(c.Turns) > flow.MaxTurns {
				t.Fatalf("revision %d after %d, %d turns", c.Revision, last.Conversation.Revision, len(c.Turns))
			}
			if !slices.IsSortedFunc(c.Turns, func(a, b flow.Turn) int { return a.At.Compare(b.At) }) {
				t.Fatal("turns out of order")
			}
			for i, x := range c.Turns {
				if len([]rune(x.Text)) > 1000 || slices.ContainsFunc(c.Turns[i+1:], func(y flow.Turn) bool { return y.Mention == x.Mention && !y.Edited }) {
					t.Fatalf("turn %+v", x)
				}
			}
			last = got
		}
	})
}
