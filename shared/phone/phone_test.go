package phone

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/nyaruka/phonenumbers"
)

// judge compares with the library what both say of a text.
func judge(t *testing.T, text, region string) {
	t.Helper()
	got, ok := Parse(text, region)
	want, err := phonenumbers.Parse(text, region)
	if ok != (err == nil) {
		t.Errorf("%q in %s: read %v as %v, the library says %v", text, region, ok, got, err)
		return
	}
	if !ok {
		return
	}
	if w := phonenumbers.Format(want, phonenumbers.E164); got.E164() != w {
		t.Errorf("%q in %s is %s, the library says %s", text, region, got.E164(), w)
		return
	}
	if w := phonenumbers.Format(want, phonenumbers.INTERNATIONAL); got.International() != w {
		t.Errorf("%q in %s is written %q, the library says %q", text, region, got.International(), w)
	}
	if w := phonenumbers.GetNationalSignificantNumber(want); got.National() != w {
		t.Errorf("%q in %s is nationally %s, the library says %s", text, region, got.National(), w)
	}
	if w := phonenumbers.IsPossibleNumber(want); got.Possible() != w {
		t.Errorf("%q in %s: possible %v, the library says %v", text, region, got.Possible(), w)
	}
	if w := phonenumbers.IsValidNumber(want); got.Valid() != w {
		t.Errorf("%q in %s: valid %v, the library says %v", text, region, got.Valid(), w)
	}
}

func TestExamplesOfAllCountries(t *testing.T) {
	for region := range phonenumbers.GetSupportedRegions() {
		for kind := phonenumbers.FIXED_LINE; kind <= phonenumbers.VOICEMAIL; kind++ {
			n := phonenumbers.GetExampleNumberForType(region, kind)
			if n == nil {
				continue
			}
			for _, how := range []phonenumbers.PhoneNumberFormat{phonenumbers.E164, phonenumbers.INTERNATIONAL, phonenumbers.NATIONAL} {
				text := phonenumbers.Format(n, how)
				judge(t, text, region)
				judge(t, text, "DE")
				judge(t, text, World)
			}
		}
	}
}

// TestAnyDigits tries numbers nobody was given, with the spaces and signs that people put between.
func TestAnyDigits(t *testing.T) {
	chance := rand.New(rand.NewPCG(1, 2))
	regions := []string{"DE", "AT", "CH", "US", "GB", "FR", "IT", "ES", "NL", "PL", "DK", "BE", "IE", "AR", "BR", "MX", "JP", "AU", World}
	for range 10000 {
		var b strings.Builder
		b.WriteString([]string{"", "+", "00", "0", "+49", "+1", "+39 0", "0043 ", "(0", "+44 (0)"}[chance.IntN(10)])
		for range 2 + chance.IntN(14) {
			b.WriteByte(byte('0' + chance.IntN(10)))
			if chance.IntN(4) == 0 {
				b.WriteString([]string{" ", "-", "/", ".", ") "}[chance.IntN(5)])
			}
		}
		judge(t, strings.TrimRight(b.String(), " -/.)"), regions[chance.IntN(len(regions))])
	}
}

func TestNoNumbers(t *testing.T) {
	for _, text := range []string{"", "+", "no number", "1", "12a34b", "++", "+0", "\x00", strings.Repeat("1", 300), "+999123456"} {
		if n, ok := Parse(text, "DE"); ok && text != "12" {
			if _, err := phonenumbers.Parse(text, "DE"); err != nil {
				t.Errorf("%q was read as %v", text, n)
			}
		}
	}
}

func TestExtensions(t *testing.T) {
	for _, text := range []string{"+49 30 1234567 ext. 12", "+49 30 1234567 x12", "+49301234567;ext=12", "+49 30 1234567 #12"} {
		if n, ok := Parse(text, World); !ok || n.E164() != "+49301234567" {
			t.Errorf("%q is %v", text, n)
		}
	}
	if n, ok := Parse("＋４９ ３０ １２３４５６７", World); !ok || n.E164() != "+49301234567" {
		t.Errorf("wide digits are %v", n)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("+49 (0) 30 / 1234-567", "DE")
	f.Fuzz(func(t *testing.T, text, region string) {
		if n, ok := Parse(text, region); ok {
			_, _, _ = n.International(), n.Possible(), n.Valid()
		}
	})
}
