// Command docs writes what is generated under docs. Run it at the top of the repository after a change of the
// configuration's types or of what a connector says of itself: go run ./scripts/docs
package main

import (
	"fmt"
	"os"
)

// page is one generated file.
type page struct {
	path string
	make func() ([]byte, error)
}

func pages() []page {
	return []page{
		{"docs/rapport.schema.json", func() ([]byte, error) { return schema("./shared/config") }},
		{"docs/networks.md", networkPage},
		{"docs/crms.md", crmPage},
		{"docs/privacy/en/data-map.md", func() ([]byte, error) { return dataMap("en") }},
		{"docs/privacy/de/data-map.md", func() ([]byte, error) { return dataMap("de") }},
		{"docs/privacy/en/retention.md", func() ([]byte, error) { return retention("en") }},
		{"docs/privacy/de/retention.md", func() ([]byte, error) { return retention("de") }},
		{"docs/works-council.md", staffPage},
		{"docs/reports.md", reportPage},
		{"docs/security.md", securityPage},
		{"docs/score.md", scorePage},
	}
}

func main() {
	for _, p := range pages() {
		text, err := p.make()
		if err == nil {
			err = os.WriteFile(p.path, text, 0o644)
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "docs: %s: %v\n", p.path, err)
			os.Exit(1)
		}
		fmt.Println(p.path)
	}
}
