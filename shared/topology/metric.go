package topology

// Namespace is that of the metrics in CloudWatch. Each has the one dimension Dimension, whose value is the prefix without
// its last "-": one stack's numbers, whoever measured them.
const (
	Namespace = "Rapport"
	Dimension = "Stack"
)

// The metrics that alarms and the dashboard read; functions write them as lines of their log (embedded metric format).
// CloudWatch charges a metric for the hours in which it has values, and a value of 0 is none: a stack with nothing to do
// and nothing wrong has no metrics.
const (
	MetricRefused     = "Refused"        // count: calls of hooks that were not taken (forged, too large, no such hook)
	MetricNotTaken    = "NotTaken"       // count: genuine calls of hooks that were answered 5xx
	MetricUnaccounted = "Unaccounted"    // count, by report: open without an owner
	MetricDead        = "DeadLetters"    // count, by report: messages of all lanes that nobody could settle
	MetricClosed      = "ClosedAccounts" // count, by tick: CRM accounts that take nothing now
	MetricCrisis      = "BrandsInCrisis" // count, by tick: brands in crisis
	MetricDegraded    = "Degraded"       // count, by tick: accounts that are amiss, or owed what was missed
	MetricExpiring    = "ExpiringTokens" // count, by tick: tokens that run out within a week and that nobody renews by itself
	MetricQuota       = "QuotaForecast"  // percent, by tick: of the fullest quota bucket, used up by its end at today's pace
	MetricWritten     = "Written"        // count, of a batch of deliver: records that a CRM took
	MetricReceived    = "Received"       // count: genuine calls of hooks
)

// AlarmMetrics is how many metrics the alarms of a stack look at; each is charged.
const AlarmMetrics = 12
