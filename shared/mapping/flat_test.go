package mapping

import (
	"reflect"
	"strings"
	"testing"

	"rapport/shared/crm"
	"rapport/shared/decide"
)

// flat is a wide and usual mapping: fifteen fields, the key among them.
const flat = `
ExternalId: mention.id
Network: mention.network
Type: mention.kind
Subject: '"New " + mention.kind + " from @" + author.handle'
Text: runes(mention.text, 255)
AuthorName: author.name
AuthorHandle: author.handle
AuthorUrl: author.url
Followers: author.followers
Permalink: mention.permalink
Language: mention.lang
PostedAt: iso(mention.created)
Engagement: mention.likes + 2*mention.shares + 3*mention.comments
Hashtags: 'join(mention.tags, ";")'
Priority: 'author.followers > 10000 || (mention.extra.sentiment ?? 0) < -0.5 ? "high" : "normal"'`

var flatInfo = crm.Info{KeyField: "ExternalId", Text: crm.Limit{Max: 40000, Unit: "runes"}}

func TestFlat(t *testing.T) {
	long := strings.Repeat("Größe zählt. ", 50)
	r := one(t, flat, nil, flatInfo, func(e *decide.Env) {
		e.Mention.Text, e.Text = long, long
		e.Mention.Author.Followers, e.Author.Followers = 500, 500
	})
	want := map[string]any{
		"ExternalId": "mastodon:990", "Network": "mastodon", "Type": "post", "Subject": "New post from @frieda@social.example", "Text": string([]rune(long)[:255]),
		"AuthorName": "Frieda", "AuthorHandle": "frieda@social.example", "AuthorUrl": "https://social.example/@frieda", "Followers": 500,
		"Permalink": "https://social.example/@frieda/990", "Language": "de", "PostedAt": "2026-11-21T09:30:00Z", "Engagement": 10, "Hashtags": "lampe;service", "Priority": "high",
	}
	if !reflect.DeepEqual(r.Record.Fields, want) {
		t.Errorf("got %v", r.Record.Fields)
	}
	if r.Record.Key != "mastodon:990" || len(r.Problems) > 0 {
		t.Errorf("key %q, problems %v", r.Record.Key, r.Problems)
	}
	r = one(t, flat, nil, flatInfo, func(e *decide.Env) {
		e.Author.Followers, e.Mention.Author.Followers, e.Mention.Extra = 10000, 10000, nil
	})
	if r.Record.Fields["Priority"] != "normal" || len(r.Problems) > 0 {
		t.Errorf("priority %v, problems %v", r.Record.Fields["Priority"], r.Problems)
	}
}

func BenchmarkRender(b *testing.B) {
	m := compile(b, "test", "mapping:\n  - crm: sales\n    object: note\n    for: mention\n    fields:"+strings.ReplaceAll(flat, "\n", "\n      ")+"\n", nil, flatInfo)
	target, env := m.For("sales", "mention", "nordlicht")[0], sample()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := target.Render(env); err != nil {
			b.Fatal(err)
		}
	}
}
