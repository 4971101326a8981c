// Package hubspot is a fake HubSpot portal with the quirks of the true one: date-versioned paths only, batches that one
// bad value sinks without saying which, partial answers by trace id, search that lags, merges that give a new id,
// limits by policy, signed webhooks. It keeps all in memory, starts no goroutine, reads no clock but Options.Now, and
// gives the same answers to the same calls.
package hubspot

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Options of a portal. The zero value is a portal of a small customer: no custom objects, 100 calls in ten seconds.
type Options struct {
	Now           func() time.Time // "" = a clock that stands still on 20 November 2026
	Token         string           // the bearer token that is let in; "" = any
	Portal        int64            // 0 = 4711
	App           int64            // the calling app's id; 0 = 62515
	Version       string           // the date version that is served; "" = 2026-09
	Zone          string           // the portal's time zone, for the daily limit; "" = UTC
	CustomObjects bool             // Enterprise: schemas may be made
	Limit10s      int              // calls in ten seconds; 0 = 100, below 0 = no limit
	LimitDaily    int              // calls a day; 0 = 250,000, below 0 = no limit
	LimitSearch   int              // searches a second; 0 = 5, below 0 = no limit
	SearchLag     time.Duration    // search sees writes after this long
	NoRetryAfter  bool             // a 429 does not say how long to wait
	NoTrace       bool             // errors of a 207 do not say which input they are about
	PerRecord     bool             // bad values and unique clashes spoil one input (207), not the batch (400, 409)
	NoAlias       bool             // updates by the id of a merged record are refused; reads still find the survivor
	LoserKeeps    bool             // a merge keeps the loser's value of a unique property where the winner has none
	Seal          bool             // client credentials of OAuth are checked: ClientID, ClientSecret
	ClientID      string
	ClientSecret  string // also signs webhooks
	Hook          Hook
}

// Call is one call that was let in or refused.
type Call struct {
	Method, Path string
	Status       int
	Inputs       int // of a batch
}

// Portal is the fake. It is safe for concurrent use; calls are served one after another.
type Portal struct {
	mu      sync.Mutex
	o       Options
	zone    *time.Location
	objects map[string]*object
	names   []string // of objects, in the order of creation
	next    int64
	calls   []Call
	burst   []time.Time
	search  []time.Time
	day     string
	today   int
	links   map[string]bool // from|id|to|id
	refuse  map[string]bool // input ids that sink a batch
	tokens  map[string]time.Time
	grants  int
	events  []event
	eventID int64
}

// New makes a portal with contacts, companies, tickets and deals, and nobody in it.
func New(o Options) *Portal {
	if o.Now == nil {
		o.Now = func() time.Time { return time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC) }
	}
	fill := func(n *int, def int) {
		if *n == 0 {
			*n = def
		}
	}
	fill(&o.Limit10s, 100)
	fill(&o.LimitDaily, 250000)
	fill(&o.LimitSearch, 5)
	if o.Portal == 0 {
		o.Portal = 4711
	}
	if o.App == 0 {
		o.App = 62515
	}
	if o.Version == "" {
		o.Version = "2026-09"
	}
	zone, err := time.LoadLocation(o.Zone)
	if err != nil {
		zone = time.UTC
	}
	p := &Portal{o: o, zone: zone, objects: map[string]*object{}, links: map[string]bool{}, refuse: map[string]bool{},
		tokens: map[string]time.Time{}, next: 9001}
	p.standard()
	return p
}

// refusal is an answer that is no success.
type refusal struct {
	status int
	header map[string]string
	body   map[string]any
}

func refuse(status int, category, format string, args ...any) *refusal {
	return &refusal{status: status, body: map[string]any{"status": "error", "message": fmt.Sprintf(format, args...), "category": category,
		"correlationId": "5e1b8f4c-0000-4000-8000-000000000000"}}
}

func (r *refusal) with(key string, v any) *refusal { r.body[key] = v; return r }

// ServeHTTP serves one call of the API.
func (p *Portal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	body, bad := readBody(r)
	status, answer := 200, any(nil)
	if bad == nil {
		bad = p.admit(w, r)
	}
	inputs := 0
	if bad == nil {
		var in struct {
			Inputs []json.RawMessage `json:"inputs"`
		}
		if json.Unmarshal(body, &in) == nil {
			inputs = len(in.Inputs)
		}
		status, answer, bad = p.route(r, body)
	}
	if bad != nil {
		status, answer = bad.status, bad.body
		for k, v := range bad.header {
			w.Header().Set(k, v)
		}
	}
	p.calls = append(p.calls, Call{Method: r.Method, Path: r.URL.Path, Status: status, Inputs: inputs})
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	w.WriteHeader(status)
	if status != http.StatusNoContent {
		_ = json.NewEncoder(w).Encode(answer)
	}
}

// admit checks token and limits, and tells what is left of them.
func (p *Portal) admit(w http.ResponseWriter, r *http.Request) *refusal {
	if strings.HasPrefix(r.URL.Path, "/oauth/") {
		return nil
	}
	now := p.o.Now()
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	until, granted := p.tokens[token]
	switch {
	case !ok:
		return refuse(401, "INVALID_AUTHENTICATION", "Authentication credentials not found. This API supports OAuth 2.0 and service keys.")
	case granted && !now.Before(until):
		return refuse(401, "EXPIRED_AUTHENTICATION", "The OAuth token used to make this call expired some time ago.")
	case !granted && p.o.Token != "" && token != p.o.Token:
		return refuse(401, "INVALID_AUTHENTICATION", "The token used for this call is not known.")
	}
	if day := now.In(p.zone).Format(time.DateOnly); day != p.day {
		p.day, p.today = day, 0
	}
	if strings.HasSuffix(r.URL.Path, "/search") {
		if p.search = within(p.search, now.Add(-time.Second)); p.o.LimitSearch >= 0 && len(p.search) >= p.o.LimitSearch {
			return p.limited("SECONDLY", "You have reached your secondly limit.", 1) // search tells no headers
		}
		p.search = append(p.search, now)
	} else if p.o.Limit10s >= 0 {
		p.burst = within(p.burst, now.Add(-10*time.Second))
		h := w.Header()
		h.Set("X-HubSpot-RateLimit-Max", strconv.Itoa(p.o.Limit10s))
		h.Set("X-HubSpot-RateLimit-Remaining", strconv.Itoa(max(p.o.Limit10s-len(p.burst)-1, 0)))
		h.Set("X-HubSpot-RateLimit-Interval-Milliseconds", "10000")
		if len(p.burst) >= p.o.Limit10s {
			return p.limited("TEN_SECONDLY_ROLLING", "You have reached your ten_secondly_rolling limit.", int(10-now.Sub(p.burst[0]).Seconds())+1)
		}
		p.burst = append(p.burst, now)
	}
	p.today++
	if p.o.LimitDaily >= 0 && p.today > p.o.LimitDaily {
		return p.limited("DAILY", "You have reached your daily limit.", 0)
	}
	return nil
}

func (p *Portal) limited(policy, message string, after int) *refusal {
	r := refuse(429, "RATE_LIMITS", "%s", message).with("policyName", policy).with("errorType", "RATE_LIMIT")
	if after > 0 && !p.o.NoRetryAfter {
		r.header = map[string]string{"Retry-After": strconv.Itoa(after)}
	}
	return r
}

func within(times []time.Time, from time.Time) []time.Time {
	for len(times) > 0 && !times[0].After(from) {
		times = times[1:]
	}
	return times
}

// route finds what a path means. All but the segment with the version is fixed.
func (p *Portal) route(r *http.Request, body []byte) (int, any, *refusal) {
	seg := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	at := slices.Index(seg, p.o.Version)
	if at < 1 {
		return 0, nil, &refusal{status: 404, body: map[string]any{"status": "error", "message": "resource not found"}}
	}
	area, rest := strings.Join(seg[:at], "/"), seg[at+1:]
	m := r.Method
	switch area {
	case "crm/objects":
		return p.objectCall(m, rest, r.URL.Query(), body)
	case "crm/properties":
		return p.propertyCall(m, rest, body)
	case "crm/pipelines":
		if m == http.MethodGet && len(rest) == 1 {
			return p.pipelines(rest[0])
		}
	case "crm-object-schemas":
		if len(rest) > 0 && rest[0] == "schemas" {
			return p.schemaCall(m, rest[1:], body)
		}
	case "crm/associations":
		return p.associationCall(m, rest, body)
	case "account-info":
		if m == http.MethodGet && len(rest) == 1 && rest[0] == "details" {
			return 200, map[string]any{"portalId": p.o.Portal, "accountType": "STANDARD", "timeZone": p.zone.String(), "companyCurrency": "EUR",
				"dataHostingLocation": "eu1", "uiDomain": "app-eu1.hubspot.com"}, nil
		}
	case "oauth":
		if m == http.MethodPost && len(rest) == 1 && rest[0] == "token" {
			return p.token(body)
		}
	}
	return 0, nil, &refusal{status: 404, body: map[string]any{"status": "error", "message": "resource not found"}}
}
