package cost

// Budget bounds what a plan may use of something. A test holds the verbs to it; whoever raises one writes the reason here.
type Budget struct {
	Plan   string
	Unit   string
	Most   float64
	Reason string
}

// The plans that are measured. Lean: known authors, one CRM account, one record per mention, full batches.
const (
	LeanWebhook = "lean, by webhook, 1,000 mentions"
	LeanPoll    = "lean, by poll, a million mentions"
	LeanMillion = "lean, by webhook, a million mentions"
	Strangers   = "strangers, by webhook, 1,000 mentions"
	Idle        = "a month in which nothing comes"
)

// Budgets gives them all.
func Budgets() []Budget {
	return []Budget{
		{LeanWebhook, "invocations", 1025, "one for each webhook, ten batches each of enrich and deliver"},
		{LeanWebhook, "requests", 1600, "one to send each webhook; all else in tens"},
		{LeanWebhook, "writes", 4200, "mention, author, ledger line, and the line once more when it is settled"},
		{LeanWebhook, "reads", 1600, "mention, author and what deliver writes, at half the price each"},
		{LeanWebhook, "puts", 25, "one archive object for each batch"},
		{LeanWebhook, "secrets", 0, "secrets are kept in memory"},
		{LeanMillion, "USD in us-east-1", 4.00, "what it should cost by the list of the largest region"},
		{LeanMillion, "USD in eu-central-1", 4.65, "the same units; there the table's cost 22 % and log lines 26 % more"},
		{LeanPoll, "USD in us-east-1", 3.00, "no webhook is called, forty mentions share a message"},
		{LeanPoll, "USD in eu-central-1", 3.60, "the same units; there the table's cost 22 % more"},
		{Strangers, "items of authors", 1000, "a stranger is one item"},
		{Strangers, "other items", 2000, "mention and line; nothing that others wait for"},
		{Idle, "USD in us-east-1", 1.50, "clock, report and listening"},
		{Idle, "USD in eu-central-1", 1.55, "the same"},
		{Idle, "USD in us-east-1 with alarms", 2.70, "12 metrics that alarms look at, 0.10 each, of which every account has ten free; so that less than 2 are paid"},
		{Idle, "USD in eu-central-1 with alarms", 2.75, "the same"},
		{Idle, "USD in us-east-1 paid", 2.00, "what an account pays that has nothing else: a million calls of queues, ten metrics of alarms and the dashboard are free, at any age"},
		{Idle, "USD in eu-central-1 paid", 2.00, "the same"},
	}
}
