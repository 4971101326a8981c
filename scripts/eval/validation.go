package main

import (
	"fmt"
	"path/filepath"

	"rapport/scripts/train/gauge"
	"rapport/shared/decide/language"
	"rapport/shared/decide/text"
)

// validation looks at the public sets' own validation splits, which the table does not measure by: how they fare may decide what
// is built, and nothing is trained with them. Sets that are not here are left out.
func validation(d *language.Detector, r *text.Reader, public string) error {
	for _, s := range [][3]string{{"val-german", "de"}, {"val-tweet", "en"}, {"val-english", "en"}, {"val-french", "fr"}, {"val-spanish", "es"}, {"val-italian", "it"}} {
		set, err := tweets(filepath.Join(public, s[0]+".text.txt"), filepath.Join(public, s[0]+".labels.txt"), s[1])
		if err != nil {
			continue
		}
		m, told := map[string]*gauge.Counts{}, map[string]int{}
		for _, p := range set {
			got := r.Tone(text.Input{Text: p.Text, Lang: s[1], Kind: "post"})
			for _, t := range []string{"negative", "neutral", "positive"} {
				gauge.At(m, t).Count(got == t, p.Sentiment == t)
			}
			code, _ := d.Detect(p.Text, "")
			told[code]++
		}
		fmt.Printf("%s: tone macro-F1 %.3f, macro-recall %.3f; language %v of %d\n", s[0], gauge.Macro(m, gauge.Counts.F1), gauge.Macro(m, gauge.Counts.Recall), told, len(set))
	}
	return nil
}
