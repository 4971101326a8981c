package hubspot

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"time"

	"rapport/shared/webhook"
)

// Hook is where events go.
type Hook struct {
	Target     string   // public address of the receiver; "" = no webhooks
	Secret     string   // "" = Options.ClientSecret
	Properties []string // whose changes are told; none = all
	Attempts   int      // 0 = 11: the first and ten more over a day
}

// event is one event on its way out.
type event struct {
	body    map[string]any
	due     time.Time
	attempt int
}

// tell queues an event; p.mu is held.
func (p *Portal) tell(o *object, r *row, what string, by value, more map[string]any) {
	if p.o.Hook.Target == "" {
		return
	}
	if name, ok := more["propertyName"].(string); ok && len(p.o.Hook.Properties) > 0 && !slices.Contains(p.o.Hook.Properties, name) {
		return
	}
	now := p.o.Now()
	p.eventID++
	kind := "object." + what
	body := map[string]any{"eventId": p.eventID, "subscriptionId": 7000 + len(what), "portalId": p.o.Portal, "appId": p.o.App, "occurredAt": now.UnixMilli(),
		"objectId": r.id, "changeSource": by.source, "sourceId": by.from}
	if o.custom {
		body["objectTypeId"] = o.id
	} else {
		kind = lower(o.singular) + "." + what
	}
	body["subscriptionType"] = kind
	flags := map[string]string{"creation": "CREATED", "deletion": "DELETED", "restore": "RESTORED"}
	if flags[what] != "" {
		body["changeFlag"] = flags[what]
	}
	for k, v := range more {
		body[k] = v
	}
	p.events = append(p.events, event{body: body, due: now})
}

func lower(s string) string { return string(bytes.ToLower([]byte(s))) }

// Waiting tells how many events are not delivered yet.
func (p *Portal) Waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.events)
}

// Deliver sends the events that are due, up to a hundred in a call, signed; what is not answered with 2xx comes again
// later. It gives the number of events that were taken.
func (p *Portal) Deliver(ctx context.Context, client *http.Client) int {
	taken := 0
	for range 1000 {
		p.mu.Lock()
		now := p.o.Now()
		hook, app := p.o.Hook, p.o.ClientSecret
		var batch, rest []event
		for _, e := range p.events {
			if len(batch) < 100 && !e.due.After(now) {
				batch = append(batch, e)
			} else {
				rest = append(rest, e)
			}
		}
		p.events = rest
		p.mu.Unlock()
		if len(batch) == 0 {
			return taken
		}
		if hook.Secret != "" {
			app = hook.Secret
		}
		if post(ctx, client, hook.Target, app, batch, now) {
			taken += len(batch)
			continue
		}
		p.again(batch, now, hook)
	}
	return taken
}

// again puts a refused batch back, later each time.
func (p *Portal) again(batch []event, now time.Time, hook Hook) {
	if hook.Attempts == 0 {
		hook.Attempts = 11
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range batch {
		e.attempt++
		e.due = now.Add(time.Minute << min(e.attempt, 7))
		if e.attempt < hook.Attempts {
			p.events = append(p.events, e)
		}
	}
}

func post(ctx context.Context, client *http.Client, target, secret string, batch []event, now time.Time) bool {
	var list []map[string]any
	for _, e := range batch {
		e.body["attemptNumber"] = e.attempt
		list = append(list, e.body)
	}
	body, _ := json.Marshal(list)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return false
	}
	req.Header = webhook.SignHubSpot(secret, http.MethodPost, target, body, now)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "HubSpot Connect 2.0 (http://dev.hubspot.com/)")
	resp, err := client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
	return resp.StatusCode/100 == 2
}
