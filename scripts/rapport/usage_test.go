package main

import (
	"strings"
	"testing"
)

func TestWrongCommandLines(t *testing.T) {
	p := newPlace(t)
	for _, c := range []struct{ args, want string }{
		{"conifg", `did you mean "config"?`},
		{"config foo", "rapport config has no command"},
		{"queue foo", "rapport queue has no command"},
		{"send x.json", `"hook" not set`},
		{"send --hook reviews", "rapport send wants FILE"},
		{"validate a b", "at most 1"},
		{"up x", "unknown command"},
		{"ledger --since x", "invalid duration"},
		{"ledger --only lost", "--only wants one of"},
		{"setup hubspot --apply --export x", "[apply export]"},
		{"backfill mastodon", `"from" not set`},
		{"backfill mastodon --from yesterday", "wants a day such as"},
		{"backfill mastodon --from 2026-11-03 --to 2026-11-01", "must lie before"},
		{"config get x", "a version is a number"},
		{"erase", "rapport erase wants WHO"},
		{"privacy hold somebody", `"why" not set`},
		{"privacy nonsense", "rapport privacy has no command"},
		{"config promote", `"to" not set`},
		{"doctor --nonsense", "unknown flag"},
	} {
		p.holds(p.run(exitUsage, strings.Fields(c.args)...), c.want)
	}
}

func TestNothingThere(t *testing.T) {
	p := newPlace(t)
	for _, c := range []struct{ args, want string }{
		{"ledger", "there is no data file rapport.db"},
		{"queue", "there is no data file rapport.db"},
		{"config get", "there is no data file rapport.db"},
		{"validate no.yaml", "no such file"},
		{"send no.json --hook reviews", "no such file"},
		{"doctor nobody", `there is no account "nobody"`},
		{"connect nobody", `there is no account "nobody"`},
		{"setup nobody", `there is no CRM account "nobody"`},
		{"setup feedback", "needs no setup"},
		{"backfill portal --from 2026-11-01", "cannot be read backwards"},
		{"queue redrive nobody", `no CRM account "nobody"`},
		{"erase somebody", `nobody is known as "somebody"`},
		{"replay nobody", `there is no network account "nobody"`},
		{"ledger mastodon:1", `no mention "mastodon:1" is known`},
		{"config get 7", "there is no configuration version 7"},
		{"up --listen 256.0.0.1:1", "cannot listen"},
	} {
		p.holds(p.run(exitFailed, strings.Fields(c.args)...), c.want)
	}
}

func TestHelpAndCompletion(t *testing.T) {
	p := newPlace(t)
	said := p.run(0)
	p.holds(said, "Run:", "Accounts:", "Watch:", "Configure:", "backfill")
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		p.says("rapport", "completion", shell)
	}
	p.run(exitFound, "doctor") // makes the data file
	p.says("mastodon\tmastodon\nfeedback\tsink\nhubspot\thubspot", "__complete", "doctor", "")
	p.says("reviews\thook", "__complete", "send", "--hook", "")
}

func TestValidate(t *testing.T) {
	p := newPlace(t)
	p.says("rapport.yaml is right: 2 brand(s), 2 network(s), 2 CRM(s)", "validate")
	p.change("bad.yaml", "header: X-Signature", "headr: X-Signature", "kind: sink", "kind: sinc", "mode: observe", "mode: obsrve")
	said := p.run(exitFound, "validate", "bad.yaml")
	p.holds(said, `bad.yaml:16:14: hooks[0].settings.headr: there is no such setting; did you mean "header"?`,
		`did you mean "sink"?`, `did you mean "observe"?`)
	p.change("bad.yaml", "Text: text", "Text: txet", "author.handle\n", "author.hanlde\n")
	p.holds(p.run(exitFound, "validate", "bad.yaml"), `did you mean "text"?`, "mapping[0].fields.Text")
	var mistakes []struct {
		File, Path, Say, Nearest string
		Line, Column             int
	}
	p.reads(exitFound, &mistakes, "validate", "bad.yaml")
	if len(mistakes) != 2 || mistakes[0].Line == 0 || mistakes[0].File != "bad.yaml" {
		t.Errorf("mistakes: %+v", mistakes)
	}
	p.write("bad.yaml", "a: [")
	p.holds(p.run(exitFound, "validate", "bad.yaml"), "bad.yaml:2:1: is no YAML")
}
