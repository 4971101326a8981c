// Package pipeline holds the verbs: receive, poll, tick, enrich, deliver, changes, reply, erase, replay and jobs, one file
// each. It knows no vendor and no service: connectors, store, queue and archive are handed in.
//
// Every message may come twice, late, out of order or half done; each verb persists what it intends, acts, and persists
// the outcome, so that the CRM ends up the same. No verb starts goroutines, reads the clock or draws chance by itself.
package pipeline

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"net/http"
	"time"

	"rapport/shared/archive"
	"rapport/shared/config"
	"rapport/shared/crm"
	"rapport/shared/decide"
	"rapport/shared/fault"
	"rapport/shared/ledger"
	"rapport/shared/mapping"
	"rapport/shared/network"
	"rapport/shared/queue"
	"rapport/shared/report"
	"rapport/shared/secret"
	"rapport/shared/store"
)

// Ports is what the outside lends: clock, ids, chance, addresses.
type Ports struct {
	Now   func() time.Time
	NewID func() string // unique, sorts by time, letters and digits only
	Log   *slog.Logger
	HTTP  *http.Client // guarded, see rest.Guard
	// Fence is how long a worker may go on after the queue has given its message to another. An edit waits so long after
	// the delivery before it was settled. 0 where messages are claimed in memory.
	Fence time.Duration
	// Settle is how long after its end an hour of the ledger is sealed; 0 = a quarter of an hour. Nobody may hold on to a line
	// for two thirds of that.
	Settle time.Duration
	// Exact says that the queue never copies a message. Where it may, what cannot be repeated without harm is noted
	// down before it is sent.
	Exact bool
	// Base is the public address before /hooks/, for signatures over the address.
	Base string
	// Private allows loopback and private addresses: a process flag, never configuration.
	Private bool
}

// Plan is one version of the configuration, compiled. It is immutable.
type Plan struct {
	Doc     *config.Document
	Decider *decide.Decider
	Mapping *mapping.Mapping
}

// Planner gives plans: by hash, or the present one for "".
type Planner interface {
	Plan(ctx context.Context, hash string) (*Plan, error)
}

// Leaser hands out short exclusive rights by name.
type Leaser interface {
	// Acquire takes the right for at most ttl; ok is false while somebody else holds it.
	Acquire(ctx context.Context, name string, ttl time.Duration) (release func(), ok bool, err error)
}

// Options is what a Pipeline stands on. All fields are required but Leases (default: in the store).
type Options struct {
	Store    store.Store
	Queue    queue.Queue
	Urgent   queue.Queue // for receive; default Queue
	Archive  archive.Archive
	Secrets  secret.Source
	Networks map[string]network.Network
	CRMs     map[string]crm.CRM
	Plans    Planner
	Leases   Leaser
	Pepper   []byte // key of the hashes of strong keys
	Ports    Ports
}

// Pipeline carries out the verbs. Safe for concurrent use.
type Pipeline struct {
	Options
	mentions      store.Table[MentionRow]
	authors       store.Table[AuthorRow]
	conversations store.Table[ConversationRow]
	people        store.Table[PersonRow]
	keys          store.Table[KeyRow]
	lines         store.Table[ledger.Line]
	records       store.Table[RecordRow]
	foreign       store.Table[ForeignRow]
	closures      store.Table[Closure]
	parked        store.Table[ParkedRow]
	accounts      store.Table[AccountRow]
	tokens        store.Table[TokenRow]
	quotas        store.Table[QuotaRow]
	replies       store.Table[ReplyRow]
	jobs          store.Table[JobRow]
	patches       store.Table[PatchRow]
	due           store.Table[DueRow]
	seen          store.Table[SeenRow]
	hourly        store.Table[HourRow]
	hours         hours
	reports       store.Table[report.Day]
	stale         store.Table[StaleRow]
	marked        hours // notes of stale days that are there
	lates         store.Table[LateRow]
	leaves        store.Table[LeafRow]
	seals         store.Table[SealRow]
	syncs         store.Table[SyncRow]
	synced        *synced
	oftens        store.Table[OftenRow]
	reviews       store.Table[ReviewRow]
	merges        store.Table[MergeRow]
	often         *often
	medias        store.Table[MediaRow]
	threads       store.Table[ThreadRow]
	holds         store.Table[HoldRow]
	tombs         store.Table[TombRow]
	erasures      store.Table[ErasureRow]
	audits        store.Table[AuditRow]
	accesses      store.Table[AccessRow]
	pulses        store.Table[PulseRow]
	alerts        store.Table[AlertRow]
	terms         store.Table[TermRow]
	handles       store.Table[HandleRow]
	looks         looks
	crises        crises
	infos         map[string]network.Info // of the networks, by name: they never change
	recent        *recent[MentionRow]     // nil where other processes write too
}

// New makes a pipeline.
func New(o Options) *Pipeline {
	if o.Urgent == nil {
		o.Urgent = o.Queue
	}
	p := &Pipeline{Options: o, infos: map[string]network.Info{}}
	for name, n := range o.Networks {
		p.infos[name] = n.Info()
	}
	if o.Leases == nil {
		p.Leases = &StoreLeases{Store: o.Store, Now: o.Ports.Now, NewID: o.Ports.NewID}
	}
	p.mentions = store.Table[MentionRow]{Store: o.Store, Name: "mention"}
	p.authors = store.Table[AuthorRow]{Store: o.Store, Name: "author"}
	p.conversations = store.Table[ConversationRow]{Store: o.Store, Name: "conversation"}
	p.people = store.Table[PersonRow]{Store: o.Store, Name: "person"}
	p.keys = store.Table[KeyRow]{Store: o.Store, Name: "key"}
	p.lines = store.Table[ledger.Line]{Store: o.Store, Name: "line"}
	p.records = store.Table[RecordRow]{Store: o.Store, Name: "record"}
	p.foreign = store.Table[ForeignRow]{Store: o.Store, Name: "foreign"}
	p.closures = store.Table[Closure]{Store: o.Store, Name: "closure"}
	p.parked = store.Table[ParkedRow]{Store: o.Store, Name: "parked"}
	p.accounts = store.Table[AccountRow]{Store: o.Store, Name: "account"}
	p.tokens = store.Table[TokenRow]{Store: o.Store, Name: "token"}
	p.quotas = store.Table[QuotaRow]{Store: o.Store, Name: "quota"}
	p.replies = store.Table[ReplyRow]{Store: o.Store, Name: "reply"}
	p.jobs = store.Table[JobRow]{Store: o.Store, Name: "job"}
	p.patches = store.Table[PatchRow]{Store: o.Store, Name: "patch"}
	p.due = store.Table[DueRow]{Store: o.Store, Name: "due"}
	p.seen = store.Table[SeenRow]{Store: o.Store, Name: "seen"}
	p.reports, p.stale = store.Table[report.Day]{Store: o.Store, Name: "report"}, store.Table[StaleRow]{Store: o.Store, Name: "stale"}
	p.hourly = store.Table[HourRow]{Store: o.Store, Name: "hour"}
	p.lates, p.leaves = store.Table[LateRow]{Store: o.Store, Name: "late"}, store.Table[LeafRow]{Store: o.Store, Name: "leaf"}
	p.seals = store.Table[SealRow]{Store: o.Store, Name: "seal"}
	p.syncs, p.synced = store.Table[SyncRow]{Store: o.Store, Name: "sync"}, &synced{specs: map[string]string{}}
	p.reviews, p.merges = store.Table[ReviewRow]{Store: o.Store, Name: "review"}, store.Table[MergeRow]{Store: o.Store, Name: "merge"}
	p.oftens, p.often = store.Table[OftenRow]{Store: o.Store, Name: "often"}, &often{}
	p.medias, p.threads = store.Table[MediaRow]{Store: o.Store, Name: "media"}, store.Table[ThreadRow]{Store: o.Store, Name: "thread"}
	p.holds, p.tombs = store.Table[HoldRow]{Store: o.Store, Name: "hold"}, store.Table[TombRow]{Store: o.Store, Name: "tomb"}
	p.erasures = store.Table[ErasureRow]{Store: o.Store, Name: "erasure"}
	p.audits = store.Table[AuditRow]{Store: o.Store, Name: "audit"}
	p.accesses = store.Table[AccessRow]{Store: o.Store, Name: "access"}
	p.pulses, p.alerts = store.Table[PulseRow]{Store: o.Store, Name: "pulse"}, store.Table[AlertRow]{Store: o.Store, Name: "alert"}
	p.terms, p.handles = store.Table[TermRow]{Store: o.Store, Name: "term"}, store.Table[HandleRow]{Store: o.Store, Name: "handle"}
	if o.Ports.Exact {
		p.recent = &recent[MentionRow]{rows: map[string]store.Row[MentionRow]{}}
	}
	return p
}

func (p *Pipeline) now() time.Time { return p.Ports.Now().UTC() }

// hashed gives the HMAC of a strong key, so that no e-mail or phone stands in a key of the store.
func (p *Pipeline) hashed(parts ...string) string {
	h := hmac.New(sha256.New, p.Pepper)
	for _, s := range parts {
		h.Write([]byte(s))
		h.Write([]byte{0})
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:18])
}

// all fills a slice of n answers with one error.
func all(n int, err error) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = err
	}
	return errs
}

// conflicted tells whether a result lost a race.
func conflicted(r store.Result) bool { return fault.Is(r.Err, fault.Conflict) }
