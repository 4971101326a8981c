// Command shots takes pictures of the console's pages. Start the demo with KEEP=1 and hand over the link that it prints:
//
//	go run ./scripts/shots -link http://127.0.0.1:…/enter?key=… -out docs/console
package main

import (
	"context"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"rapport/shared/browser"
)

// shot is one picture.
type shot struct {
	name, path    string
	width, height int
	dark          bool
	paper         bool
}

func main() {
	link := flag.String("link", "", "a link that opens the console")
	out := flag.String("out", "out/console", "folder for the pictures")
	only := flag.String("only", "", "part of the names of the pictures to take")
	flag.Parse()
	if err := run(context.Background(), *link, *out, *only); err != nil {
		fmt.Fprintln(os.Stderr, "shots:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, link, out, only string) error {
	u, err := url.Parse(link)
	if err != nil || u.Host == "" {
		return fmt.Errorf("-link wants the link that the demo prints")
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	b, err := browser.Open(ctx, 1360, 900)
	if err != nil {
		return err
	}
	defer b.Close()
	if err := b.Go(link); err != nil {
		return err
	}
	if err := b.Press("button.first"); err != nil {
		return err
	}
	base := u.Scheme + "://" + u.Host
	var story, talk, person string
	for _, first := range []struct {
		page, selector string
		into           *string
	}{{"/mentions?column=written", `tr:has(td .tag.bad) td.text a[href^="/mentions/"]`, &story}, {"/conversations", `td.text a[href^="/conversations/"]`, &talk}, {"/people", `td a[href^="/people/"]`, &person}} {
		if err := b.Go(base + first.page); err != nil {
			return err
		}
		if err := b.Eval(`(document.querySelector('`+first.selector+`')?.getAttribute('href')) || '/'`, first.into); err != nil {
			return err
		}
	}
	shots := []shot{
		{"overview", "/", 1360, 900, false, false}, {"overview-dark", "/", 1360, 900, true, false}, {"overview-phone", "/?lang=de", 390, 844, false, false},
		{"mentions", "/mentions?lang=en", 1360, 900, false, false}, {"story", story, 1360, 900, false, false}, {"conversations", "/conversations", 1360, 900, false, false}, {"conversation", talk, 1360, 900, false, false},
		{"people", "/people", 1360, 900, false, false}, {"person", person, 1360, 900, false, false}, {"mapping", "/mapping/hubspot/1", 1360, 900, false, false}, {"mapping-dark", "/mapping/hubspot/1", 1360, 900, true, false},
		{"mappings", "/mapping", 1360, 900, false, false}, {"rules", "/rules", 1360, 900, false, false}, {"failures", "/failures", 1360, 900, false, false}, {"review", "/review", 1360, 900, false, false}, {"answers", "/answers", 1360, 900, false, false},
		{"accounts", "/accounts", 1360, 900, false, false}, {"account", "/accounts/hubspot", 1360, 900, false, false}, {"connect", "/accounts/new?kind=mastodon", 1360, 900, false, false}, {"configuration", "/configuration", 1360, 900, false, false},
		{"draft", "/draft", 1360, 900, false, false}, {"reports", "/reports", 1360, 900, false, false}, {"privacy", "/privacy", 1360, 900, false, false}, {"access", "/access", 1360, 900, false, false}, {"found", "/find?q=bremse", 1360, 900, false, false},
		{"jobs", "/jobs", 1360, 900, false, false}, {"costs", "/costs", 1360, 900, false, false}, {"ledger", "/ledger", 1360, 900, false, false}, {"audit", "/audit", 1360, 900, false, false}, {"hooks", "/hooks", 1360, 900, false, false},
		{"promote", "/configuration/promote", 1360, 900, false, false}, {"story-phone", story, 390, 844, true, false}, {"rules-phone", "/rules", 390, 844, false, false}, {"mapping-phone", "/mapping/hubspot/1", 390, 844, false, false},
		{"reports-phone", "/reports?lang=de", 390, 1200, false, false}, {"reports-dark", "/reports?lang=en", 1280, 1200, true, false}, {"reports-paper", "/reports", 1033, 1460, false, true},
		{"topics", "/rules/topics", 1360, 900, false, false}, {"templates", "/rules/templates", 1360, 900, false, false}, {"pulse", "/pulse", 1360, 900, false, false},
	}
	for _, s := range shots {
		if !strings.Contains(s.name, only) {
			continue
		}
		if err := b.Dark(s.dark); err != nil {
			return err
		}
		if s.paper {
			if err := b.Paper(); err != nil {
				return err
			}
		}
		if err := b.Size(s.width, s.height); err != nil {
			return err
		}
		if err := b.Go(base + s.path); err != nil {
			return err
		}
		fmt.Printf("%-16s %4d KB %v\n", s.name, b.Loaded()/1024, b.Wrong())
		if err := b.Shot(filepath.Join(out, s.name+".png")); err != nil {
			return err
		}
	}
	return nil
}
