package cost

import (
	"bytes"
	"errors"
	"math"
	"time"

	"go.yaml.in/yaml/v4"

	"rapport/shared/fault"
	"rapport/shared/topology"
)

// Volumes is what somebody expects of a month: the file of `rapport cost --plan`.
type Volumes struct {
	Region  string        `yaml:"region"` // whose prices; default eu-central-1
	Hours   float64       `yaml:"hours"`  // of a day, in which nearly all comes; default 12
	Window  time.Duration `yaml:"window"` // how long a batch may fill up; default 1 s, as the stack is set
	Batch   float64       `yaml:"batch"`  // messages of a batch, where somebody knows; default: by rate and window
	Streams []Stream      `yaml:"streams"`
	CRMs    []Target      `yaml:"crms"`
}

// Stream is where mentions come from. Shares are percent of its mentions.
type Stream struct {
	Name     string        `yaml:"name"`
	By       string        `yaml:"by"`       // webhook or poll
	Mentions float64       `yaml:"mentions"` // new ones a month
	Repeats  float64       `yaml:"repeats"`  // come once more
	LeftOut  float64       `yaml:"left_out"` // go to no CRM, by a rule or as the brand's own
	Talk     float64       `yaml:"talk"`     // begin or continue a conversation
	People   float64       `yaml:"people"`   // are by somebody who is a person in a CRM, or becomes one
	Every    time.Duration `yaml:"every"`    // between polls; default 2 m
	Page     float64       `yaml:"page"`     // mentions of a page, at most; default 40
	Fee      float64       `yaml:"fee"`      // USD that the network takes for one mention
}

// Target is a CRM account that gets them.
type Target struct {
	Name   string  `yaml:"name"`
	Cases  bool    `yaml:"cases"`  // holds a record for each conversation
	People bool    `yaml:"people"` // holds a record for each person
	Batch  float64 `yaml:"batch"`  // records of a call; default 100
	Daily  float64 `yaml:"daily"`  // calls a day that the CRM allows; 0 = not known
}

// Bill is what a month would cost.
type Bill struct {
	Region   string    `json:"region"`
	Date     string    `json:"date"`
	Source   string    `json:"source"`
	Mentions float64   `json:"mentions"`
	Enrich   float64   `json:"enrich_batch"`  // mean messages of a batch, as reckoned
	Deliver  float64   `json:"deliver_batch"` //
	Streams  []Part    `json:"streams"`
	CRMs     []Calling `json:"crms"`
	Items    []Item    `json:"items"` // of AWS, all together
	Idle     float64   `json:"idle_usd"`
	Waiting  []Item    `json:"waiting"` // what Idle consists of
	Watch    []Item    `json:"watch"`   // alarms and dashboard, which are charged by the month
	Free     []Item    `json:"free"`    // what every account has free each month, as far as this uses it
	AWS      float64   `json:"aws_usd"`
	Fees     float64   `json:"fees_usd"`
	USD      float64   `json:"usd"`
}

// Part is a stream's share.
type Part struct {
	Name       string  `json:"name"`
	Mentions   float64 `json:"mentions"`
	AWS        float64 `json:"aws_usd"`
	PerMillion float64 `json:"aws_usd_per_million"`
	Fees       float64 `json:"fees_usd"`
}

// Calling is what a CRM's quota has to bear.
type Calling struct {
	Name  string  `json:"name"`
	Calls float64 `json:"calls_a_day"`
	Share float64 `json:"percent_of_quota,omitempty"`
}

const (
	days     = 30 // of a month
	most     = 100
	perPoll  = 20 // pages of one poll, at most
	usually  = 12 // hours
	maxHours = 24
)

// Parse reads volumes. Invalid says what is wrong, and where.
func Parse(text []byte) (Volumes, error) {
	var v Volumes
	if len(bytes.TrimSpace(text)) == 0 { // nothing is planned: what waiting costs
		return v, v.check()
	}
	if err := yaml.Load(text, &v, yaml.WithKnownFields()); err != nil {
		return v, fault.New(fault.Invalid, "the volumes cannot be read: %w", err)
	}
	return v, v.check()
}

func (v *Volumes) check() error {
	var wrong []error
	say := func(format string, args ...any) { wrong = append(wrong, fault.New(fault.Invalid, format, args...)) }
	if _, err := Of(v.Region); err != nil {
		wrong = append(wrong, err)
	}
	if v.Hours == 0 {
		v.Hours = usually
	}
	if v.Window == 0 {
		v.Window = time.Second
	}
	if v.Hours < 0 || v.Hours > maxHours || v.Window < 0 || v.Batch < 0 || v.Batch > most {
		say("hours are 0 to 24, window is not negative, batch is 1 to %d", most)
	}
	for i := range v.Streams {
		s := &v.Streams[i]
		if s.By != "webhook" && s.By != "poll" {
			say("streams: %s: by is %q: it must be webhook or poll", s.Name, s.By)
		}
		if s.Every == 0 {
			s.Every = 2 * time.Minute
		}
		if s.Page == 0 {
			s.Page = 40
		}
		if s.Mentions < 0 || s.Fee < 0 || s.Every < time.Second || s.Page < 1 {
			say("streams: %s: mentions and fee are not negative, every is at least 1s, page at least 1", s.Name)
		}
		for _, share := range []float64{s.Repeats, s.LeftOut, s.Talk, s.People} {
			if share < 0 || share > 100 {
				say("streams: %s: shares are percent, 0 to 100", s.Name)
				break
			}
		}
	}
	for i := range v.CRMs {
		c := &v.CRMs[i]
		if c.Batch == 0 {
			c.Batch = 100
		}
		if c.Batch < 1 || c.Daily < 0 {
			say("crms: %s: batch is at least 1, daily not negative", c.Name)
		}
	}
	return errors.Join(wrong...)
}

// Bill reckons.
func (v Volumes) Bill() (Bill, error) {
	list, err := Of(v.Region)
	if err == nil {
		err = v.check()
	}
	if err != nil {
		return Bill{}, err
	}
	b := Bill{Region: list.Region, Date: list.Date, Source: list.Source}
	b.Enrich, b.Deliver = v.fill()
	total := Usage{}
	calls := make([]float64, len(v.CRMs))
	for _, s := range v.Streams {
		u := v.stream(s, b.Enrich, b.Deliver, calls)
		p := Part{Name: s.Name, Mentions: s.Mentions, AWS: list.USD(u), Fees: s.Fee * s.Mentions}
		if s.Mentions > 0 {
			p.PerMillion = p.AWS / s.Mentions * million
		}
		b.Streams, total = append(b.Streams, p), total.Plus(u)
		b.Mentions, b.Fees = b.Mentions+s.Mentions, b.Fees+p.Fees
	}
	idle := Waiting(days * 24)
	b.Waiting, b.Watch = list.Items(idle), list.Watching()
	b.Idle, total = Sum(b.Waiting), total.Plus(idle)
	for i, c := range v.CRMs {
		one := Calling{Name: c.Name, Calls: calls[i] / days}
		if c.Daily > 0 {
			one.Share = 100 * one.Calls / c.Daily
		}
		b.CRMs = append(b.CRMs, one)
	}
	b.Items = append(list.Items(total), b.Watch...)
	b.Free = list.free(total)
	b.AWS = Sum(b.Items)
	b.USD = b.AWS + b.Fees
	return b, nil
}

// Waiting is what so many hours use in which nothing comes.
func Waiting(hours float64) Usage {
	u := Tick.Of(1).Times(60).Plus(Quarter.Of(1).Times(4))
	for _, q := range topology.Queues() {
		if q.Masses {
			u = u.Plus(ListenBound.Of(1))
		} else {
			u = u.Plus(Listen.Of(1))
		}
	}
	return u.Times(hours)
}

// fill reckons how full batches are: what comes within the window, and what one message brings. Deliveries come in the
// swarm that a batch of enrich sends.
func (v Volumes) fill() (enrich, deliver float64) {
	messages, mentions := 0.0, 0.0
	for _, s := range v.Streams {
		mentions += s.Mentions
		if s.By == "poll" {
			messages += v.pages(s)
		} else {
			messages += s.Mentions * (1 + s.Repeats/100)
		}
	}
	if v.Batch > 0 {
		return v.Batch, v.Batch
	}
	enrich = bounded(messages / (days * v.Hours * 3600) * v.Window.Seconds())
	if messages > 0 {
		deliver = enrich * mentions / messages
	}
	return enrich, bounded(deliver)
}

func bounded(n float64) float64 { return min(max(n, 1), most) }

// polls and pages that a stream takes in a month.
func (v Volumes) polls(s Stream) float64 { return days * 24 * float64(time.Hour) / float64(s.Every) }

func (v Volumes) pages(s Stream) float64 {
	active := v.polls(s) * v.Hours / 24
	each := s.Mentions / active
	return active * min(1, each) * max(1, math.Ceil(each/s.Page))
}

// stream is what a stream uses, and the calls it makes of each CRM.
func (v Volumes) stream(s Stream, enrich, deliver float64, calls []float64) Usage {
	u := Usage{}
	add := func(step Step, n, fill float64) { u = u.Plus(step.Of(fill).Times(n)) }
	messages := s.Mentions * (1 + s.Repeats/100)
	if s.By == "poll" {
		messages = v.pages(s)
		add(Poll, max(v.polls(s), messages/perPoll), 1)
		add(Page, messages, enrich)
	} else {
		add(Webhook, messages, enrich)
	}
	add(Enrich, messages/enrich, enrich)
	add(Mention, s.Mentions, enrich)
	add(Repeat, s.Mentions*s.Repeats/100, enrich)
	add(Conversation, s.Mentions*s.Talk/100, enrich)
	add(Person, s.Mentions*s.People/100, enrich)
	sent := s.Mentions * (1 - s.LeftOut/100)
	for i, c := range v.CRMs {
		add(Delivery, sent, deliver)
		add(Deliver, sent/deliver, deliver)
		calls[i] += sent / min(deliver, c.Batch)
		if i > 0 { // accounts that settle the same line get into each other's way
			u.Writes += sent
		}
		for _, shared := range []struct {
			wanted bool
			share  float64
		}{{c.Cases, s.Talk}, {c.People, s.People}} {
			if shared.wanted {
				add(Shared, sent*shared.share/100, deliver)
				calls[i] += sent * min(shared.share/100, 1/min(deliver, c.Batch))
			}
		}
	}
	return u
}

// Lean is the plan that the budgets are about: a million mentions, known authors, one CRM account, one record each, full
// batches; without the idle part.
func Lean(region, by string) (Usage, List, error) {
	v := Volumes{Region: region, Batch: most, Streams: []Stream{{Name: "lean", By: by, Mentions: million}}, CRMs: []Target{{Name: "crm"}}}
	list, err := Of(region)
	if err == nil {
		err = v.check()
	}
	return v.stream(v.Streams[0], most, most, make([]float64, 1)), list, err
}
