// Package score computes the Social Customer Score: how far what an author says carries. Whole points from 0 to 100 in
// five parts, each with its reason; the parts sum exactly to the total. What is not known lowers the confidence, never the
// score. Nothing about language, name, origin or any protected attribute goes in.
package score

import (
	"fmt"
	"math"
	"time"

	"rapport/shared/config"
	"rapport/shared/flow"
)

// Version names weights and tables; a change of either changes it.
const Version = "scs-1"

// The parts, in the order in which they are told.
var parts = [...]string{"reach", "resonance", "connectedness", "relevance", "role"}

// Default half-life of resonance and relevance.
const defaultHalfLife = 30 * 24 * time.Hour

// Seen is what is remembered of an author between mentions. Reactions decay with the score's half-life.
type Seen struct {
	Mentions  int       `json:"mentions,omitempty" expr:"mentions"`
	Reactions float64   `json:"reactions,omitempty" expr:"reactions"` // decayed sum of likes, shares and comments received
	Relevant  float64   `json:"relevant,omitempty" expr:"relevant"`   // decayed count of mentions on the brand's topics
	Last      time.Time `json:"last,omitzero" expr:"last"`            // the moment to which the sums have decayed
}

// Scorer computes scores by one configuration. It is immutable and safe for concurrent use.
type Scorer struct {
	most     [len(parts)]int
	halfLife time.Duration
	off      bool
}

// New reads the configuration. An error names the part or value that is wrong.
func New(c config.Score) (*Scorer, error) {
	s := &Scorer{most: [len(parts)]int{30, 25, 15, 15, 15}, halfLife: defaultHalfLife, off: c.Off}
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
	return s, nil
}

// Off tells whether no score is wanted.
func (s *Scorer) Off() bool { return s.off }

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

// Compute scores an author with what has been seen of him or her, this mention included.
func (s *Scorer) Compute(network string, a flow.Author, seen Seen, now time.Time) flow.Score {
	out := flow.Score{Version: Version, At: now, Parts: make([]flow.ScorePart, 0, len(parts))}
	var share [len(parts)]float64
	var why [len(parts)]string
	share[0], why[0] = reach(network, a, seen)
	share[1], why[1] = resonance(seen)
	share[2], why[2] = connectedness(a)
	share[3], why[3] = relevance(seen)
	share[4], why[4] = role(a)
	for i, name := range parts {
		points := int(math.Floor(share[i]*float64(s.most[i]) + 1e-9))
		out.Total += points
		out.Parts = append(out.Parts, flow.ScorePart{Name: name, Points: points, Max: s.most[i], Reason: fmt.Sprintf("+%d: %s", points, why[i])})
	}
	out.Confidence = confidence(a, seen)
	return out
}

// confidence is how much of what the score needs was known, in percent.
func confidence(a flow.Author, seen Seen) int {
	c := 10
	if a.Counted {
		c += 40
	}
	if a.Bio != "" {
		c += 15
	}
	if a.Name != "" || !a.Created.IsZero() {
		c += 5
	}
	return c + min(seen.Mentions, 6)*5
}

// log gives 0 at nothing, 1 at most; in between on a logarithmic scale.
func log(x, most float64) float64 {
	if x <= 0 {
		return 0
	}
	return min(math.Log1p(x)/math.Log1p(most), 1)
}

// reach is the audience, as far as anything shows that it listens: an audience out of proportion to lists and reactions
// counts only up to what these make believable.
func reach(network string, a flow.Author, seen Seen) (float64, string) {
	if !a.Counted {
		return 0, "the network does not tell the audience"
	}
	at := quantile(network, a.Followers)
	heard := log(float64(a.Listed), 2000)*0.5 + log(seen.Reactions, 3000)*0.5
	if a.Verified {
		heard += 0.1
	}
	most := 0.55 + heard*0.9
	text := fmt.Sprintf("%s followers, %s", count(a.Followers), standing(at, network))
	if at > most {
		return most, text + "; capped, for few reactions or lists bear that out"
	}
	return at, text
}

// standing puts a quantile in words.
func standing(q float64, network string) string {
	switch {
	case q >= 0.99:
		return "top 1 % on " + network
	case q >= 0.9:
		return fmt.Sprintf("top %d %% on %s", int(math.Ceil((1-q)*100)), network)
	case q >= 0.5:
		return "more than most on " + network
	}
	return "no more than most on " + network
}

func resonance(seen Seen) (float64, string) {
	if seen.Reactions < 0.5 {
		return 0, "no reactions lately"
	}
	return log(seen.Reactions, 3000), fmt.Sprintf("about %s likes, shares and comments received lately", count(int(seen.Reactions+0.5)))
}

func connectedness(a flow.Author) (float64, string) {
	x := log(float64(a.Listed), 1000) * 0.5
	why := ""
	if a.Listed > 0 {
		why = fmt.Sprintf("on %s lists", count(a.Listed))
	}
	if a.Verified {
		x += 0.25
		why = join(why, "vouched for by the network")
	}
	if len(a.Proven) > 0 {
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
