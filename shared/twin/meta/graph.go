package meta

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"rapport/shared/webhook"
)

// call is one request to the API.
type call struct {
	*Server
	w     http.ResponseWriter
	r     *http.Request
	q     url.Values // query and form
	body  map[string]any
	token string
	kind  string // of the token
}

var versioned = regexp.MustCompile(`^/v\d+\.\d+(/|$)`)

// ServeHTTP answers the Graph API and the log-in page.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Date", s.o.Now().UTC().Format(http.TimeFormat))
	c := &call{Server: s, w: w, r: r, q: r.URL.Query()}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		if err := r.ParseForm(); err == nil {
			for k, v := range r.PostForm {
				c.q[k] = v
			}
		}
	} else if r.Method == http.MethodPost {
		_ = json.NewDecoder(r.Body).Decode(&c.body) // an empty body is none
	}
	path := "/" + versioned.ReplaceAllString(r.URL.Path, "")
	path = "/" + strings.Trim(path, "/")
	c.token = c.q.Get("access_token")
	if bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		c.token = bearer
	}
	c.kind = s.tokens[c.token]
	s.calls++
	w.Header().Set("X-App-Usage", fmt.Sprintf(`{"call_count":%d,"total_time":3,"total_cputime":1}`, min(100, s.calls/10)))
	switch {
	case strings.HasSuffix(path, "/dialog/oauth"), path == "/oauth/authorize":
		c.consent()
	case strings.HasSuffix(path, "access_token"):
		c.grant(path)
	case s.o.Quota > 0 && s.calls > s.o.Quota:
		w.Header().Set("X-Business-Use-Case-Usage", `{"`+s.o.Page+`":[{"type":"pages","call_count":100,"total_time":40,"total_cputime":20,"estimated_time_to_regain_access":7}]}`)
		c.fail(400, 80001, 2446079, "(#80001) There have been too many calls to this Page account.")
	case c.kind == "":
		c.fail(400, 190, 460, "Error validating access token: The session has been invalidated because the user changed their password")
	case c.q.Get("appsecret_proof") != hex.EncodeToString(webhook.MAC("sha256", s.o.AppSecret, []byte(c.token))):
		c.fail(400, 100, 0, "Invalid appsecret_proof provided in the API argument")
	default:
		c.route(path)
	}
}

func (c *call) answer(v any) {
	c.w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	_, _ = c.w.Write(Escape(v)) // the client went away
}

func (c *call) fail(status, code, sub int, message string) {
	c.w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	c.w.WriteHeader(status)
	e := map[string]any{"message": message, "type": "OAuthException", "code": code, "fbtrace_id": "AtWiN"}
	if sub != 0 {
		e["error_subcode"] = sub
	}
	_, _ = c.w.Write(Escape(map[string]any{"error": e}))
}

func (c *call) missing(id string) {
	c.fail(400, 100, 33, "Unsupported get request. Object with ID '"+id+"' does not exist, cannot be loaded due to missing permissions, or does not support this operation")
}

// consent is the log-in page: everybody grants everything.
func (c *call) consent() {
	back, err := url.Parse(c.q.Get("redirect_uri"))
	if err != nil || c.q.Get("client_id") != c.o.AppID {
		http.Error(c.w, "invalid app", http.StatusBadRequest)
		return
	}
	code := "code-" + c.next()
	c.codes[code] = true
	q := back.Query()
	q.Set("code", code)
	q.Set("state", c.q.Get("state"))
	back.RawQuery = q.Encode()
	c.w.Header().Set("Location", back.String())
	c.w.WriteHeader(http.StatusFound)
}

// grant answers the token edges.
func (c *call) grant(path string) {
	kind := c.q.Get("grant_type")
	give := func(token, as string, life time.Duration) {
		c.tokens[token] = as
		c.answer(map[string]any{"access_token": token, "token_type": "bearer", "expires_in": int(life.Seconds())})
	}
	if kind != "ig_refresh_token" && c.q.Get("client_secret") != c.o.AppSecret {
		c.fail(400, 1, 0, "Error validating client secret.")
		return
	}
	switch {
	case kind == "authorization_code" && c.codes[c.q.Get("code")]:
		delete(c.codes, c.q.Get("code")) // a code is good for once
		give("short-"+c.next(), "short", time.Hour)
	case kind == "fb_exchange_token" && c.tokens[c.q.Get("fb_exchange_token")] == "short":
		give("login-"+c.next(), "login", 60*24*time.Hour)
	case kind == "ig_exchange_token" && c.kind == "short", kind == "ig_refresh_token" && c.kind == "account":
		give("account-"+c.next(), "account", 60*24*time.Hour)
	case kind == "authorization_code":
		c.fail(400, 100, 36009, "This authorization code has been used.")
	default:
		c.fail(400, 190, 463, "Error validating access token: Session has expired")
	}
}

func (c *call) route(path string) {
	id, edge, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch post := c.r.Method == http.MethodPost; {
	case id == "me" && edge == "accounts":
		c.accounts()
	case id == "me":
		c.answer(map[string]any{"id": c.o.Account, "user_id": c.o.Account, "username": "nordlicht", "name": "Nordlicht"})
	case id == "debug_token":
		c.debug()
	case id == c.o.AppID && edge == "permissions":
		c.permissions()
	case id == c.o.AppID && edge == "subscriptions":
		c.answer(map[string]any{"data": []any{map[string]any{"object": "page", "callback_url": c.o.Target, "active": !c.off}, map[string]any{"object": "instagram", "callback_url": c.o.Target, "active": !c.off}}})
	case edge == "ids_for_pages":
		c.ids(id)
	case edge == "subscribed_apps" && post:
		c.fields[id] = strings.Split(c.q.Get("subscribed_fields"), ",")
		c.answer(map[string]any{"success": true})
	case edge == "subscribed_apps":
		data := []any{}
		if f := c.fields[id]; f != nil {
			data = append(data, map[string]any{"id": c.o.AppID, "name": "Rapport", "subscribed_fields": f})
		}
		c.answer(map[string]any{"data": data})
	case edge == "messages" && post:
		c.message()
	case edge == "conversations":
		c.conversations()
	case (edge == "comments" || edge == "replies") && post:
		c.comment(id, edge)
	case edge == "comments" || edge == "replies":
		c.below(id)
	case edge == "mentions" && post:
		c.mention()
	case (edge == "feed" || edge == "media" || edge == "tagged") && c.blind:
		c.fail(403, 10, 0, "(#10) Application does not have permission for this action")
	case edge == "feed" || edge == "media" || edge == "tagged":
		c.posts(edge)
	case edge == "messages":
		c.talk(id)
	case edge == "" && strings.HasPrefix(c.q.Get("fields"), "mentioned_"):
		c.mentioned()
	case edge == "":
		c.object(id)
	default:
		c.fail(400, 2500, 0, "Unknown path components: /"+edge)
	}
}

func (c *call) accounts() {
	if c.kind != "login" && c.kind != "short" {
		c.fail(400, 190, 0, "A user access token is required to request this resource.")
		return
	}
	c.answer(map[string]any{"data": []any{map[string]any{"id": c.o.Page, "name": "Nordlicht", "access_token": c.o.Token,
		"instagram_business_account": map[string]any{"id": c.o.Account, "username": "nordlicht"}}, map[string]any{"id": "1102", "name": "Nordlicht Service", "access_token": "other-page-token"}}})
}

// every permission that the app asked for.
func every() []string {
	return []string{"pages_show_list", "pages_manage_metadata", "pages_read_engagement", "pages_read_user_content", "pages_manage_engagement", "pages_messaging",
		"instagram_basic", "instagram_manage_comments", "instagram_manage_messages", "instagram_business_basic", "instagram_business_manage_comments", "instagram_business_manage_messages"}
}

func (c *call) debug() {
	kind := c.tokens[c.q.Get("input_token")]
	scopes := slices.DeleteFunc(every(), func(p string) bool { return slices.Contains(c.o.Denied, p) })
	d := map[string]any{"app_id": c.o.AppID, "type": map[bool]string{true: "PAGE", false: "USER"}[kind == "page"], "is_valid": kind != "", "scopes": scopes,
		"expires_at": 0, "data_access_expires_at": c.o.Now().AddDate(0, 0, 80).Unix()}
	if c.o.Ends > 0 {
		d["expires_at"] = c.o.Now().Add(c.o.Ends).Unix()
	}
	c.answer(map[string]any{"data": d})
}

func (c *call) permissions() {
	data := []any{}
	for _, p := range every() {
		if !slices.Contains(c.o.Standard, p) {
			data = append(data, map[string]any{"permission": p, "status": "live"})
		}
	}
	c.answer(map[string]any{"data": data})
}

func (c *call) ids(login string) {
	if c.kind != "app" {
		c.fail(400, 15, 0, "(#15) This method must be called with an app access_token.")
		return
	}
	data := []any{}
	for _, p := range c.people {
		if p.Login == login {
			data = append(data, map[string]any{"id": p.ID, "page": map[string]any{"id": c.o.Page, "name": "Nordlicht"}})
		}
	}
	if len(data) == 0 {
		c.missing(login)
		return
	}
	c.answer(map[string]any{"data": data})
}

// object gives a Page, account, portfolio, person, post or comment.
func (c *call) object(id string) {
	fields := c.q.Get("fields")
	p, known := c.people[id]
	t := c.things[id]
	switch {
	case strings.Contains(fields, "verification_status"):
		c.answer(map[string]any{"id": id, "name": "Nordlicht", "verification_status": c.o.Business})
	case id == c.o.Page || id == c.o.Account:
		c.answer(map[string]any{"id": id, "name": "Nordlicht", "username": "nordlicht"})
	case known && p.Shy:
		c.fail(400, 230, 0, "User consent is required to access user profile")
	case known && strings.Contains(fields, "username"):
		c.answer(map[string]any{"id": id, "name": p.Name, "username": p.Username, "follower_count": p.Followers, "is_verified_user": p.Verified, "profile_pic": "https://cdn.meta.example/" + id + "?oe=6A000000"})
	case known:
		given, family, _ := strings.Cut(p.Name, " ")
		c.answer(map[string]any{"id": id, "first_name": given, "last_name": family, "profile_pic": "https://cdn.meta.example/" + id})
	case t != nil && t.walled:
		c.fail(403, 10, 0, "(#10) This endpoint requires the 'pages_read_engagement' permission or the 'Page Public Content Access' feature.")
	case t != nil && !t.gone && !c.blind:
		c.answer(c.node(t))
	default:
		c.missing(id)
	}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05-0700") }

func (c *call) node(t *thing) map[string]any {
	who := map[string]any{"id": t.By, "name": c.name(t.By, t.Platform)}
	if t.Platform == Instagram {
		n := map[string]any{"id": t.id, "text": t.Text, "timestamp": stamp(t.at), "username": c.name(t.By, Instagram), "from": map[string]any{"id": t.By, "username": c.name(t.By, Instagram)}, "media": map[string]any{"id": t.On}}
		if t.Parent != "" {
			n["parent_id"] = t.Parent
		}
		return n
	}
	n := map[string]any{"id": t.id, "message": t.Text, "created_time": stamp(t.at), "from": who, "permalink_url": "https://www.facebook.com/" + t.id}
	if t.Parent != "" {
		n["parent"] = map[string]any{"id": t.Parent}
	}
	if t.Photo != "" {
		n["attachments"] = map[string]any{"data": []any{map[string]any{"media_type": "photo", "media": map[string]any{"image": map[string]any{"src": t.Photo}}}}}
	}
	return n
}

// mentioned gives what was said on somebody else's media.
func (c *call) mentioned() {
	fields := c.q.Get("fields")
	open := strings.IndexByte(fields, '(')
	end := strings.IndexByte(fields, ')')
	if open < 0 || end < open {
		c.fail(400, 100, 0, "Syntax error")
		return
	}
	t := c.things[fields[open+1:end]]
	if t == nil || t.gone || !t.Mention {
		c.missing(fields[open+1 : end])
		return
	}
	if strings.HasPrefix(fields, "mentioned_comment") {
		c.answer(map[string]any{"id": c.o.Account, "mentioned_comment": c.node(t)})
		return
	}
	c.answer(map[string]any{"id": c.o.Account, "mentioned_media": map[string]any{"id": t.id, "caption": t.Text, "timestamp": stamp(t.at), "username": c.name(t.By, Instagram), "permalink": "https://www.instagram.com/p/" + t.id + "/"}})
}

func (c *call) text(name string) string { s, _ := c.body[name].(string); return s }

// comment posts below a post or comment.
func (c *call) comment(id, edge string) {
	t := c.things[id]
	switch {
	case t == nil || t.gone:
		c.missing(id)
	case t.barred:
		c.fail(403, 200, 0, "(#200) Permissions error")
	case (edge == "replies") != (t.Platform == Instagram):
		c.fail(400, 2500, 0, "Unknown path components: /"+edge)
	default:
		p := Post{Platform: t.Platform, Text: c.text("message"), On: t.On, Parent: t.id}
		if t.On == "" {
			p.On, p.Parent = t.id, ""
		}
		c.answer(map[string]any{"id": c.say(p, true).id})
	}
}

func (c *call) mention() {
	id := c.text("comment_id")
	if id == "" {
		id = c.text("media_id")
	}
	t := c.things[id]
	switch {
	case t == nil || t.gone || !t.Mention:
		c.missing(id)
	case t.barred:
		c.fail(403, 10, 0, "(#10) Application does not have permission for this action")
	default:
		answer := &thing{Post: Post{Platform: Instagram, By: c.o.Account, Text: c.text("message"), On: id}, id: c.next(), at: c.o.Now(), byAPI: true}
		c.things[answer.id] = answer
		c.order = append(c.order, answer)
		c.answer(map[string]any{"id": answer.id})
	}
}

// posts lists what stands on the Page or account, or elsewhere with the Page tagged, newest first.
func (c *call) posts(edge string) {
	platform := map[bool]string{true: Instagram, false: Facebook}[edge == "media"]
	since, _ := strconv.ParseInt(c.q.Get("since"), 10, 64) // 0 = all
	along := nested(c.q.Get("fields"), "comments")
	var list []any
	for _, t := range c.newest(func(t *thing) bool {
		return t.Platform == platform && t.On == "" && t.Stars == 0 && t.Mention == (edge == "tagged") && t.at.Unix() >= since
	}) {
		n := c.node(t)
		if below := c.under(t.id); along > 0 && len(below) > 0 {
			n["comments"] = c.page(below, along, "")
		}
		list = append(list, n)
	}
	c.answer(c.page(list, c.limit(), c.q.Get("after")))
}

// newest gives what is there still, newest first.
func (c *call) newest(which func(*thing) bool) []*thing {
	var list []*thing
	for _, t := range c.order {
		if !t.gone && which(t) {
			list = append(list, t)
		}
	}
	slices.SortStableFunc(list, func(a, b *thing) int { return b.at.Compare(a.at) })
	return list
}

// under gives the comments on something, newest first: on Facebook answers stand among them, on Instagram below each.
func (c *call) under(id string) []any {
	list := []any{}
	along := nested(c.q.Get("fields"), "replies")
	for _, t := range c.newest(func(t *thing) bool {
		return t.Parent == id || t.On == id && (t.Parent == "" || t.Platform == Facebook)
	}) {
		n := c.node(t)
		if below := c.under(t.id); along > 0 && t.Platform == Instagram && len(below) > 0 {
			n["replies"] = c.page(below, along, "")
		}
		list = append(list, n)
	}
	return list
}

// below lists comments and answers.
func (c *call) below(id string) {
	if t := c.things[id]; t == nil || t.gone {
		c.missing(id)
		return
	}
	c.answer(c.page(c.under(id), c.limit(), c.q.Get("after")))
}

// limit is how much of a list is asked for.
func (c *call) limit() int {
	if n, err := strconv.Atoi(c.q.Get("limit")); err == nil && n > 0 {
		return n
	}
	return 25
}

// nested reads how much of a list within a list is asked for, as in comments.order(x).limit(25){…}; 0 = nothing of it.
func nested(fields, edge string) int {
	_, rest, found := strings.Cut(fields, edge+".")
	rest, _, _ = strings.Cut(rest, "{")
	_, rest, _ = strings.Cut(rest, "limit(")
	n, err := strconv.Atoi(strings.TrimSuffix(rest, ")"))
	if !found || err != nil {
		return 0
	}
	return n
}

// page cuts a list at a cursor.
func (c *call) page(list []any, limit int, after string) map[string]any {
	from, _ := strconv.Atoi(strings.TrimPrefix(after, "at")) // "" = the beginning
	from = min(max(from, 0), len(list))
	end := min(from+limit, len(list))
	paging := map[string]any{"cursors": map[string]any{"before": "at" + strconv.Itoa(from), "after": "at" + strconv.Itoa(end)}}
	if end < len(list) {
		paging["next"] = "https://graph.facebook.com/next"
	}
	return map[string]any{"data": append([]any{}, list[from:end]...), "paging": paging}
}

// conversations lists who talks with the account, whoever wrote last first; of one person only, where that is asked.
func (c *call) conversations() {
	platform := map[bool]string{true: Instagram, false: Facebook}[c.q.Get("platform") == "instagram"]
	var keys []string
	for _, key := range slices.Sorted(maps.Keys(c.talks)) {
		with, ok := strings.CutPrefix(key, platform+"/")
		if who := c.q.Get("user_id"); ok && len(c.talks[key]) > 0 && (who == "" || who == with) {
			keys = append(keys, key)
		}
	}
	last := func(key string) time.Time { return c.talks[key][len(c.talks[key])-1].at }
	slices.SortStableFunc(keys, func(a, b string) int { return last(b).Compare(last(a)) })
	var list []any
	for _, key := range keys {
		_, with, _ := strings.Cut(key, "/")
		list = append(list, map[string]any{"id": "t_" + strings.ReplaceAll(key, "/", "-"), "updated_time": stamp(last(key)),
			"participants": map[string]any{"data": []any{map[string]any{"id": with, "name": c.name(with, platform)}, map[string]any{"id": c.self(platform)}}},
			"messages":     c.page(c.notes(key), max(nested(c.q.Get("fields"), "messages"), 1), "")})
	}
	c.answer(c.page(list, c.limit(), c.q.Get("after")))
}

// notes gives the messages of a conversation, newest first.
func (c *call) notes(key string) []any {
	platform, with, _ := strings.Cut(key, "/")
	list := []any{}
	for _, m := range slices.Backward(c.talks[key]) {
		to := with
		if m.from == with {
			to = c.self(platform)
		}
		if !m.gone {
			list = append(list, map[string]any{"id": m.id, "message": m.text, "from": map[string]any{"id": m.from}, "created_time": stamp(m.at),
				"to": map[string]any{"data": []any{map[string]any{"id": to}}}})
		}
	}
	return list
}

// talk lists the messages of one conversation.
func (c *call) talk(id string) {
	key, ok := strings.CutPrefix(id, "t_")
	key = strings.Replace(key, "-", "/", 1)
	if !ok || len(c.talks[key]) == 0 {
		c.missing(id)
		return
	}
	c.answer(c.page(c.notes(key), c.limit(), c.q.Get("after")))
}

// message sends a private message.
func (c *call) message() {
	to, _ := c.body["recipient"].(map[string]any)
	words, _ := c.body["message"].(map[string]any)
	body, _ := words["text"].(string)
	person, _ := to["id"].(string)
	on, _ := to["comment_id"].(string)
	if on == "" {
		on, _ = to["post_id"].(string)
	}
	platform := Facebook
	var t *thing
	if on != "" {
		if t = c.things[on]; t == nil || t.gone {
			c.missing(on)
			return
		}
		person, platform = t.By, t.Platform
		if t.private || c.o.Now().Sub(t.at) > 7*24*time.Hour {
			c.fail(400, 10900, 0, "(#10900) Activity already replied to")
			return
		}
	} else if c.talks[Facebook+"/"+person] == nil {
		platform = Instagram
	}
	if !c.maySend(platform, person, t != nil, body) {
		return
	}
	if t != nil {
		t.private = true
	}
	m := &note{from: c.self(platform), text: body, byAPI: true, tag: c.text("tag")}
	c.answer(map[string]any{"recipient_id": person, "message_id": c.write(platform, person, m).id})
}

// maySend answers with the refusal where a message may not be sent.
func (c *call) maySend(platform, person string, private bool, body string) bool {
	last := time.Time{}
	for _, m := range c.talks[platform+"/"+person] {
		if m.from == person {
			last = m.at
		}
	}
	age, tag := c.o.Now().Sub(last), c.text("tag")
	switch {
	case platform == Instagram && len(body) > 1000, platform == Facebook && len([]rune(body)) > 2000:
		c.fail(400, 100, 2018048, "(#100) Length of param message[text] must be less than or equal to the limit")
	case c.o.Standby:
		c.fail(400, 10, 2018300, "(#10) Message failed to send because another app is controlling this thread now.")
	case c.people[person].Blocks:
		c.fail(400, 551, 1545041, "(#551) This person isn't available right now.")
	case last.IsZero() && !private:
		c.fail(400, 100, 2018001, "(#100) No matching user found")
	case tag != "" && (tag != "HUMAN_AGENT" || !c.o.Agent):
		c.fail(400, 10, 0, "(#10) This message tag is not permitted")
	case !private && age > 24*time.Hour && (tag == "" || age > 7*24*time.Hour):
		c.fail(400, 10, 2018278, "(#10) This message is sent outside of allowed window.")
	default:
		return true
	}
	return false
}
