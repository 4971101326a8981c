package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rapport/shared/ledger"
)

// ledgerFile writes an exported ledger of one sealed line, and gives the hash of its seal.
func ledgerFile(t *testing.T, file string, edit func(text string) string) string {
	t.Helper()
	hour := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	at := ledger.Place{Part: ledger.Part("forum", hour, 1), Sort: "r1/000"}
	facts := ledger.FactsOf(at, ledger.Line{Account: "forum", At: hour.Add(time.Minute), Event: "forum:1|new", Mention: "forum:1", Outcome: ledger.Filtered, Reason: "ignored"})
	entry := ledger.Entry{Part: at.Part, Sort: at.Sort, Leaf: ledger.Leaf("salt", facts), Column: facts.Column()}
	part := ledger.Sealed{Part: at.Part, Chunks: 1}
	part.Count.AddColumn(entry.Column)
	var tree ledger.Tree
	tree.Add(entry)
	part.Root = tree.Root()
	seal := ledger.Seal{Number: 1, Hour: hour, Parts: []ledger.Sealed{part}, At: hour.Add(75 * time.Minute)}
	seal.Close()
	var text strings.Builder
	out := json.NewEncoder(&text)
	for _, r := range []ledger.Record{{File: &ledger.File{Format: ledger.Format, From: hour, To: hour.Add(time.Hour), Number: 1, Head: seal.Hash()}},
		{Seal: &seal}, {Entry: &entry}, {Line: &ledger.Exported{Salt: "salt", Facts: facts}}, {End: &ledger.End{Seals: 1, Entries: 1, Lines: 1}}} {
		if err := out.Encode(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(file, []byte(edit(text.String())), 0o600); err != nil {
		t.Fatal(err)
	}
	return seal.Hash()
}

// TestLedgerVerify: a file is checked where there is neither data file nor configuration; what differs is named and the
// exit code says so.
func TestLedgerVerify(t *testing.T) {
	p := newPlace(t)
	file := filepath.Join(p.dir, "ledger.jsonl")
	head := ledgerFile(t, file, func(s string) string { return s })
	p.holds(p.run(0, "ledger", "verify", file, "--head", head, "--data", "nowhere.db"), "1 seals, 1 entries (0 amendments), 1 lines", "received 1 =", "filtered 1", head, "0 differences")
	p.holds(p.run(exitFound, "ledger", "verify", file, "--head", "another"), "no seal of it has the hash another")
	ledgerFile(t, file, func(s string) string { return strings.Replace(s, `"reason":"ignored"`, `"reason":"never"`, 1) })
	p.holds(p.run(exitFound, "ledger", "verify", file), "altered", "forum#2026110209#1/r1/000", "is not what seal 1 knows it by")
	p.holds(p.run(exitFailed, "ledger", "verify", "absent.jsonl"), "the exported ledger")
	p.holds(p.run(exitUsage, "ledger", "export"), `"from" not set`)
}
