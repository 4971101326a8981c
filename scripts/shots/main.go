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
		{"overview", "/", 1360, 900, false}, {"overview-dark", "/", 1360, 900, true}, {"overview-phone", "/?lang=de", 390, 844, false},
		{"mentions", "/mentions?lang=en", 1360, 900, false}, {"story", story, 1360, 900, false}, {"conversations", "/conversations", 1360, 900, false}, {"conversation", talk, 1360, 900, false},
		{"people", "/people", 1360, 900, false}, {"person", person, 1360, 900, false}, {"mapping", "/mapping/hubspot/1", 1360, 900, false}, {"mapping-dark", "/mapping/hubspot/1", 1360, 900, true},
		{"mappings", "/mapping", 1360, 900, false}, {"rules", "/rules", 1360, 900, false}, {"failures", "/failures", 1360, 900, false}, {"review", "/review", 1360, 900, false}, {"answers", "/answers", 1360, 900, false},
		{"accounts", "/accounts", 1360, 900, false}, {"account", "/accounts/hubspot", 1360, 900, false}, {"connect", "/accounts/new?kind=mastodon", 1360, 900, false}, {"configuration", "/configuration", 1360, 900, false},
		{"draft", "/draft", 1360, 900, false}, {"reports", "/reports", 1360, 900, false}, {"privacy", "/privacy", 1360, 900, false}, {"access", "/access", 1360, 900, false}, {"found", "/find?q=eilbote", 1360, 900, false},
		{"jobs", "/jobs", 1360, 900, false}, {"costs", "/costs", 1360, 900, false}, {"ledger", "/ledger", 1360, 900, false}, {"audit", "/audit", 1360, 900, false}, {"hooks", "/hooks", 1360, 900, false},
		{"promote", "/configuration/promote", 1360, 900, false}, {"story-phone", story, 390, 844, true}, {"rules-phone", "/rules", 390, 844, false}, {"mapping-phone", "/mapping/hubspot/1", 390, 844, false},
	}
	for _, s := range shots {
		if !strings.Contains(s.name, only) {
			continue
		}
		if err := b.Dark(s.dark); err != nil {
			return err
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
