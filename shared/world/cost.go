package world

import (
	"time"

	"rapport/shared/cost"
	"rapport/shared/topology"
)

// Cost is what the day would have cost on AWS, estimated.
type Cost struct {
	Prices string // whose, and when they were read
	Parts  []CostPart
	Events float64 // USD for what the day's events caused
	Idle   float64 // USD for a day on which nothing happens
}

// CostPart is one line of the estimate.
type CostPart struct {
	What  string
	Count float64
	Unit  string
	USD   float64
}

// pricesOf is the region whose list prices hold here.
const pricesOf = "us-east-1"

// What is not measured here is reckoned with these.
const (
	receiveTime    = 8 * time.Millisecond // of one webhook, warm
	awsSlower      = 2                    // store and queue answer over a network there: time of all other verbs
	writesPerEvent = 7                    // units: line 1, its settlements 2, mention 2, author 1, conversation 1
	readsPerEvent  = 6                    // units: the same rows before, half a unit per KB at most, and those of deliver
	sqsPerMessage  = 1.3                  // one send; receive and delete in tens, not always full
)

// cost estimates from what was measured: the verbs' batches and time, webhooks, and events.
func (w *world) cost(events int) Cost {
	var requests, seconds, messages float64
	for _, f := range topology.Functions() {
		gb := float64(f.Memory) / 1024
		if f.Name == "receive" {
			for _, tool := range w.sent {
				requests += float64(tool)
				seconds += float64(tool) * receiveTime.Seconds() * gb
			}
			continue
		}
		if f.Name == "poll" || f.Timer {
			continue // clock and polls of an idle day are below
		}
		work := w.meter.of(f.Name)
		requests += float64(work.batches)
		messages += float64(work.messages)
		seconds += awsSlower * max(work.busy.Seconds(), float64(work.batches)*0.001) * gb
	}
	l, _ := cost.Of(pricesOf) // a list that is there: its test says so
	c := Cost{Prices: l.Region + ", " + l.Date}
	add := func(to *float64, what string, count float64, unit string, price float64) {
		c.Parts = append(c.Parts, CostPart{what, count, unit, count * price})
		*to += count * price
	}
	n := float64(events)
	add(&c.Events, "Lambda requests", requests, "requests", l.Invocation)
	add(&c.Events, "Lambda time", seconds, "GB-seconds", l.GBSecond)
	add(&c.Events, "SQS", messages*sqsPerMessage, "requests", l.Request)
	add(&c.Events, "DynamoDB writes", n*writesPerEvent, "units", l.Write)
	add(&c.Events, "DynamoDB reads", n*readsPerEvent, "units", l.Read)
	add(&c.Events, "S3 archive", float64(w.meter.of("enrich").batches), "writes", l.Put)
	for _, i := range l.Items(cost.Waiting(24)) {
		if i.Unit == "GB" { // of a day's log lines
			i.Count, i.Unit = 1000*i.Count, "MB"
		}
		c.Parts = append(c.Parts, CostPart{"waiting: " + i.What, i.Count, i.Unit, i.USD})
		c.Idle += i.USD
	}
	return c
}
