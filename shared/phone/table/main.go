// Command table writes table.gz, the rules of package phone, from libphonenumber's data.
package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"

	"github.com/nyaruka/phonenumbers"
)

type region struct {
	Name    string
	Code    int
	Abroad  string `json:",omitempty"`
	Prefix  string `json:",omitempty"`
	Rewrite string `json:",omitempty"`
	Lead    string `json:",omitempty"`
	General string
	Lengths []int32
	Local   []int32  `json:",omitempty"`
	Kinds   []kind   `json:",omitempty"`
	Formats []format `json:",omitempty"`
	Main    bool     `json:",omitempty"`
}

type kind struct {
	Pattern string
	Lengths []int32 `json:",omitempty"`
}

type format struct {
	Pattern string
	Lead    string `json:",omitempty"`
	Format  string
}

func main() {
	if err := write("table.gz"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(path string) error {
	all, err := phonenumbers.MetadataCollection()
	if err != nil {
		return err
	}
	var list []region
	for _, m := range all.GetMetadata() {
		list = append(list, one(m))
	}
	text, err := json.Marshal(list)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := z.Write(text); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(path, out.Bytes(), 0o644)
}

func one(m *phonenumbers.PhoneMetadata) region {
	g := m.GetGeneralDesc()
	r := region{Name: m.GetId(), Code: int(m.GetCountryCode()), Abroad: m.GetInternationalPrefix(), Prefix: m.GetNationalPrefixForParsing(),
		Rewrite: m.GetNationalPrefixTransformRule(), Lead: m.GetLeadingDigits(), General: g.GetNationalNumberPattern(),
		Lengths: g.GetPossibleLength(), Local: g.GetPossibleLengthLocalOnly(), Main: m.GetMainCountryForCode()}
	for _, d := range []*phonenumbers.PhoneNumberDesc{m.GetFixedLine(), m.GetMobile(), m.GetTollFree(), m.GetPremiumRate(), m.GetSharedCost(),
		m.GetPersonalNumber(), m.GetVoip(), m.GetPager(), m.GetUan(), m.GetVoicemail()} {
		if p := d.GetNationalNumberPattern(); p != "" && p != "NA" {
			lengths := d.GetPossibleLength()
			r.Kinds = append(r.Kinds, kind{p, lengths})
		}
	}
	formats := m.GetIntlNumberFormat()
	if len(formats) == 0 {
		formats = m.GetNumberFormat()
	}
	for _, f := range formats {
		one := format{Pattern: f.GetPattern(), Format: f.GetFormat()}
		if lead := f.GetLeadingDigitsPattern(); len(lead) > 0 {
			one.Lead = lead[len(lead)-1]
		}
		r.Formats = append(r.Formats, one)
	}
	return r
}
