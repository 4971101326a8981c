// Package cost says what work costs: units of AWS by what is done, prices by region, a bill for volumes that are planned,
// and what became of everything received by network, account, brand and outcome. It is pure.
//
// What it says of AWS is reckoned, never read from an invoice: units as measured by a test (see Step), list prices of one
// date, no free tier. What is counted is called counted.
package cost

import (
	"slices"
	"strings"

	"rapport/shared/fault"
	"rapport/shared/topology"
)

// Usage is what is paid for by use.
type Usage struct {
	Invocations float64 // of functions
	GBSeconds   float64 // of functions, arm64
	Requests    float64 // of queues: each 64 KiB of payload is one
	Looks       float64 // receives of queues that brought nothing
	Writes      float64 // units of the table: 1 KB each
	Reads       float64 // units of the table: 4 KB each, half where they may be a moment old
	Puts        float64 // objects written into the archive
	Schedules   float64 // calls of the schedule
	LogGB       float64 // log lines taken in
}

// Plus adds.
func (u Usage) Plus(o Usage) Usage {
	return Usage{u.Invocations + o.Invocations, u.GBSeconds + o.GBSeconds, u.Requests + o.Requests, u.Looks + o.Looks, u.Writes + o.Writes,
		u.Reads + o.Reads, u.Puts + o.Puts, u.Schedules + o.Schedules, u.LogGB + o.LogGB}
}

// Times multiplies.
func (u Usage) Times(n float64) Usage {
	return Usage{u.Invocations * n, u.GBSeconds * n, u.Requests * n, u.Looks * n, u.Writes * n, u.Reads * n, u.Puts * n, u.Schedules * n, u.LogGB * n}
}

// List is the prices of a region, in USD.
type List struct {
	Region string
	Date   string // when they were read
	Source string

	Invocation, GBSecond, Request, Look, Write, Read, Put, Schedule, LogGB float64 // of one each

	Alarm, Metric, Dashboard float64 // of a month each: a metric that an alarm looks at, one of our own, a dashboard
}

const million = 1e6

// Lists gives all price lists, that of the region a stack goes to by default first.
func Lists() []List {
	frankfurt := List{Region: "eu-central-1", Date: "November 2026",
		Source:     "list prices, no free tier: units of the table halved in November 2024 from 1.525 and 0.305; functions, queues, schedule and alarms as in us-east-1",
		Invocation: 0.20 / million, GBSecond: 0.0000133334, Request: 0.50 / million, Write: 0.7625 / million, Read: 0.1525 / million,
		Put: 5.40 / million, Schedule: 1.00 / million, LogGB: 0.63, Look: 0.40 / million, Alarm: 0.10, Metric: 0.30, Dashboard: 3}
	virginia := List{Region: "us-east-1", Date: "November 2026",
		Source:     "list prices, no free tier: aws.amazon.com/lambda/pricing, /dynamodb/pricing, /sqs/pricing (a fair queue: 0.40 + 0.10), /s3/pricing, /eventbridge/pricing, /cloudwatch/pricing",
		Invocation: 0.20 / million, GBSecond: 0.0000133334, Request: 0.50 / million, Write: 0.625 / million, Read: 0.125 / million,
		Put: 5.00 / million, Schedule: 1.00 / million, LogGB: 0.50, Look: 0.40 / million, Alarm: 0.10, Metric: 0.30, Dashboard: 3}
	return []List{frankfurt, virginia}
}

// Of gives the prices of a region, "" = the default. NotFound: nobody wrote them down.
func Of(region string) (List, error) {
	lists := Lists()
	i := slices.IndexFunc(lists, func(l List) bool { return l.Region == region })
	if region == "" {
		return lists[0], nil
	}
	if i < 0 {
		var known []string
		for _, l := range lists {
			known = append(known, l.Region)
		}
		return List{}, fault.New(fault.NotFound, "the prices of region %q are not known, those of %s are", region, strings.Join(known, ", "))
	}
	return lists[i], nil
}

// Item is one line of a bill.
type Item struct {
	What  string  `json:"what"`
	Count float64 `json:"count"`
	Unit  string  `json:"unit"`
	USD   float64 `json:"usd"`
}

// Items prices a usage, line by line; what was not used has none.
func (l List) Items(u Usage) []Item {
	all := []Item{
		{"Lambda requests", u.Invocations, "requests", u.Invocations * l.Invocation},
		{"Lambda time", u.GBSeconds, "GB-seconds", u.GBSeconds * l.GBSecond},
		{"SQS", u.Requests, "requests", u.Requests * l.Request},
		{"SQS, listening", u.Looks, "requests", u.Looks * l.Look},
		{"DynamoDB writes", u.Writes, "units", u.Writes * l.Write},
		{"DynamoDB reads", u.Reads, "units", u.Reads * l.Read},
		{"S3 archive", u.Puts, "writes", u.Puts * l.Put},
		{"schedule", u.Schedules, "calls", u.Schedules * l.Schedule},
		{"logs", u.LogGB, "GB", u.LogGB * l.LogGB},
	}
	return slices.DeleteFunc(all, func(i Item) bool { return i.Count == 0 })
}

// Watching is what a month of a stack's alarms and dashboard costs. Our own metrics are charged for the hours in which they
// have values, and a stack that has nothing to do and lacks nothing has none.
func (l List) Watching() []Item {
	return []Item{{"alarms", topology.AlarmMetrics, "metrics", topology.AlarmMetrics * l.Alarm}, {"dashboard", 1, "dashboards", l.Dashboard}}
}

// free is what of a month's usage every account has free, at any age: it is shared with all else that runs there.
func (l List) free(u Usage) []Item {
	queue := min(u.Requests+u.Looks, million)
	looks := min(u.Looks, queue)
	return []Item{
		{"SQS", queue, "requests", looks*l.Look + (queue-looks)*l.Request},
		{"Lambda requests", min(u.Invocations, million), "requests", min(u.Invocations, million) * l.Invocation},
		{"Lambda time", min(u.GBSeconds, 400_000), "GB-seconds", min(u.GBSeconds, 400_000) * l.GBSecond},
		{"schedule", min(u.Schedules, 14*million), "calls", min(u.Schedules, 14*million) * l.Schedule},
		{"logs", min(u.LogGB, 5), "GB", min(u.LogGB, 5) * l.LogGB},
		{"alarms", min(topology.AlarmMetrics, 10), "metrics", min(topology.AlarmMetrics, 10) * l.Alarm},
		{"dashboard", 1, "of at most 50 metrics", l.Dashboard},
	}
}

// USD prices a usage.
func (l List) USD(u Usage) float64 { return Sum(l.Items(u)) }

// Sum adds up a bill.
func Sum(items []Item) (usd float64) {
	for _, i := range items {
		usd += i.USD
	}
	return usd
}
