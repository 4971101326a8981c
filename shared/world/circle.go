package world

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"rapport/shared/crm/salesforce"
	"rapport/shared/fault"
	"rapport/shared/flow"
	bluesky "rapport/shared/twin/bluesky"
	feed "rapport/shared/twin/feed"
	meta "rapport/shared/twin/meta"
	salesforcetwin "rapport/shared/twin/salesforce"
	x "rapport/shared/twin/x"
)

// circle is the second brand's day: Nordlicht Reisen is talked about on Bluesky, Facebook, Instagram, X and in the press, and
// works in Salesforce.
type circle struct {
	sky   *bluesky.Server
	meta  *meta.Server
	x     *x.Server
	press *feed.Site
	org   *salesforcetwin.Org

	native map[string]string // label → id on its network, without the network's name
	on     map[string]string // label → network, as mention ids lead with it
	asked  map[string]string // label → answer that an agent approved
	noted  []string          // what an agent wrote where no answer is meant
	forgot []string          // labels of who asked Meta to be forgotten
}

// Objects and fields of Salesforce that the demo's people use.
const (
	cases       = "Case"
	sfMentions  = "rapport_mention__c"
	sfKey       = "rapport_key__c"
	sfReplies   = "rapport_reply__c"
	sfReplyText = "rapport_reply__c"
	sfReplyIs   = "rapport_reply_state__c"
)

// public is where the outside believes the home to be. Only the demo's own callers know the way from there.
const public = "https://rapport.nordlicht.example"

// door leads calls for the public address to where the home listens.
type door struct {
	w    *world
	next http.RoundTripper
}

// RoundTrip makes one call.
func (d door) RoundTrip(r *http.Request) (*http.Response, error) {
	if "https://"+r.URL.Host == public {
		r = r.Clone(r.Context())
		r.URL.Scheme, r.URL.Host = "http", d.w.listen
	}
	return d.next.RoundTrip(r)
}

// CloseIdleConnections closes those of the transport behind.
func (d door) CloseIdleConnections() {
	if c, ok := d.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// openCircle starts the fakes of the second brand; their fronts are there already.
func (w *world) openCircle() *strings.Replacer {
	c := &circle{native: map[string]string{}, on: map[string]string{}, asked: map[string]string{}}
	w.circle = c
	for _, name := range []string{"META_APP_SECRET", "META_VERIFY", "META_TOKEN", "X_BEARER", "X_TOKEN", "X_CONSUMER", "BLUESKY_PASSWORD", "SALESFORCE_ADMIN", "SALESFORCE_SECRET"} {
		w.vault[name] = rand.Text()
	}
	w.vault["META_APP_ID"] = "7001"
	c.sky = bluesky.New(bluesky.Options{Brand: "reisen.nordlicht.example", Password: w.vault["BLUESKY_PASSWORD"]})
	c.meta = meta.New(meta.Options{HTTP: w.http, Target: w.hook("meta"), AppSecret: w.vault["META_APP_SECRET"], Verify: w.vault["META_VERIFY"], Token: w.vault["META_TOKEN"], Batch: 3, Twice: true})
	c.x = x.New(x.Options{Brand: "nordlichtreisen", Bearer: w.vault["X_BEARER"], Token: w.vault["X_TOKEN"], Consumer: w.vault["X_CONSUMER"], Hooks: w.http})
	c.press = feed.New(feed.Options{Self: w.fronts["press"].url, Title: "Küstenblatt"})
	c.org = salesforcetwin.New(salesforcetwin.Options{Now: time.Now, Admin: w.vault["SALESFORCE_ADMIN"], ClientID: "demo-app", ClientSecret: w.vault["SALESFORCE_SECRET"]})
	c.org.Queue("Social")
	for name, service := range map[string]http.Handler{"bluesky": c.sky, "meta": c.meta, "x": c.x, "press": c.press, "salesforce": c.org} {
		w.fronts[name].service = service
	}
	return strings.NewReplacer("${BLUESKY}", w.fronts["bluesky"].url, "${META}", w.fronts["meta"].url, "${X}", w.fronts["x"].url, "${PRESS}", w.fronts["press"].url,
		"${SALESFORCE}", w.fronts["salesforce"].url, "${BLUESKY_ID}", c.sky.Brand(), "${X_ID}", c.x.Brand())
}

// prepareSalesforce makes our fields and objects there, with an administrator's token, and learns them.
func (w *world) prepareSalesforce(ctx context.Context) error {
	a, err := w.home.Connect(ctx, "salesforce")
	if err != nil {
		return err
	}
	plan, err := w.home.Plan(ctx, "")
	if err != nil {
		return err
	}
	steps, err := salesforce.New().Apply(ctx, a, plan.Mapping.Objects("salesforce"))
	if err == nil {
		err = failed(steps)
	}
	if err == nil {
		err = w.home.Learn(ctx, "salesforce")
	}
	if err != nil {
		return fmt.Errorf("setting Salesforce up: %w", err)
	}
	return nil
}

// joinCircle waits until the networks of the second brand know the home: polled once, webhooks subscribed.
func (w *world) joinCircle(ctx context.Context) error {
	if err := w.circle.meta.Subscribe(ctx); err != nil {
		return fmt.Errorf("Meta's check of the callback address: %w", err)
	}
	return until(ctx, "the second brand's networks know the home", func(context.Context) (bool, error) {
		return w.circle.polls(w) > 0 && w.circle.x.Calls("POST /2/activity/subscriptions") > 0 && w.fronts["x"].answered("GET /2/users/") > 0, nil
	})
}

// polls counts the rounds in which all polled networks of the circle were read.
func (c *circle) polls(w *world) int {
	return min(w.fronts["bluesky"].answered("GET /xrpc/app.bsky.notification.listNotifications"), w.fronts["press"].answered("GET /feed"))
}

// reisen makes a step of a line about the second brand.
func (w *world) reisen(l line) (step, error) {
	s := step{what: "posts"}
	switch l.Do {
	case "":
		s.do = func(ctx context.Context) error { return w.say(ctx, l) }
	case "edit", "delete":
		s.do = func(ctx context.Context) error { return w.unsay(ctx, l) }
	case "answer", "reply", "note":
		s.what = "in the CRMs"
		s.do = func(ctx context.Context) error { return w.agent(ctx, l) }
	case "forget":
		s.what = "objections"
		s.do = func(ctx context.Context) error { return w.forget(ctx, l) }
	default:
		return s, fault.New(fault.Invalid, "nobody knows how to %q", l.Do)
	}
	return s, nil
}

// say lets somebody of the second brand's day speak.
func (w *world) say(ctx context.Context, l line) error {
	c, re := w.circle, w.circle.native[l.Re]
	if l.Re != "" && re == "" {
		return fault.New(fault.Invalid, "nothing is labelled %q", l.Re)
	}
	var native string
	on := l.On
	switch l.On {
	case "bluesky":
		native = c.sky.Post(bluesky.Post{By: l.By, Text: l.Text, ReplyTo: re, Langs: []string{"de"}})
	case "x":
		if l.Vis == "direct" {
			native = c.x.Message(l.By, l.Text)
		} else {
			native = c.x.Post(x.Post{By: l.By, Text: l.Text, ReplyTo: re, Language: "de"})
		}
		c.x.Deliver(ctx)
	case "press":
		at := c.press.Publish(feed.Entry{Title: l.Title, HTML: l.Text, Author: l.By, At: w.when(l)})
		native = strings.TrimPrefix(w.fronts["press"].url, "http://") + "/feed#" + at
		if strings.Contains(at, ":") {
			native = at
		}
		on = "feed"
	case meta.Facebook, meta.Instagram:
		on = "meta"
		if l.By != "" {
			c.meta.Add(meta.Person{ID: l.By, Name: l.Name, Username: strings.ReplaceAll(strings.ToLower(l.Name), " ", "_"), Followers: len(l.Name) * 31, Login: "app" + l.By})
		}
		if l.Vis == "direct" {
			native = c.meta.Write(l.On, l.By, l.Text)
		} else {
			p := meta.Post{Platform: l.On, By: l.By, Text: l.Text, Mention: l.By != "" && re == "", At: w.when(l)}
			if p.On = re; l.By != "" && re != "" && strings.HasPrefix(l.ID, "re-") { // it answers a comment
				p.On, p.Parent = w.circle.native[l.Of], re
			}
			native = c.meta.Say(p)
		}
		if err := w.sendMeta(ctx); err != nil {
			return err
		}
	default:
		return fault.New(fault.Invalid, "nobody speaks on %q", l.On)
	}
	label := l.ID
	if label == "" {
		label = "#" + on + native
	}
	c.native[label], c.on[label] = native, on
	return nil
}

// sendMeta sends Meta's webhooks until all are taken.
func (w *world) sendMeta(ctx context.Context) error {
	for range 5 {
		r, err := w.circle.meta.Send(ctx)
		if err != nil || r.Open == 0 {
			return err
		}
		if r.Refused > 0 {
			return fault.New(fault.Unavailable, "hook meta: %s", r.Last)
		}
	}
	return fault.New(fault.Unavailable, "hook meta takes nothing")
}

// heard waits until a labelled mention of the circle has arrived, and gives its id.
func (w *world) heard(ctx context.Context, label string) (string, error) {
	id := flow.MentionID(w.circle.on[label], w.circle.native[label])
	if w.circle.native[label] == "" {
		return "", fault.New(fault.Invalid, "nothing is labelled %q", label)
	}
	return id, until(ctx, "“"+label+"” has arrived", func(ctx context.Context) (bool, error) {
		_, err := w.home.Story(ctx, id)
		if fault.Is(err, fault.NotFound) {
			return false, nil
		}
		return err == nil, err
	})
}

// unsay edits or deletes what was said once it is known.
func (w *world) unsay(ctx context.Context, l line) error {
	if _, err := w.heard(ctx, l.Of); err != nil {
		return err
	}
	c, native := w.circle, w.circle.native[l.Of]
	switch c.on[l.Of] + " " + l.Do {
	case "meta edit":
		c.meta.Edit(native, l.Text)
		return w.sendMeta(ctx)
	case "meta delete":
		c.meta.Remove(native)
		return w.sendMeta(ctx)
	case "x delete":
		c.x.Delete(native)
		c.x.Deliver(ctx)
		return nil
	}
	return fault.New(fault.Invalid, "the demo cannot %s on %s", l.Do, c.on[l.Of])
}

// caseOf waits for the case of a labelled mention's conversation and gives its id.
func (w *world) caseOf(ctx context.Context, label string) (string, error) {
	id, err := w.heard(ctx, label)
	if err != nil {
		return "", err
	}
	found := ""
	return found, until(ctx, "there is a case for “"+label+"”", func(ctx context.Context) (bool, error) {
		story, err := w.home.Story(ctx, id)
		if err != nil || story.Conversation == nil {
			return false, err
		}
		key := flow.Key(flow.KindConversation, story.Conversation.ID)
		for _, row := range w.circle.org.Rows(cases) {
			if row[sfKey] == key {
				found, _ = row["Id"].(string)
				return found != "", nil
			}
		}
		return false, nil
	})
}

// agent is a human in Salesforce: approves an answer in the case, makes a reply record of the case, or writes a note.
func (w *world) agent(ctx context.Context, l line) error {
	id, err := w.caseOf(ctx, l.Of)
	if err != nil {
		return err
	}
	switch l.Do {
	case "answer":
		w.circle.org.Edit(id, map[string]any{sfReplyText: l.Text, sfReplyIs: flow.Approved})
		w.circle.asked[l.Of] = l.Text
	case "reply":
		w.circle.org.Create(sfReplies, map[string]any{"rapport_case_link__c": id, "rapport_text__c": l.Text, "rapport_state__c": flow.Approved, "rapport_visibility__c": "private"})
		w.circle.asked[l.Of] = l.Text
	case "note":
		w.circle.org.Edit(id, map[string]any{"Description": l.Text})
		w.circle.noted = append(w.circle.noted, l.Text)
	}
	return nil
}

// forget is somebody who asks Meta to be forgotten by the app; the page that Meta is told says when it is done.
func (w *world) forget(ctx context.Context, l line) error {
	id, err := w.heard(ctx, l.Of)
	if err != nil {
		return err
	}
	if err := w.written(ctx, id); err != nil {
		return err
	}
	page, _, err := w.circle.meta.Forget(ctx, "app"+l.By)
	if err != nil {
		return err
	}
	w.circle.forgot = append(w.circle.forgot, l.Of)
	return until(ctx, "the status page says that the person is forgotten", func(ctx context.Context) (bool, error) {
		text, err := w.page(ctx, page)
		return strings.Contains(text, "was carried out"), err
	})
}

// page reads a page of the home by its public address.
func (w *world) page(ctx context.Context, address string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", err
	}
	resp, err := w.http.Do(r)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	return string(text), err
}

// spoken lists the mention ids of the circle, those that came by the API among them.
func (c *circle) spoken() []string {
	var out []string
	for label, native := range c.native {
		out = append(out, flow.MentionID(c.on[label], native))
	}
	for _, p := range c.sky.Posted() {
		out = append(out, flow.MentionID("bluesky", p.URI))
	}
	return out
}

// answers gives all texts that came by the networks' APIs.
func (c *circle) answers() []string {
	var out []string
	for _, p := range c.sky.Posted() {
		out = append(out, p.Text)
	}
	for _, p := range c.meta.Sent() {
		out = append(out, p.Text)
	}
	for _, p := range c.x.Posted() {
		out = append(out, p.Text)
	}
	return out
}

// unanswered lists the labels whose approved answer is not out.
func (c *circle) unanswered() []string {
	var out []string
	for _, label := range sorted(c.asked) {
		if !slices.ContainsFunc(c.answers(), func(a string) bool { return strings.Contains(a, c.asked[label]) }) {
			out = append(out, label)
		}
	}
	return out
}

// check gives what is wrong in the second brand's day.
func (c *circle) check(held map[string]bool) (problems []string) {
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	for _, label := range c.forgot {
		delete(held, flow.MentionID(c.on[label], c.native[label]))
	}
	for _, id := range sorted(held) {
		if n := c.org.Count(sfMentions, sfKey, flow.Key(flow.KindMention, id)); n != 1 {
			wrong("Salesforce holds %d records of mention %s", n, id)
		}
	}
	for _, object := range []string{cases, sfMentions, "Contact"} {
		for _, key := range c.org.Doubles(object, sfKey) {
			if key != "" {
				wrong("Salesforce holds %s twice in %s", key, object)
			}
		}
	}
	answers := c.answers()
	for _, label := range sorted(c.asked) {
		n := 0
		for _, a := range answers {
			if strings.Contains(a, c.asked[label]) {
				n++
			}
		}
		if n != 1 {
			wrong("the approved answer to “%s” stands on its network %d times", label, n)
		}
	}
	for _, text := range c.noted {
		for _, a := range answers {
			if strings.Contains(a, text) {
				wrong("a note of an agent was sent: “%s”", text)
			}
		}
	}
	if len(answers) != len(c.asked) {
		wrong("%d answers were sent, %d were approved", len(answers), len(c.asked))
	}
	return problems
}
