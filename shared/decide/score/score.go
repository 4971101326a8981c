// Package score computes the Social Customer Score: how far what an author says carries. Whole points from 0 to 100 in
// five parts, each with its reason; the parts sum exactly to the total. What is not known, or known from long ago, lowers
// the confidence, never the score. Nothing about language, name, origin or any protected attribute goes in. docs/score.md
// explains it.
package score

import (
	"fmt"
	"math"
	"time"

	"rapport/shared/config"
	"rapport/shared/flow"
)

// Version names weights and tables; a change of either changes it.
const Version = "scs-2"

// Step is how many points a score moves in a day at most, up or down.
const Step = 10

// The parts, in the order in which they are told.
var parts = [...]string{"reach", "resonance", "connectedness", "relevance", "role"}

// Default half-life of resonance and relevance.
const defaultHalfLife = 30 * 24 * time.Hour

// Seen is what is remembered of an author between mentions. Reactions decay with the score's half-life.
type Seen struct {
	Mentions  int       `json:"mentions,omitempty" expr:"mentions"`
	Reactions float64   `json:"reactions,omitempty" expr:"reactions"` // decayed sum of likes, shares and comments received
	Relevant  float64   `json:"relevant,omitempty" expr:"relevant"`   // decayed count of mentions on the brand's topics
	Last      time.Time `json:"last,omitzero" expr:"last"`            // when they were last heard of; to that moment the sums have decayed

	// How the score stood, so that no day moves it far.
	By      string          `json:"by,omitempty" expr:"by"`        // version and weights of the points
	Points  [len(parts)]int `json:"points,omitzero" expr:"points"` // by part, as they were told last
	Day     int             `json:"day,omitempty" expr:"day"`      // of that; days since 1970, UTC
	From    [len(parts)]int `json:"from,omitzero" expr:"from"`     // by part, at the end of the day before
	FromDay int             `json:"from_day,omitempty" expr:"from_day"`
}

// Scorer computes scores by one configuration. It is immutable and safe for concurrent use.
type Scorer struct {
	most      [len(parts)]int
	by        string
	halfLife  time.Duration
	off       bool
	strangers bool
	scales    map[string]scale
}

// New reads the configuration. An error names the part or value that is wrong.
func New(c config.Score) (*Scorer, error) {
	s := &Scorer{most: [len(parts)]int{30, 25, 15, 15, 15}, halfLife: defaultHalfLife, off: c.Off, strangers: c.Strangers}
	var err error
	if s.scales, err = scales(); err != nil {
		return nil, err
	}
	if len(c.Max) > 0 {
		sum, known := 0, 0
		for i, p := range parts {
			n, ok := c.Max[p]
			if ok {
				known++
			}
			if n < 0 {
				return nil, fmt.Errorf("score.max.%s is %d: points cannot be negative", p, n)
			}
			s.most[i] = n
			sum += n
		}
		if known != len(c.Max) {
			return nil, fmt.Errorf("score.max names a part that is none: use reach, resonance, connectedness, relevance, role")
		}
		if sum != 100 {
			return nil, fmt.Errorf("score.max sums to %d: it must be 100", sum)
		}
	}
	if c.HalfLife != "" {
		d, err := time.ParseDuration(c.HalfLife)
		if err != nil || d <= 0 {
			return nil, fmt.Errorf("score.half_life %q is no duration: write 720h", c.HalfLife)
		}
		s.halfLife = d
	}
	s.by = fmt.Sprint(Version, s.most)
	return s, nil
}

// Off tells whether no score is wanted.
func (s *Scorer) Off() bool { return s.off }

// Strangers tells whether people are scored who are no customers: who are linked to no record of a CRM.
func (s *Scorer) Strangers() bool { return s.strangers }

// Decay gives what is left of seen at a moment.
func (s *Scorer) Decay(seen Seen, now time.Time) Seen {
	if seen.Last.IsZero() || !now.After(seen.Last) {
		return seen
	}
	left := math.Exp2(-float64(now.Sub(seen.Last)) / float64(s.halfLife))
	seen.Reactions = round(seen.Reactions * left)
	seen.Relevant = round(seen.Relevant * left)
	seen.Last = now
	return seen
}

// round keeps stored numbers short and the same on every machine.
func round(x float64) float64 { return math.Round(x*1e4) / 1e4 }

// Add records a mention: the reactions that are new with it, and whether it is on topic. fresh tells whether the mention
// itself is new, not an edit of one already counted.
func (s *Scorer) Add(seen Seen, now time.Time, reactions int, onTopic, fresh bool) Seen {
	seen = s.Decay(seen, now)
	seen.Reactions = round(seen.Reactions + float64(max(reactions, 0)))
	if fresh {
		seen.Mentions++
		if onTopic {
			seen.Relevant = round(seen.Relevant + 1)
		}
	}
	if now.After(seen.Last) {
		seen.Last = now
	}
	return seen
}

// Profile is what Compute looks at besides what was seen. Name, language, place and picture of the author are not among it.
type Profile struct {
	Network   string
	Counted   bool // the network told followers and lists
	Followers int
	Listed    int
	Verified  bool // the network vouches for the account
	Proven    bool // an own site links back
	Bio       string
	At        time.Time // when the network told it; zero = nobody knows
}

// ProfileOf takes of an author what a score may look at. at is when the network told it.
func ProfileOf(network string, a flow.Author, at time.Time) Profile {
	return Profile{Network: network, Counted: a.Counted, Followers: a.Followers, Listed: a.Listed, Verified: a.Verified, Proven: len(a.Proven) > 0, Bio: a.Bio, At: at}
}

// Compute scores an author with what has been seen of him or her, this mention included.
func (s *Scorer) Compute(a Profile, seen Seen, now time.Time) flow.Score {
	out := flow.Score{Version: Version, At: now, Parts: make([]flow.ScorePart, 0, len(parts))}
	var share [len(parts)]float64
	var why [len(parts)]string
	share[0], why[0] = s.reach(a, seen)
	share[1], why[1] = resonance(seen)
	share[2], why[2] = connectedness(a)
	share[3], why[3] = relevance(seen)
	share[4], why[4] = role(a.Bio)
	for i, name := range parts {
		points := int(math.Floor(share[i]*float64(s.most[i]) + 1e-9))
		out.Total += points
		out.Parts = append(out.Parts, flow.ScorePart{Name: name, Points: points, Max: s.most[i], Reason: fmt.Sprintf("+%d: %s", points, why[i])})
	}
	out.Confidence = confidence(a, seen, now)
	return out
}

// confidence is how much of what the score needs was known, in percent. What was told long ago counts less.
func confidence(a Profile, seen Seen, now time.Time) int {
	profile := 0.0
	if a.Counted {
		profile += 40
	}
	if a.Bio != "" {
		profile += 15
	}
	if a.Verified || a.Proven {
		profile += 5
	}
	fresh := 0.5
	if !a.At.IsZero() {
		fresh = freshness(now.Sub(a.At))
	}
	return 10 + int(profile*fresh) + min(seen.Mentions, 6)*5
}

// stale is after what time something told is believed half.
const stale = 180 * 24 * time.Hour

func freshness(age time.Duration) float64 { return min(math.Exp2(-float64(age)/float64(stale)), 1) }

// Aged gives a score as it is to be read at a later moment: the same points, with less confidence.
func Aged(s flow.Score, now time.Time) flow.Score {
	if s.Version != "" {
		s.Confidence = int(float64(s.Confidence) * freshness(now.Sub(s.At)))
	}
	return s
}

// log gives 0 at nothing, 1 at most; in between on a logarithmic scale.
func log(x, most float64) float64 {
	if x <= 0 {
		return 0
	}
	return min(math.Log1p(x)/math.Log1p(most), 1)
}

// reach is the audience, as far as anything shows that it listens: an audience out of proportion to lists and reactions
// counts only up to what these make believable. Where a network tells no lists, reactions speak alone.
func (s *Scorer) reach(a Profile, seen Seen) (float64, string) {
	if !a.Counted {
		return 0, "the network does not tell the audience"
	}
	on, ok := s.scales[a.Network]
	if !ok {
		on = s.scales["other"]
	}
	heard := log(seen.Reactions, 3000)
	if on.lists {
		heard = (heard + log(float64(a.Listed), 20_000)) / 2
	}
	if a.Verified {
		heard += 0.1
	}
	rare, most := on.rare(a.Followers), 0.2+0.8*heard
	text := fmt.Sprintf("%s followers, %s", count(a.Followers), standing(rare, a.Network))
	if at := min(rare/rarest, 1); at <= most {
		return at, text
	}
	return min(most, 1), text + "; capped, for few reactions or lists bear that out"
}

func resonance(seen Seen) (float64, string) {
	if seen.Reactions < 0.5 {
		return 0, "no reactions lately"
	}
	return log(seen.Reactions, 3000), fmt.Sprintf("about %s likes, shares and comments received lately", count(int(seen.Reactions+0.5)))
}

func connectedness(a Profile) (float64, string) {
	x := log(float64(a.Listed), 10_000) * 0.5
	why := ""
	if a.Listed > 0 {
		why = fmt.Sprintf("on %s lists", count(a.Listed))
	}
	if a.Verified {
		x += 0.25
		why = join(why, "vouched for by the network")
	}
	if a.Proven {
		x += 0.25
		why = join(why, "own site links back")
	}
	if why == "" {
		why = "no lists, no verified sites"
	}
	return min(x, 1), why
}

func relevance(seen Seen) (float64, string) {
	if seen.Relevant < 0.5 {
		return 0, "not on the brand's topics lately"
	}
	return log(seen.Relevant, 20), fmt.Sprintf("about %d mentions on the brand's topics lately", int(seen.Relevant+0.5))
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + ", " + b
}

// count writes a number with thousands apart.
func count(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
