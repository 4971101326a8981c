package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"rapport/shared/fault"
	"rapport/shared/store"
)

// ErasureReport says what an erasure removed, what goes later, and what it cannot reach. It names nobody: its subject is a
// hash.
type ErasureReport struct {
	Job       string        `json:"job"`
	Subjects  []string      `json:"subjects"` // hashes of the authors and persons
	Reason    string        `json:"reason"`
	Asked     time.Time     `json:"asked"`
	Done      time.Time     `json:"done"`
	Removed   []ErasureItem `json:"removed"`
	Later     []ErasureItem `json:"later"`     // goes by itself
	Stays     []ErasureItem `json:"stays"`     // out of reach
	Proposals []ErasureItem `json:"proposals"` // for a human to decide
}

// ErasureItem is one line of it.
type ErasureItem struct {
	Where string    `json:"where"`
	What  string    `json:"what"`
	Count int       `json:"count,omitempty"`
	Until time.Time `json:"until,omitzero"`
}

// ErasureRow keeps a report. Kept under its job.
type ErasureRow struct {
	Report ErasureReport `json:"report"`
	Hash   string        `json:"hash"` // SHA-256 of the report's JSON, hexadecimal
}

// How long what an erasure does not reach is kept, at most.
const (
	lettersFor = 14 * 24 * time.Hour // dead letters of a queue
	backupsFor = 7 * 24 * time.Hour  // point-in-time recovery of the store
	logsFor    = 30 * 24 * time.Hour
)

// hashReport gives the hash of a report: of its JSON as encoding/json writes it, without indentation.
func hashReport(r ErasureReport) string {
	text, _ := json.Marshal(r) // plain data: cannot fail
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Check tells whether a report is as it was made.
func (r ErasureRow) Check() bool { return hashReport(r.Report) == r.Hash }

// ErasureReport gives the report of an erasure. NotFound: there is none, or not yet.
func (p *Pipeline) ErasureReport(ctx context.Context, job string) (ErasureRow, error) {
	row, err := p.erasures.One(ctx, job, "-")
	if err == nil && row.Version == 0 {
		err = fault.New(fault.NotFound, "there is no report of job %s yet: `rapport erase --job %s` tells how far it is", job, job)
	}
	return row.Value, err
}

// reportErasure writes the report, once: who does the page again finds it.
func (p *Pipeline) reportErasure(ctx context.Context, plan *Plan, j *JobRow) (hash string, err error) {
	row, err := p.erasures.Update(ctx, j.ID, "-", func(r *store.Row[ErasureRow]) (bool, error) {
		if r.Version > 0 {
			return false, nil
		}
		report := p.report(plan, j)
		r.Value = ErasureRow{report, hashReport(report)}
		return true, nil
	})
	return row.Value.Hash, err
}

func (p *Pipeline) report(plan *Plan, j *JobRow) ErasureReport {
	now := p.now()
	r := ErasureReport{Job: j.ID, Reason: j.Erasure.Reason, Asked: j.Started, Done: now, Proposals: []ErasureItem{}}
	for _, author := range j.Authors {
		r.Subjects = append(r.Subjects, p.Veil(author))
	}
	r.Subjects = append(r.Subjects, j.People...) // hashes already
	res := j.Result
	r.Removed = []ErasureItem{
		{Where: "store", What: "posts and messages: text, profile, receipts; copies of attachments", Count: res.Mentions},
		{Where: "store", What: "conversations and what was answered in them", Count: res.Conversations},
		{Where: "store", What: "social accounts: profile, score, history", Count: len(j.Authors)},
		{Where: "store", What: "persons: links, matching keys, score", Count: len(j.People)},
		{Where: "archive", What: "batches looked through, and their entries removed", Count: res.Archive},
		{Where: "queues", What: "messages on their way find nothing any more"},
	}
	for _, account := range sorted(res.In) {
		r.Removed = append(r.Removed, ErasureItem{Where: "CRM " + account, What: "records in which our fields and our key were blanked", Count: res.In[account]})
	}
	r.Later = []ErasureItem{
		{Where: "backups of the store", What: "point-in-time recovery; after a restore the erasure is to be run again", Until: now.Add(backupsFor)},
		{Where: "dead letters of the queues", What: "bodies that could not be worked on", Until: now.Add(lettersFor)},
		{Where: "logs", What: "ids of posts whose delivery failed, never content", Until: now.Add(logsFor)},
	}
	r.Stays = []ErasureItem{{Where: "files", What: "exports, downloads and local copies of the data file that somebody made"}}
	for _, a := range plan.Doc.Networks {
		r.Stays = append(r.Stays, ErasureItem{Where: "network " + a.Name, What: "what the person published there, and the brand's answers below it"})
	}
	for _, a := range plan.Doc.CRMs {
		what := "its backups, recycle bin, field history and reports; fields others filled"
		if !a.Writes("", "") && res.In[a.Name] == 0 {
			what = "nothing was written there"
		}
		r.Stays = append(r.Stays, ErasureItem{Where: "CRM " + a.Name, What: what})
	}
	for _, f := range res.Foreign {
		r.Proposals = append(r.Proposals, ErasureItem{Where: "CRM " + f.Account + " " + f.Object + " " + f.Record,
			What: fmt.Sprintf("a record about the person that is not ours alone: delete it there where no duty to keep it stands against that; %d conversations with their cases hung on the person here, look at its other cases, deals, orders and notes first", res.Conversations)})
	}
	return r
}

// StartErasure begins the erasure of a subject. How it goes on tells Job, in the end ErasureReport.
func (p *Pipeline) StartErasure(ctx context.Context, s Subject, reason string) (job string, err error) {
	e := s.Erasure(reason, p.now())
	if e.Author == "" && e.Person == "" {
		return "", fault.New(fault.Invalid, "an erasure needs somebody: %s", subjectForms)
	}
	e.ID = p.Ports.NewID()
	return p.Start(ctx, JobRow{ID: e.ID, Kind: "erase", Erasure: e})
}
