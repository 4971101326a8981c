package simulation

import "time"

// Kind is a kind of fault, in the words of the published table.
type Kind string

// The kinds of faults that are injected.
const (
	workerDies   Kind = "a worker dies between two calls"
	processDies  Kind = "the whole process is killed"
	clockOff     Kind = "a worker's clock is up to four seconds off"
	racing       Kind = "two workers deliver to CRMs at the same time"
	storeBusy    Kind = "the store throttles a read or write"
	storeCut     Kind = "the store writes, its answer is cut"
	storeStale   Kind = "a cheap read shows what stood there before"
	archiveBusy  Kind = "the archive throttles"
	archiveCut   Kind = "the archive writes, its answer is cut"
	queueBusy    Kind = "a queue takes nothing"
	queueCut     Kind = "a queue takes a message, its answer is cut"
	queueLate    Kind = "a message comes late"
	queueTwice   Kind = "a message that was settled comes again"
	hookTwice    Kind = "a webhook comes twice"
	hookLate     Kind = "a webhook comes out of order"
	hookWithheld Kind = "a webhook never comes: the poll that looks back finds it"
	pollSlow     Kind = "a poll is answered 429"
	pollCut      Kind = "a poll has no answer"
	replyDown    Kind = "the network is down when an answer is sent or looked for"
	replySlow    Kind = "an answer is refused with 429"
	replyCut     Kind = "an answer is posted, the network's answer is cut"
	crmDown      Kind = "the CRM is down"
	crmSlow      Kind = "the CRM answers 429"
	crmSpent     Kind = "the CRM's quota is used up"
	crmNothing   Kind = "the CRM does not answer and did nothing"
	crmCut       Kind = "the CRM writes, its answer is cut"
	crmPasses    Kind = "the CRM fails with something that passes"
	crmUnknown   Kind = "the CRM fails with something nobody knows"
	crmLocked    Kind = "one record of a batch is locked"
	crmSplit     Kind = "a batch is refused for one record"
	crmDrift     Kind = "a field is gone from the CRM"
	poisoned     Kind = "a record is never taken (poison)"
	tokenTaken   Kind = "a token is taken back"
	tokenMid     Kind = "a token is taken back while deliveries are in hand"
	loginDown    Kind = "the log-in is down when a token is renewed"
	loginCut     Kind = "a token is renewed, the answer is cut"
	humanEdits   Kind = "a human edits a record"
	humanDeletes Kind = "a human deletes a record"
	agentAnswers Kind = "an agent asks for an answer"
	configTurns  Kind = "the configuration changes in flight"
	objects      Kind = "an author objects: all traces have to go"
)

// Kinds lists them in the order of the table.
func Kinds() []Kind {
	return []Kind{workerDies, processDies, clockOff, racing, storeBusy, storeCut, storeStale, archiveBusy, archiveCut, queueBusy, queueCut, queueLate,
		queueTwice, hookTwice, hookLate, hookWithheld, pollSlow, pollCut, replyDown, replySlow, replyCut, crmDown, crmSlow, crmSpent, crmNothing, crmCut,
		crmPasses, crmUnknown, crmLocked, crmSplit, crmDrift, poisoned, tokenTaken, tokenMid, loginDown, loginCut, humanEdits, humanDeletes, agentAnswers,
		configTurns, objects}
}

// count notes that a fault was injected.
func (s *Sim) count(k Kind) {
	s.faults++
	if s.kinds == nil {
		s.kinds = map[Kind]int{}
	}
	s.kinds[k]++
}

// counted notes it where it happened, and tells whether.
func (s *Sim) counted(k Kind, happens bool) bool {
	if happens {
		s.count(k)
	}
	return happens
}

// clock is the time as whoever works just now sees it.
func (s *Sim) clock() time.Time {
	if s.active != nil {
		return s.now.Add(s.active.skew)
	}
	return s.now
}
