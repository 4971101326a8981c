package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"rapport/shared/config"
	"rapport/shared/decide/pulse"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/rest"
	"rapport/shared/store"
	"rapport/shared/webhook"
)

// An alert goes to people by the channels of the configuration, each by a message of its own. The message names what it is
// about and holds nothing of it. Whoever dies between the call and the end of the message calls again, under the same id, by
// which a receiver of Standard Webhooks knows it.
const (
	alertJob     = "alert#" // leads a message: alert#brand|mention#channel#try#subject
	alertTries   = 12       // over an hour and a half
	alertMention = "mention"
)

// raise tells people of a change of state: the row first, which is there once, whoever tells it again; then the channels.
func (p *Pipeline) raise(ctx context.Context, plan *Plan, b config.Brand, c pulse.Change) error {
	row := store.Row[AlertRow]{Part: b.Name, Sort: alertSort(c.Number), Expires: c.At.Add(alertsFor), Value: AlertRow{Change: c, Say: c.Say()}}
	res := p.alerts.Put(ctx, &row)[0]
	if res.Err != nil && !conflicted(res) {
		return res.Err
	}
	if res.Err == nil {
		p.Ports.Log.Warn("alert", "brand", b.Name, "state", c.To, "say", row.Value.Say)
	}
	return p.notify(ctx, plan, b.Name, c.To, "brand", b.Name+"/"+row.Sort)
}

func alertSort(number int) string { return fmt.Sprintf("%08d", number) }

// notify sends a message for each channel that takes such an alert.
func (p *Pipeline) notify(ctx context.Context, plan *Plan, brand, on, kind, subject string) error {
	for _, a := range plan.Doc.Alerts {
		if a.Takes(brand, on) {
			if err := p.wake(ctx, alertMessage(kind, a.Name, 0, subject), 0); err != nil {
				return err
			}
		}
	}
	return nil
}

func alertMessage(kind, channel string, try int, subject string) string {
	return alertJob + kind + "#" + channel + "#" + strconv.Itoa(try) + "#" + subject
}

// told is what a channel is given: no words of anybody.
type told struct {
	Type string    `json:"type"`
	At   time.Time `json:"timestamp"`
	Data any       `json:"data"`
}

// aboutBrand is the data of an alert on a brand.
type aboutBrand struct {
	Brand string `json:"brand"`
	Say   string `json:"say"`
	pulse.Change
}

// aboutMention is the data of an alert on a mention. Who may see its words finds it by its id.
type aboutMention struct {
	Brand      string `json:"brand"`
	Say        string `json:"say"`
	Mention    string `json:"mention"`
	Permalink  string `json:"permalink,omitempty"`
	Network    string `json:"network"`
	Priority   string `json:"priority"`
	Department string `json:"department"`
}

// deliverAlert calls one channel. What fails is tried again, later each time.
func (p *Pipeline) deliverAlert(ctx context.Context, rest string) error {
	part := strings.SplitN(rest, "#", 4)
	if len(part) != 4 {
		return fault.New(fault.Invalid, "an alert's message is damaged")
	}
	try, _ := strconv.Atoi(part[2])
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return err
	}
	channel, ok := plan.Doc.Alert(part[1])
	if !ok {
		return nil // it is not configured any more
	}
	say, id, err := p.said(ctx, part[0], part[3])
	if err != nil || say == nil {
		return err
	}
	err = p.call(ctx, channel, id, say)
	switch {
	case err == nil:
		return nil
	case fault.Is(err, fault.Invalid), try+1 >= alertTries:
		p.Ports.Log.Error("an alert could not be told", "channel", channel.Name, "error", err.Error())
		return fault.New(fault.Invalid, "alert channel %s: %w", channel.Name, err)
	}
	p.Ports.Log.Warn("an alert is told again later", "channel", channel.Name, "error", err.Error())
	return p.wake(ctx, alertMessage(part[0], channel.Name, try+1, part[3]), max(backoff(try)*min(time.Duration(try+1), 10), fault.After(err)))
}

// said reads what an alert's message is about; nil where that is gone.
func (p *Pipeline) said(ctx context.Context, kind, subject string) (*told, string, error) {
	id := "alert_" + p.hashed("alert", kind, subject)
	if kind == alertMention {
		row, err := p.mentions.One(ctx, subject, "-")
		m, d := row.Value.Mention, row.Value.Decision
		if err != nil || row.Version == 0 || row.Value.Erased || m.Deleted || d.Alert == "" {
			return nil, "", err
		}
		return &told{"rapport.mention.alert", row.Value.At, aboutMention{m.Brand, d.Alert, m.ID, m.Permalink, m.Network, d.Priority, d.Department}}, id, nil
	}
	at := strings.LastIndexByte(subject, '/')
	if at < 0 {
		return nil, "", fault.New(fault.Invalid, "an alert's message is damaged")
	}
	row, err := p.alerts.One(ctx, subject[:at], subject[at+1:])
	if err != nil || row.Version == 0 {
		return nil, "", err
	}
	v := row.Value
	return &told{"rapport.brand." + v.Change.To, v.Change.At, aboutBrand{subject[:at], v.Say, v.Change}}, id, nil
}

// call posts an alert, signed as Standard Webhooks where the channel has a secret.
func (p *Pipeline) call(ctx context.Context, a config.Alert, id string, say *told) error {
	body, err := json.Marshal(say)
	if err != nil {
		return fault.New(fault.Invalid, "alert %s: %w", id, err)
	}
	req := rest.Request{Method: "POST", URL: a.URL, Body: body}
	var secrets map[string]flow.Secret
	if a.Secret != "" {
		if secrets, err = p.secrets(ctx, "alert channel "+a.Name, map[string]string{"secret": a.Secret}); err != nil {
			return err
		}
		if req.Header, err = webhook.SignStandard([]string{secrets["secret"].Reveal()}, id, body, p.now()); err != nil {
			return err
		}
	}
	account := rest.Account{Name: a.Name, Secrets: secrets, HTTP: p.Ports.HTTP, Now: p.now()}
	resp, err := account.Do(ctx, req)
	if err != nil {
		return err
	}
	return rest.Classify(resp, p.now())
}
