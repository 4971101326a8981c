package score

import (
	_ "embed"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

//go:embed quantile.tsv
var quantiles string

// Quantile is one row of the reference tables: a share of a network's active public accounts has no more than so many
// followers.
type Quantile struct {
	Network   string  `json:"network"`
	Lists     bool    `json:"lists"` // the network tells on how many lists an account is
	Share     float64 `json:"share"`
	Followers int     `json:"followers"`
	Date      string  `json:"date"` // year and month
	Source    string  `json:"source"`
}

// Reference gives the reference tables of this Version, by network and share.
func Reference() ([]Quantile, error) {
	var out []Quantile
	for i, line := range strings.Split(quantiles, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) != 6 {
			return nil, fmt.Errorf("quantile.tsv, line %d: %d columns, not 6", i+1, len(f))
		}
		share, err := strconv.ParseFloat(f[2], 64)
		if err != nil || share <= 0 || share >= 1 {
			return nil, fmt.Errorf("quantile.tsv, line %d: %q is no share", i+1, f[2])
		}
		n, err := strconv.Atoi(f[3])
		if err != nil || n <= 0 || len(f[4]) != len("2026-11") || f[5] == "" {
			return nil, fmt.Errorf("quantile.tsv, line %d: followers, date or source is missing", i+1)
		}
		out = append(out, Quantile{f[0], f[1] == "yes", share, n, f[4], f[5]})
	}
	return out, nil
}

// rarest is where the scale ends: one account of about thirty thousand, as a power of ten.
const rarest = 4.5

// scale places numbers of followers on a network.
type scale struct {
	lists bool
	at    []mark
}

// mark says that so many followers are so rare: rare is how often one has to divide by ten, so one in a hundred is 2.
type mark struct{ followers, rare float64 }

func scales() (map[string]scale, error) {
	rows, err := Reference()
	if err != nil {
		return nil, err
	}
	out := map[string]scale{}
	for _, r := range rows {
		s := out[r.Network]
		s.lists = r.Lists
		s.at = append(s.at, mark{math.Log1p(float64(r.Followers)), -math.Log10(1 - r.Share)})
		out[r.Network] = s
	}
	for name, s := range out {
		if len(s.at) < 2 || !slices.IsSortedFunc(s.at, func(a, b mark) int { return int(math.Copysign(1, a.rare-b.rare)) }) {
			return nil, fmt.Errorf("quantile.tsv: the rows of %s are too few or not in order", name)
		}
	}
	return out, nil
}

// rare tells how rare it is on a network to have n followers; between the rows, and beyond them, on a logarithmic scale.
func (s scale) rare(n int) float64 {
	x := math.Log1p(float64(max(n, 0)))
	from := mark{}
	for i, to := range s.at {
		if x <= to.followers || i == len(s.at)-1 {
			return from.rare + (to.rare-from.rare)*(x-from.followers)/(to.followers-from.followers)
		}
		from = to
	}
	return 0
}

// standing puts a rarity in words.
func standing(rare float64, network string) string {
	share := math.Pow(10, -rare) * 100 // of accounts with more, in percent
	switch {
	case share <= 1:
		return "top 1 % on " + network
	case share <= 20:
		return fmt.Sprintf("top %d %% on %s", int(math.Ceil(share)), network)
	case share <= 50:
		return "more than most on " + network
	}
	return "no more than most on " + network
}
