package ledger

// Gist is what a line keeps of the decision on it, so that counting needs no content: no words, no ids. Lines without a
// decision (merged, suppressed, rejected, deletions) have none.
type Gist struct {
	Sentiment  int      `json:"sentiment,omitempty"` // −1, 0, 1
	Complaint  bool     `json:"complaint,omitempty"`
	Severity   int      `json:"severity,omitempty"` // 0–3
	Reach      int      `json:"reach,omitempty"`    // class of the author's followers, see Reach
	Department string   `json:"department,omitempty"`
	Topics     []string `json:"topics,omitempty"` // names from the configuration
	Queue      string   `json:"queue,omitempty"`  // the routing rule that sent it to its department
	Opens      bool     `json:"opens,omitempty"`  // it opened a conversation
	Score      int      `json:"score,omitempty"`  // of the author, where that may be
	Heard      int      `json:"heard,omitempty"`  // the author's followers, where told
	Own        bool     `json:"own,omitempty"`    // the brand's own words
	Again      bool     `json:"again,omitempty"`  // the mention was known before: an edit, which counts no second time
	Print      string   `json:"print,omitempty"`  // of public words: equal in three of four places where texts are nearly the same; goes with the author
}

// Reach gives the class of a number of followers: 0 = not known, 1 = below 100, 2 = below 1,000 … 6 = a million and more.
func Reach(counted bool, followers int) int {
	if !counted {
		return 0
	}
	class := 1
	for n := 100; n <= 1_000_000 && followers >= n; n *= 10 {
		class++
	}
	return class
}

// Anonymous gives what may stay once nobody must be found by the line any more: what can be counted, and nothing by which
// one author could be told from another.
func (g *Gist) Anonymous() *Gist {
	if g == nil {
		return nil
	}
	left := *g
	left.Print, left.Reach, left.Score, left.Heard = "", 0, 0, 0
	return &left
}
