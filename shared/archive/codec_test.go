package archive

import (
	"bytes"
	"testing"
	"time"

	"rapport/shared/fault"
)

var sample = Batch{Account: "nordlicht", At: time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC), ID: "b", Entries: []Entry{
	{Line: "l", Account: "nordlicht", Raw: []byte("one\ntwo"), Inputs: []byte("{}")}, {Line: "m", Account: "nordlicht"}}}

// Whatever is done to the text, reading it neither panics nor gives bytes that are not in it.
func FuzzParse(f *testing.F) {
	text, err := appendBatch(nil, sample)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(bytes.Replace(text, []byte(`"raw":7`), []byte(`"raw":-7`), 1))
	f.Add(bytes.Replace(text, []byte(`"raw":7`), []byte(`"raw":9999999`), 1))
	f.Add(bytes.Replace(text, []byte(`"entries":2`), []byte(`"entries":1`), 1))
	f.Add(bytes.Replace(text, []byte(`"entries":2`), []byte(`"entries":-1`), 1))
	f.Fuzz(func(t *testing.T, text []byte) {
		b, ok := parseBatch(text)
		if !ok {
			return
		}
		for _, e := range b.Entries {
			if !bytes.Contains(text, e.Raw) || !bytes.Contains(text, e.Inputs) {
				t.Errorf("an entry holds what is not in the text: %q", e)
			}
		}
	})
}

func TestWrongLengthsAreDamage(t *testing.T) {
	text, err := appendBatch(nil, sample)
	if err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{{`"raw":7`, `"raw":6`}, {`"raw":7`, `"raw":8`}, {`"raw":7`, `"raw":-1`}, {`"entries":2`, `"entries":1`},
		{`"entries":2`, `"entries":3`}, {`"entries":2`, `"entries":-2`}, {"{}\n", "{}"}} {
		if _, ok := parseBatch(bytes.Replace(text, []byte(change[0]), []byte(change[1]), 1)); ok {
			t.Errorf("with %s for %s the text is still read", change[1], change[0])
		}
	}
}

func TestReferences(t *testing.T) {
	ref, err := Ref(sample)
	if err != nil || ref != "nordlicht/2026-03-14/120000.000000000-b" {
		t.Fatalf("Ref gave %q, %v", ref, err)
	}
	place, err := Locate(ref)
	if err != nil || place.Account != "nordlicht" || place.Day != "2026-03-14" || place.File != "120000.000000000-b" || !place.At.Equal(sample.At) {
		t.Errorf("Locate gave %+v, %v", place, err)
	}
	for _, bad := range []string{"", "a/b", ref + "/", "/" + ref, "../2026-03-14/120000.000000000-b", "a/../120000.000000000-b", "a/2026-03-14/120000.000000000-..",
		"a/2026-13-14/120000.000000000-b", "A/2026-03-14/120000.000000000-b", "a/2026-03-14/120000.000000000-", "a/2026-03-14/120000.000000000b", "a/2026-3-14/120000.000000000-b",
		"a/2026-03-14/1200.0.000000000-b", "a/2026-03-14/120000,000000000-b"} {
		if _, err := Locate(bad); !fault.Is(err, fault.Invalid) {
			t.Errorf("Locate(%q) gave %v, want Invalid", bad, err)
		}
	}
	late := sample
	late.At = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	if _, err := Ref(late); !fault.Is(err, fault.Invalid) {
		t.Errorf("a batch of the year 10000 gave %v, want Invalid", err)
	}
}
