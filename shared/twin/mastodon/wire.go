package mastodon

import (
	"strings"
	"time"
)

type object = map[string]any

func stamp(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UTC().Format("2006-01-02T15:04:05.000Z")
}

func (s *Server) accountJSON(a *account) object {
	fields := []object{}
	for _, f := range a.Fields {
		fields = append(fields, object{"name": f.Name, "value": f.Value, "verified_at": stamp(f.Verified)})
	}
	acct := a.Name
	if a.Domain != "" {
		acct += "@" + a.Domain
	}
	out := object{"id": a.id, "username": a.Name, "acct": acct, "display_name": a.Display, "locked": false, "bot": a.Bot,
		"discoverable": true, "indexable": !a.Hidden, "noindex": a.NoIndex, "created_at": stamp(a.Created.Truncate(24 * time.Hour)),
		"note": a.Bio, "url": s.profile(a), "uri": s.actor(a), "avatar": s.self + "/avatars/" + a.id + ".png",
		"followers_count": a.Followers, "following_count": a.Following, "statuses_count": a.Posts, "fields": fields}
	if s.o.ULID { // GoToSocial tells no actor address
		delete(out, "uri")
		delete(out, "indexable")
	}
	return out
}

func (s *Server) statusJSON(st *status) object {
	a := s.people[st.acct]
	visibility := st.post.Visibility
	if visibility == "" {
		visibility = "public"
	}
	out := object{"id": st.id, "uri": s.uri(st), "url": s.profile(a) + "/" + st.id, "created_at": stamp(st.created), "edited_at": stamp(st.edited),
		"in_reply_to_id": nil, "in_reply_to_account_id": nil, "sensitive": st.post.Spoiler != "", "spoiler_text": st.post.Spoiler,
		"visibility": visibility, "language": nil, "replies_count": s.answers(st.id), "reblogs_count": 0, "favourites_count": st.likes,
		"content": st.post.HTML, "reblog": nil, "account": s.accountJSON(a), "media_attachments": []object{}, "mentions": []object{},
		"tags": []object{}, "emojis": []object{}, "card": nil, "poll": nil}
	if st.post.Language != "" {
		out["language"] = st.post.Language
	}
	if parent := s.alive(st.post.ReplyTo); parent != nil {
		out["in_reply_to_id"], out["in_reply_to_account_id"] = parent.id, s.people[parent.acct].id
	}
	media := []object{}
	for i, m := range st.post.Media {
		media = append(media, object{"id": st.id + string(rune('0'+i%10)), "type": m.Kind, "url": m.URL, "description": m.Alt})
	}
	names := []object{}
	for _, handle := range st.mentions {
		if p := s.people[handle]; p != nil {
			names = append(names, object{"id": p.id, "username": p.Name, "acct": handle, "url": s.profile(p)})
		}
	}
	words := []object{}
	for _, t := range st.tags {
		words = append(words, object{"name": strings.ToLower(t), "url": s.self + "/tags/" + strings.ToLower(t)})
	}
	out["media_attachments"], out["mentions"], out["tags"] = media, names, words
	return out
}

func (s *Server) noticeJSON(n *notice) object {
	out := object{"id": n.id, "type": n.kind, "created_at": stamp(n.at), "group_key": "ungrouped-" + n.id, "account": s.accountJSON(s.people[n.acct])}
	if st := s.alive(n.status); st != nil {
		out["status"] = s.statusJSON(st)
	}
	return out
}

func (s *Server) alive(id string) *status {
	if st := s.byID[id]; st != nil && !st.deleted {
		return st
	}
	return nil
}

func (s *Server) answers(id string) (n int) {
	for _, st := range s.stats {
		if st.post.ReplyTo == id && !st.deleted {
			n++
		}
	}
	return n
}
