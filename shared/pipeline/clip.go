package pipeline

import (
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"rapport/shared/flow"
	"rapport/shared/network"
)

// How much of a mention is kept, so that its row fits into every store: bytes of a text, entries of a list, bytes of what
// only its source has.
const (
	maxText  = 64_000
	maxShort = 4_000
	maxList  = 100
	maxExtra = 20_000
)

// clip shortens what no person would write by hand.
func clip(m *flow.Mention) {
	m.Text = clipped(m.Text, maxText)
	for _, s := range []*string{&m.Permalink, &m.Author.Bio, &m.Author.Name, &m.Author.Handle, &m.Author.URL, &m.Author.Avatar, &m.Author.Location} {
		*s = clipped(*s, maxShort)
	}
	m.Tags, m.Links, m.Author.Proven = shortened(m.Tags), shortened(m.Links), shortened(m.Author.Proven)
	if len(m.Media) > maxList {
		m.Media = m.Media[:maxList]
	}
	for i := range m.Media {
		m.Media[i].Alt, m.Media[i].URL = clipped(m.Media[i].Alt, maxShort), clipped(m.Media[i].URL, maxShort)
	}
	m.Extra, m.Author.Extra = bounded(m.Extra), bounded(m.Author.Extra)
}

func clipped(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for s = s[:most]; len(s) > 0 && !utf8.ValidString(s[len(s)-1:]) && !utf8.RuneStart(s[len(s)-1]); {
		s = s[:len(s)-1]
	}
	return strings.ToValidUTF8(s, "") + "…"
}

func shortened(list []string) []string {
	if len(list) > maxList {
		list = list[:maxList]
	}
	for i, s := range list {
		if len(s) > maxShort {
			list[i] = clipped(s, maxShort)
		}
	}
	return list
}

// bounded drops what a source adds where that is out of all proportion.
func bounded(extra map[string]any) map[string]any {
	if len(extra) == 0 {
		return extra
	}
	if text, err := json.Marshal(extra); err != nil || len(text) > maxExtra {
		return nil
	}
	return extra
}

// unquoted cuts a parser's words and takes out long quotes, which may be content.
func unquoted(text string) string {
	parts := strings.Split(text, `"`)
	for i := 1; i < len(parts)-1; i += 2 {
		if len(parts[i]) > 24 {
			parts[i] = "…"
		}
	}
	return brief(strings.Join(parts, `"`))
}

// soon tells that a network's data must go so soon that it never reaches the archive.
func soon(r network.Rules) bool { return r.StoreFor > 0 && r.StoreFor <= 48*time.Hour }
