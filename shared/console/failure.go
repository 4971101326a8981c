package console

import (
	"regexp"
	"slices"
	"sort"
	"strconv"
	"time"

	"rapport/shared/fault"
	"rapport/shared/queue"
)

type failures struct {
	Causes  []cause   `json:"causes"`
	Parked  []health  `json:"parked"`
	Rejects []row     `json:"rejected"`
	Lanes   []laneRow `json:"lanes"`
}

// cause is why some things failed in the same way.
type cause struct {
	Where    string    `json:"where"` // CRM account or lane
	Lane     bool      `json:"lane,omitempty"`
	Say      string    `json:"say"` // and the kind, to send those alike again
	Mend     string    `json:"mend"`
	N        int       `json:"n"`
	Newest   time.Time `json:"newest"`
	Mentions []string  `json:"mentions,omitempty"`
}

type laneRow struct {
	Name                         string `json:"name"`
	Waiting, Held, Delayed, Dead int
	Oldest                       string `json:"oldest,omitempty"`
}

var numbers = regexp.MustCompile(`[0-9a-fA-F-]{6,}|\d+`)

// alike makes reasons equal that differ in numbers and ids alone.
func alike(reason string) string { return numbers.ReplaceAllString(reason, "…") }

func (c *Console) failures(q *request) (answer, error) {
	ctx := q.r.Context()
	plan, err := c.plan(ctx)
	if err != nil {
		return answer{}, err
	}
	var f failures
	doc, whole := q.narrowed(plan.Doc), q.scope() == ""
	groups := map[string]*cause{}
	note := func(where string, lane bool, reason, mention string, at time.Time) {
		key := where + "\x00" + alike(reason)
		g := groups[key]
		if g == nil {
			g = &cause{Where: where, Lane: lane, Say: reason, Mend: advice(reason)}
			groups[key] = g
		}
		g.N++
		if at.After(g.Newest) {
			g.Newest = at
		}
		if mention != "" && len(g.Mentions) < 5 {
			g.Mentions = append(g.Mentions, mention)
		}
	}
	depth, err := c.Queue.Depth(ctx)
	if err != nil {
		return answer{}, err
	}
	for _, d := range depth {
		l := laneRow{Name: string(d.Lane), Waiting: d.Waiting, Held: d.Held, Delayed: d.Delayed, Dead: d.Dead}
		if d.Oldest > 0 {
			l.Oldest = span(q.lang, d.Oldest)
		}
		f.Lanes = append(f.Lanes, l)
		if d.Dead > 0 && whole { // a lane is everybody's
			letters, err := c.Queue.Dead(ctx, d.Lane, 200)
			if err != nil {
				return answer{}, err
			}
			for _, l := range letters {
				note(string(d.Lane), true, l.Reason, "", l.At)
			}
		}
	}
	for _, a := range doc.CRMs {
		if !q.owns(a, true) {
			continue
		}
		dead, err := c.Pipeline.DeadDeliveries(ctx, a.Name, 500)
		if err != nil {
			return answer{}, err
		}
		for _, d := range dead {
			note(a.Name, false, d.Reason, d.Mention, d.At)
		}
	}
	for _, key := range sortedKeys(groups) {
		f.Causes = append(f.Causes, *groups[key])
	}
	sort.SliceStable(f.Causes, func(i, j int) bool { return f.Causes[i].N > f.Causes[j].N })
	all, err := c.healths(ctx, doc)
	if err != nil {
		return answer{}, err
	}
	f.Parked = slices.DeleteFunc(all, func(h health) bool { return h.State == "ok" && h.Parked == 0 })
	return answer{Title: "Failures", Data: f}, nil
}

// advice says what to do about a cause, in plain words.
func advice(reason string) string {
	for _, a := range []struct{ if_, say string }{
		{`(?i)unauthor|credential|token|401|403`, "Renew the account's secret or log in again, test it, then send these again."},
		{`(?i)field|property|choice|picklist|required|too long`, "Mend the mapping of that field, try it in a dry run, publish, then send these again."},
		{`(?i)gone|deleted`, "Somebody deleted the record in the CRM; it is not made again unless you send it."},
		{`(?i)limit|quota|429`, "The vendor's limit was reached; send these again when it is free."},
		{`(?i)panic|crash|times`, "The worker could not finish; the log says why. Send one again to see."},
	} {
		if regexp.MustCompile(a.if_).MatchString(reason) {
			return a.say
		}
	}
	return "Look at one of them, mend what its reason names, then send these again."
}

func (c *Console) redrive(q *request) (answer, error) {
	ctx, where := q.r.Context(), q.value("where")
	limit, err := strconv.Atoi(q.value("limit"))
	if err != nil || limit < 1 || limit > 5000 {
		limit = 1000
	}
	plan, err := c.plan(ctx)
	if err != nil {
		return answer{}, err
	}
	account, isAccount := q.narrowed(plan.Doc).CRM(where)
	lanes, err := c.Queue.Depth(ctx)
	if err != nil {
		return answer{}, err
	}
	at := slices.IndexFunc(lanes, func(d queue.Depth) bool { return string(d.Lane) == where })
	if whole := q.scope() == ""; !isAccount && (at >= 0 && !whole) || isAccount && !q.owns(account, true) {
		return answer{}, fault.New(fault.Unauthorized, "%s serves other brands too: your role must hold for all of them", where)
	}
	if !isAccount && at < 0 {
		return answer{}, fault.New(fault.NotFound, "there is no lane and no CRM account %q", where)
	}
	var n int
	kind := alike(q.value("kind"))
	wanted := func(reason string) bool { return kind == "" || alike(reason) == kind }
	if q.value("try") == "1" {
		if isAccount {
			dead, err := c.Pipeline.DeadDeliveries(ctx, where, 5000)
			if err != nil {
				return answer{}, err
			}
			for _, d := range dead {
				if n < limit && wanted(d.Reason) {
					n++
				}
			}
		} else {
			n = min(lanes[at].Dead, limit)
		}
		return answer{Data: map[string]any{"would": n}, To: "/failures", Say: strconv.Itoa(n) + " would be sent again; nothing was done"}, nil
	}
	if isAccount {
		n, err = c.Pipeline.RedriveSome(ctx, where, limit, wanted)
	} else {
		n, err = c.Queue.Redrive(ctx, queue.Lane(where), limit)
	}
	if err != nil {
		return answer{}, err
	}
	return answer{Data: map[string]any{"redriven": n}, To: "/failures", Say: strconv.Itoa(n) + " sent again"}, c.note(ctx, q.who.User, "redrove", where+" "+strconv.Itoa(n))
}
