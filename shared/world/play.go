package world

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"strings"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	nethook "rapport/shared/network/hook"
	"rapport/shared/pipeline"
	mastodontwin "rapport/shared/twin/mastodon"
)

// play lets the day happen, as fast as it goes: a step only waits for what it comes back to.
func (w *world) play(ctx context.Context, steps []step) error {
	hour, counts := time.Duration(-1), map[string]int{}
	for _, s := range steps {
		if now := s.at.Truncate(2 * time.Hour); now != hour {
			w.tellHours(hour, counts)
			hour, counts = now, map[string]int{}
		}
		if err := s.do(ctx); err != nil {
			return fmt.Errorf("at %02d:%02d: %w", int(s.at.Hours()), int(s.at.Minutes())%60, err)
		}
		counts[s.what]++
	}
	w.tellHours(hour, counts)
	return nil
}

// social1 makes a step of a line about the social network.
func (w *world) social1(l line) (step, error) {
	s := step{what: "posts"}
	switch l.Do {
	case "":
		s.do = func(ctx context.Context) error { return w.post(ctx, l) }
	case "edit":
		s.do = func(ctx context.Context) error { return w.edit(ctx, l) }
	case "delete":
		s.do = func(ctx context.Context) error { return w.remove(ctx, l) }
	case "object":
		s.what = "objections"
		s.do = func(ctx context.Context) error { return w.object(ctx, l) }
	default:
		return s, fault.New(fault.Invalid, "nobody knows how to %q", l.Do)
	}
	return s, nil
}

// post says something. Answers carry the handle of whom they answer, as clients write it.
func (w *world) post(ctx context.Context, l line) error {
	if l.Re != "" && w.said[l.Re] == "" {
		return fault.New(fault.Invalid, "nothing is labelled %q", l.Re)
	}
	text := l.Text
	if l.Re != "" && l.By != "" && !strings.Contains(text, "@nordlicht") {
		text = "@nordlicht " + text
	}
	lang := l.Lang
	if lang == "" {
		lang = "de"
	}
	if l.By != "" {
		w.person(l.By)
	}
	id := w.social.Post(mastodontwin.Post{By: l.By, Text: text, Language: lang, Visibility: l.Vis, ReplyTo: w.said[l.Re], At: w.when(l)})
	label := l.ID
	if label == "" {
		label = "#" + id
	}
	w.said[label] = id
	if l.Also {
		return w.monitored(ctx, l, id, text, lang)
	}
	return nil
}

// person adds somebody with numbers of their own, the same at every play.
func (w *world) person(handle string) {
	name, domain, _ := strings.Cut(handle, "@")
	h := fnv.New32a()
	h.Write([]byte(handle))
	n := int(h.Sum32() % 100_000)
	a := mastodontwin.Account{Name: name, Domain: domain, Display: strings.ReplaceAll(name, "_", " "), Followers: 8 + n%700, Following: 20 + n%330, Posts: 3 + n%900,
		Created: w.begin.AddDate(0, -1-n%70, 0)}
	if n%9 == 0 {
		a.Followers *= 14
	}
	switch {
	case strings.Contains(domain, "presse"), strings.Contains(domain, "kurier"):
		a.Followers, a.Bio = 5200+n%3000, "<p>Wir schreiben selbst.</p>"
	case strings.Contains(domain, "gewinn"), strings.Contains(domain, "schnell"):
		a.Followers, a.Posts, a.Created = 2, 4, w.begin.AddDate(0, 0, -3)
		if strings.Contains(domain, "gewinn") {
			a.Display = "Nordlicht Rad Support"
		}
	}
	w.social.AddAccount(a)
}

// mention gives the mention id of a label.
func (w *world) mention(label string) (string, error) {
	uri := w.social.URI(w.said[label])
	if uri == "" {
		return "", fault.New(fault.Invalid, "nothing is labelled %q", label)
	}
	return flow.MentionID("mastodon", uri), nil
}

// known waits until a labelled mention has arrived, and tells its story.
func (w *world) known(ctx context.Context, label string) (pipeline.Story, error) {
	var story pipeline.Story
	id, err := w.mention(label)
	if err != nil {
		return story, err
	}
	err = until(ctx, "“"+label+"” has arrived", func(ctx context.Context) (bool, error) {
		story, err = w.home.Story(ctx, id)
		if fault.Is(err, fault.NotFound) {
			return false, nil
		}
		return err == nil, err
	})
	return story, err
}

// edit changes what was said once it is known, so that the change comes as one.
func (w *world) edit(ctx context.Context, l line) error {
	story, err := w.known(ctx, l.Of)
	if err != nil {
		return err
	}
	id := w.said[l.Of]
	w.social.Edit(id, l.Text)
	handle, _, _ := strings.Cut(story.Mention.Author.Handle, "@127.0.0.1")
	w.social.Notify("update", handle, id)
	return until(ctx, "the edit of “"+l.Of+"” has arrived", func(ctx context.Context) (bool, error) {
		s, err := w.home.Story(ctx, story.Mention.ID)
		return err == nil && len(s.Lines) > len(story.Lines), err
	})
}

// remove deletes what was said once it is known. The network itself tells nobody; the monitoring tool does.
func (w *world) remove(ctx context.Context, l line) error {
	if _, err := w.known(ctx, l.Of); err != nil {
		return err
	}
	uri := w.social.URI(w.said[l.Of])
	w.social.Delete(w.said[l.Of])
	delete(w.said, l.Of)
	return w.send(ctx, "echolot", map[string]any{"kind": "doc.removed", "project": "nordlicht-de", "doc": map[string]any{"id": uri, "src": "mastodon"}}, 1)
}

// object carries out the objection of an author: everything known goes, and nothing is stored any more.
func (w *world) object(ctx context.Context, l line) error {
	story, err := w.known(ctx, l.Of)
	if err != nil {
		return err
	}
	if err := w.written(ctx, story.Mention.ID); err != nil {
		return err
	}
	id, err := w.home.App.Start(ctx, pipeline.JobRow{Kind: "erase", From: w.begin.Add(-time.Hour), To: time.Now().Add(time.Hour),
		Erasure: flow.Erasure{Author: story.Mention.Author.ID, Reason: "objection", At: time.Now().UTC()}})
	if err != nil {
		return err
	}
	w.erased = append(w.erased, story.Mention.ID)
	return until(ctx, "the erasure is done", func(ctx context.Context) (bool, error) {
		job, err := w.home.Job(ctx, id)
		if job.State == "failed" {
			err = fault.New(fault.Invalid, "the erasure failed: %s", job.Problem)
		}
		return job.State == "done", err
	})
}

// written waits until a mention is where it goes: only then it can be erased from there.
func (w *world) written(ctx context.Context, mention string) error {
	return until(ctx, "what is to be erased is written", func(ctx context.Context) (bool, error) {
		s, err := w.home.Story(ctx, mention)
		for _, x := range s.Lines {
			if _, open := x.Line.Final(); open || x.Line.Outcome == "" {
				return false, err
			}
		}
		return err == nil && len(s.Lines) > 0, err
	})
}

// monitored sends a post of the social network by the monitoring tool too, as such tools do.
func (w *world) monitored(ctx context.Context, l line, id, text, lang string) error {
	name, domain, _ := strings.Cut(l.By, "@")
	actor := w.fronts["mastodon"].url + "/users/" + name
	if domain != "" {
		actor = "https://" + domain + "/users/" + name
	}
	return w.send(ctx, "echolot", map[string]any{"kind": "doc.new", "project": "nordlicht-de", "doc": map[string]any{"id": w.social.URI(id), "src": "mastodon",
		"text": text, "lang": lang, "posted": w.when(l).Format(time.RFC3339), "by": map[string]any{"id": actor, "name": l.By}}}, 1)
}

// webhook makes a step of a line that holds a body.
func (w *world) webhook(hook string, l line) step {
	return step{what: "webhooks", do: func(ctx context.Context) error { return w.send(ctx, hook, w.today(l.Body), max(l.Times, 1)) }}
}

// send lets a tool send a body until it is taken, and that as often as told.
func (w *world) send(ctx context.Context, hook string, event any, times int) error {
	body, ok := event.([]byte)
	if !ok {
		var err error
		if body, err = json.Marshal(event); err != nil {
			return err
		}
	}
	events := 1
	var list []json.RawMessage
	if json.Unmarshal(body, &list) == nil {
		events = len(list)
	}
	for range times {
		if err := w.tools[hook].Add(body); err != nil {
			return err
		}
		r, err := w.tools[hook].Send(ctx)
		for ; err == nil && r.Open > 0; r, err = w.tools[hook].Send(ctx) {
			continue
		}
		if err != nil {
			return err
		}
		if r.GivenUp > 0 {
			return fault.New(fault.Unavailable, "hook %s takes nothing: %s", hook, r.Last)
		}
		w.sent[hook] += events
	}
	return nil
}

// forge calls a hook with a wrong signature, with none, and with one for another body.
func (w *world) forge(ctx context.Context) error {
	plan, err := w.home.Plan(ctx, "")
	if err != nil {
		return err
	}
	conf, _ := plan.Doc.Hook("sterne")
	body := []byte(`{"review":"R-666","state":"published","stars":1,"text":"Gefälscht","author":{"id":"x","nick":"niemand"}}`)
	for name, key := range map[string]string{"a wrong secret": "guessed", "another body": w.vault["STERNE_SECRET"], "no signature": ""} {
		header := http.Header{}
		signed := body
		if name == "another body" {
			signed = append([]byte(" "), body...)
		}
		if key != "" {
			header, err = nethook.Sign(network.Hook{Kind: "hook", Settings: conf.Settings, Secrets: map[string]flow.Secret{"secret": flow.NewSecret(key)}}, signed, time.Now())
			if err != nil {
				return err
			}
		}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.hook("sterne"), bytes.NewReader(body))
		if err != nil {
			return err
		}
		r.Header = header
		resp, err := w.http.Do(r)
		if err != nil {
			return err
		}
		if err := resp.Body.Close(); err != nil {
			return err
		}
		if resp.StatusCode == http.StatusUnauthorized {
			w.bad++
		} else {
			w.wrong = append(w.wrong, fmt.Sprintf("a call signed with %s was answered %d", name, resp.StatusCode))
		}
	}
	return nil
}
