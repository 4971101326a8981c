package main

import (
	"regexp"
	"strings"
	"testing"
)

// TestReplayIsApplied looks at what another mapping would write, says yes, and looks again.
func TestReplayIsApplied(t *testing.T) {
	p := newPlace(t)
	p.change("rapport.yaml", "      find: {path: /find, ids: body}\n", `      find: {path: /find, ids: body}
      update: {path: "/records/{record.id}", results: "[body]", result: {ok: "item.id != nil", id: item.id}}
      read: {path: /read, rows: body.rows, row: {id: item.id, key: item.key, fields: item.fields}}
`)
	h := p.up()
	p.write("one.json", review("r1", "Die Bremse quietscht, niemand antwortet.", 2))
	p.write("two.json", review("r2", "Alles gut, danke.", 5))
	p.says("200", "send", "one.json", "--hook", "reviews", "--to", h.url)
	p.says("200", "send", "two.json", "--hook", "reviews", "--to", h.url)
	p.until("all is settled", func() bool {
		s := p.tally()
		return s.Total["received"] == 2 && s.Waiting == 0 && s.Total["open"] == 0
	})
	p.change("loud.yaml", "Text: text", "Text: upper(text)")
	shown := p.run(0, "replay", "--config", "loud.yaml")
	found := regexp.MustCompile(`hash of these changes: ([0-9a-f]{16})`).FindStringSubmatch(shown)
	if found == nil || !strings.Contains(shown, "DIE BREMSE") {
		t.Fatalf("the dry run says %s", shown)
	}
	p.holds(p.run(exitFailed, "replay", "--config", "loud.yaml", "--apply", "0123456789abcdef"), "look at the dry run again")
	p.holds(p.feed("n\n", 0, "replay", "--config", "loud.yaml", "--apply"), "Go on?", "nothing was done")
	if row := p.sink.Row("reviews:r1"); row["Text"] != "Die Bremse quietscht, niemand antwortet." {
		t.Errorf("before the yes the endpoint holds %v", row["Text"])
	}
	done := p.run(0, "replay", "--config", "loud.yaml", "--apply", found[1])
	p.holds(done, "2 records written", "0 under way")
	if row := p.sink.Row("reviews:r1"); row["Text"] != "DIE BREMSE QUIETSCHT, NIEMAND ANTWORTET." {
		t.Errorf("the endpoint holds %v", row["Text"])
	}
	p.holds(p.run(0, "replay"), "0 created, 0 updated")
	p.holds(p.run(0, "config", "history"), "version 2", "replayed "+found[1])
	job := regexp.MustCompile(`job (\w+) is done`).FindStringSubmatch(done)
	if job == nil {
		t.Fatalf("no job is named: %s", done)
	}
	p.holds(p.run(0, "replay", "status", job[1]), "2 records written")
	p.says("2 equal", "verify", "receipts")

	p.holds(p.feed("n\n", 0, "undo", "--event", "reviews:r1"), "1 events to be undone", "1 blanked", "nothing was done")
	p.holds(p.run(0, "undo", "--event", "reviews:r1", "--yes"), "1 records written")
	if row := p.sink.Row("reviews:r1"); row["Text"] != nil && row["Text"] != "" {
		t.Errorf("after the undo the endpoint holds %v", row["Text"])
	}
	p.holds(p.run(0, "replay"), "1 created")
	p.holds(p.run(exitUsage, "undo"), "--event MENTION or --day DAY")
	h.stop()
}
