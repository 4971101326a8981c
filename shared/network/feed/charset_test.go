package feed_test

import (
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"

	"rapport/shared/fault"
	"rapport/shared/network"
	"rapport/shared/network/feed"
)

// encoded is a feed of one entry, in the encoding of table where its declaration names one.
func encoded(t *testing.T, label, text string, table *charmap.Charmap) []byte {
	t.Helper()
	body := `<?xml version="1.0" encoding="` + label + `"?><rss version="2.0"><channel><title>f</title>` +
		`<item><title>` + text + `</title><guid>https://a.example/1</guid></item></channel></rss>`
	if table == nil {
		return []byte(body)
	}
	packed, err := table.NewEncoder().String(body)
	if err != nil {
		t.Fatal(err)
	}
	return []byte(packed)
}

// TestEncodings reads the same words in every encoding that a feed may be in, under the names that people give them.
func TestEncodings(t *testing.T) {
	for _, c := range []struct {
		label, text string
		table       *charmap.Charmap
	}{
		{"UTF-8", "Größe für 5 €", nil},
		{"utf8", "Größe für 5 €", nil},
		{"iso-8859-1", "Größe", charmap.ISO8859_1},
		{"ISO-8859-1", "Größe für 5 €", charmap.Windows1252}, // named wrongly by half the web
		{"latin1", "Größe", charmap.ISO8859_1},
		{"us-ascii", "plain", charmap.Windows1252},
		{"ISO_8859-15", "Größe für 5 €", charmap.ISO8859_15},
		{"windows-1252", "Größe für 5 €", charmap.Windows1252},
		{"cp1252", "Größe für 5 €", charmap.Windows1252},
		{"x-cp1250", "Łódź", charmap.Windows1250},
		{"iso8859-2", "Łódź", charmap.ISO8859_2},
		{"windows-1251", "Велосипед", charmap.Windows1251},
		{"KOI8-R", "Велосипед", charmap.KOI8R},
		{"iso-8859-9", "Işık", charmap.Windows1254},
		{"greek", "Αθήνα", charmap.ISO8859_7},
	} {
		events, err := feed.New().Parse(network.Raw{Stream: "https://a.example/feed", Body: encoded(t, c.label, c.text, c.table), At: noon})
		if err != nil || len(events) != 1 || events[0].Mention.Text != c.text {
			t.Errorf("%s: %v, %v, want %q", c.label, events, err, c.text)
		}
	}
	_, err := feed.New().Parse(network.Raw{Stream: "https://a.example/feed", Body: encoded(t, "Shift_JIS", "x", nil), At: noon})
	if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "Shift_JIS") {
		t.Errorf("an encoding that is not read gives %v", err)
	}
}
