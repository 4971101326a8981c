package x

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

var (
	handle = regexp.MustCompile(`(?:^|[^\w@])@(\w{1,15})`)
	hash   = regexp.MustCompile(`#([\pL\pN_]+)`)
	link   = regexp.MustCompile(`https?://\S+`)
	term   = regexp.MustCompile(`-?(?:[a-z_]+:)?(?:"[^"]*"|\S+)`)
)

// handles lists whom a text mentions, in lower case.
func handles(text string) (out []string) {
	for _, m := range handle.FindAllStringSubmatch(text, -1) {
		out = append(out, strings.ToLower(m[1]))
	}
	return out
}

func escape(text string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
}

// matches knows words, phrases, #, @, from:, to:, lang:, is:, OR and minus; no brackets.
func (s *Server) matches(query string, p *post) bool {
	for part := range strings.SplitSeq(query, " OR ") {
		all := true
		for _, t := range term.FindAllString(part, -1) {
			all = all && s.matchesTerm(t, p)
		}
		if all {
			return true
		}
	}
	return false
}

func (s *Server) matchesTerm(t string, p *post) bool {
	if rest, not := strings.CutPrefix(t, "-"); not {
		return !s.matchesTerm(rest, p)
	}
	text := strings.ToLower(p.Text)
	is := func(u *User, v string) bool { return u != nil && (u.ID == v || strings.EqualFold(u.Handle, v)) }
	switch name, value, _ := strings.Cut(t, ":"); {
	case name == "from":
		return is(s.users[p.by], value)
	case name == "to":
		parent := s.find(p.ReplyTo)
		return parent != nil && is(s.users[parent.by], value)
	case name == "lang":
		return p.Language == value
	case t == "is:retweet":
		return p.Reposts != ""
	case t == "is:reply":
		return p.ReplyTo != ""
	case t[0] == '@':
		return slices.Contains(handles(p.Text), strings.ToLower(t[1:]))
	}
	return strings.Contains(text, strings.ToLower(strings.Trim(t, `"`)))
}

func key(p *post, i int) string {
	kind := "3_"
	if p.Media[i].Kind != "photo" {
		kind = "7_"
	}
	return kind + p.id + strconv.Itoa(i)
}

// doubled gives counts once as numbers and once as texts, as webhooks have them.
func doubled(counts map[string]int) object {
	out := object{}
	for k, n := range counts {
		out[k], out[k+"_str"] = n, strconv.Itoa(n)
	}
	return out
}

func (s *Server) userJSON(u *User) object {
	out := object{"id": u.ID, "username": u.Handle, "name": u.Display, "description": u.Bio, "protected": u.Protected, "verified": u.Type != "none" && u.Type != "",
		"verified_type": u.Type, "created_at": stamp(u.Created), "profile_image_url": "https://pbs.twin.example/" + u.ID + ".jpg", "url": "",
		"public_metrics": doubled(map[string]int{"followers_count": u.Followers, "following_count": u.Following, "tweet_count": u.Posts, "listed_count": u.Listed})}
	if u.Location != "" {
		out["location"] = u.Location
	}
	if u.Website != "" {
		out["url"] = "https://t.co/w" + u.ID
		out["entities"] = object{"url": object{"urls": []object{{"start": 0, "end": 23, "url": "https://t.co/w" + u.ID, "expanded_url": u.Website}}}}
	}
	return out
}

// postJSON writes a post as polls and webhooks have it: addresses shortened, three characters escaped, positions in code points.
func (s *Server) postJSON(p *post) object {
	text, urls := p.Text, []object{}
	for i, u := range link.FindAllString(p.Text, -1) {
		short := "https://t.co/" + p.id[max(0, len(p.id)-8):] + strconv.Itoa(i)
		text = strings.Replace(text, u, short, 1)
		urls = append(urls, object{"url": short, "expanded_url": u, "display_url": u})
	}
	text = escape(text)
	out := object{"id": p.id, "author_id": p.by, "created_at": stamp(p.created), "conversation_id": p.root, "possibly_sensitive": false, "reply_settings": "everyone",
		"lang": "und", "edit_history_tweet_ids": slices.Clone(*p.history), "public_metrics": doubled(map[string]int{"retweet_count": 0, "reply_count": s.answers(p),
			"like_count": p.likes, "quote_count": 0, "bookmark_count": 0, "impression_count": 0})}
	if p.Language != "" {
		out["lang"] = p.Language
	}
	if p.Settings != "" {
		out["reply_settings"] = p.Settings
	}
	refs := []object{}
	if p.ReplyTo != "" {
		refs = append(refs, object{"type": "replied_to", "id": p.ReplyTo})
		out["in_reply_to_tweet_id"] = p.ReplyTo
		if parent := s.find(p.ReplyTo); parent != nil {
			out["in_reply_to_user_id"] = parent.by
		}
	}
	for kind, id := range map[string]string{"quoted": p.Quotes, "retweeted": p.Reposts} {
		if id != "" {
			refs = append(refs, object{"type": kind, "id": id})
		}
	}
	if len(refs) > 0 {
		out["referenced_tweets"] = refs
	}
	e, names, tags, keys := object{}, []object{}, []object{}, []string{}
	for _, h := range handles(p.Text) {
		if u := s.byHandle(h); u != nil {
			names = append(names, object{"username": u.Handle, "id": u.ID})
		}
	}
	for _, m := range hash.FindAllStringSubmatch(p.Text, -1) {
		tags = append(tags, object{"tag": m[1]})
	}
	for i := range p.Media {
		short := "https://t.co/m" + p.id[max(0, len(p.id)-7):] + strconv.Itoa(i)
		keys = append(keys, key(p, i))
		urls = append(urls, object{"url": short, "expanded_url": "https://x.com/i/status/" + p.id + "/photo/1", "media_key": key(p, i)})
		text += " " + short
	}
	for name, list := range map[string][]object{"urls": urls, "mentions": names, "hashtags": tags} {
		if len(list) > 0 {
			e[name] = list
		}
	}
	if len(e) > 0 {
		out["entities"] = e
	}
	if len(keys) > 0 {
		out["attachments"] = object{"media_keys": keys}
	}
	out["text"] = text
	return out
}

func (s *Server) answers(p *post) (n int) {
	for _, x := range s.posts {
		if x.ReplyTo == p.id && !x.deleted {
			n++
		}
	}
	return n
}
