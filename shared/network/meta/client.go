package meta

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/rest"
	"rapport/shared/webhook"
)

// pause is waited after a limit that names no time.
const pause = 5 * time.Minute

// refusal is what Meta says in the body when something is wrong.
type refusal struct {
	Message   text   `json:"message"`
	Code      number `json:"code"`
	Sub       number `json:"error_subcode"`
	Transient bool   `json:"is_transient"`
}

// call makes one call with the account's token and its proof, and decodes the answer into out, unless nil. Of a writing call
// whose outcome nobody knows the fault is Ambiguous.
func call(ctx context.Context, a network.Account, method, path string, query url.Values, body, out any) (refusal, rest.Response, error) {
	token := a.Secret("token")
	if token == "" {
		return refusal{}, rest.Response{}, fault.New(fault.Unauthorized, "account %s has no token: run rapport connect", a.Name)
	}
	return callAs(ctx, a, token, method, path, query, body, out)
}

func callAs(ctx context.Context, a network.Account, token, method, path string, query url.Values, body, out any) (refusal, rest.Response, error) {
	if query == nil {
		query = url.Values{}
	}
	if secret := a.Secret("app_secret"); secret != "" && token != "" {
		query.Set("appsecret_proof", hex.EncodeToString(webhook.MAC("sha256", secret, []byte(token))))
	}
	req := rest.Request{Method: method, URL: "/" + versionOf(a) + path, Query: query, JSON: body}
	if token != "" {
		req.Auth = "Bearer " + token
	}
	return send(ctx, a, req, out)
}

// send makes a call and judges its answer.
func send(ctx context.Context, a network.Account, req rest.Request, out any) (refusal, rest.Response, error) {
	reads := req.Method == "" || req.Method == http.MethodGet
	resp, err := a.Do(ctx, req)
	if err != nil {
		if reads && fault.Is(err, fault.Ambiguous) { // nothing was written
			err = fault.New(fault.Transient, "%w", err)
		}
		return refusal{}, resp, err
	}
	said := refused(resp)
	if err := judge(said, resp, a.Now); err != nil {
		if !reads && (resp.Status >= 500 || fault.Is(err, fault.Unavailable)) {
			err = fault.Wait(fault.Ambiguous, fault.After(err), "Meta answered %d; it may be posted or not", resp.Status)
		}
		return said, resp, err
	}
	if out == nil {
		return said, resp, nil
	}
	if err := json.Unmarshal(resp.Body, out); err != nil {
		kind := fault.Transient
		if !reads {
			kind = fault.Ambiguous
		}
		return said, resp, fault.New(kind, "Meta's answer cannot be read: %w", err)
	}
	return said, resp, nil
}

func versionOf(a network.Account) string {
	if v := a.Text("version"); v != "" {
		return url.PathEscape(v)
	}
	return version
}

// refused reads the error of an answer; the zero value if it names none. It may come with any status.
func refused(resp rest.Response) refusal {
	var x struct {
		Error lax[refusal] `json:"error"`
	}
	if json.Unmarshal(resp.Body, &x) != nil {
		return refusal{}
	}
	return x.Error.v
}

// judge turns an answer into a fault, by the code in its body where there is one: the status says little.
func judge(said refusal, resp rest.Response, now time.Time) error {
	err := rest.Classify(resp, now)
	switch c := said.Code; {
	case c == 0:
		if fault.Is(err, fault.RateLimited) && fault.After(err) == 0 {
			return fault.Wait(fault.RateLimited, regain(resp), "Meta's limit of calls is reached")
		}
		return err
	case c == 190, c == 102:
		return fault.New(fault.Unauthorized, "%s", dead(said))
	case c == 4, c == 17, c == 32, c == 613, c >= 80000 && c <= 80014:
		return fault.Wait(fault.RateLimited, regain(resp), "Meta's limit of calls is reached (code %d)", c)
	case c == 1, c == 2, said.Transient:
		return fault.Wait(fault.Unavailable, rest.RetryAfter(resp.Header, now), "Meta is out of order for the moment (code %d)", c)
	case c == 100 && said.Sub == 33, c == 803:
		return fault.New(fault.Gone, "it is gone, or this account may not see it any more (code %d)", c)
	case said.forbids():
		return fault.New(fault.Unauthorized, "the app lacks a permission for this, or Advanced Access to it (code %d: %s)", c, short(said))
	case c == 506:
		return fault.New(fault.Conflict, "the same text was posted there already (code %d)", c)
	}
	return fault.New(fault.Invalid, "Meta refuses it (code %d/%d): %s", said.Code, said.Sub, short(said))
}

// forbids tells whether a permission is lacking.
func (x refusal) forbids() bool { return x.Code == 10 || x.Code >= 200 && x.Code < 300 }

// dead says why a token is refused.
func dead(said refusal) string {
	why := map[number]string{458: "the app was removed from the account", 459: "the person has to log in at Facebook and confirm who they are", 460: "the password was changed",
		463: "it has expired", 464: "the person has to confirm their account at Facebook", 467: "it was revoked"}[said.Sub]
	if why == "" {
		return "Meta refuses the access token: connect the account again"
	}
	return "Meta refuses the access token, because " + why + ": connect the account again"
}

func short(said refusal) string { return rest.Snippet([]byte(said.Message)) }

// usage is one line of X-Business-Use-Case-Usage; X-App-Usage has the first three.
type usage struct {
	Calls   float64 `json:"call_count"`
	Time    float64 `json:"total_time"`
	CPU     float64 `json:"total_cputime"`
	Minutes float64 `json:"estimated_time_to_regain_access"`
}

func usages(resp rest.Response) []usage {
	var list []usage
	var app usage
	if json.Unmarshal([]byte(resp.Header.Get("X-App-Usage")), &app) == nil {
		list = append(list, app)
	}
	var business map[string][]usage
	if json.Unmarshal([]byte(resp.Header.Get("X-Business-Use-Case-Usage")), &business) == nil {
		for _, lines := range business {
			list = append(list, lines...)
		}
	}
	return list
}

// regain is how long a limit lasts: as told, else five minutes.
func regain(resp rest.Response) time.Duration {
	after := pause
	if told := rest.RetryAfter(resp.Header, time.Time{}); told > 0 {
		after = told
	}
	for _, u := range usages(resp) {
		if m := time.Duration(u.Minutes) * time.Minute; m > after {
			after = m
		}
	}
	return min(after, 24*time.Hour)
}

// used is the highest percentage of any limit.
func used(resp rest.Response) float64 {
	most := 0.0
	for _, u := range usages(resp) {
		most = max(most, u.Calls, u.Time, u.CPU)
	}
	return most
}

// when reads the time of a Graph object, which writes the zone without a colon; zero if it is none.
func when(s text) time.Time {
	for _, form := range []string{"2006-01-02T15:04:05-0700", time.RFC3339} {
		if t, err := time.Parse(form, string(s)); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

// platformOf is what an account is.
func platformOf(a network.Account) string {
	if a.Text("platform") == instagram {
		return instagram
	}
	return facebook
}

// inbox is whose edge messages are sent from: the Page's, also for an Instagram account connected to one.
func inbox(a network.Account) string {
	if page := a.Text("page"); page != "" && platformOf(a) == instagram {
		return page
	}
	return a.ID
}

// ProfileBatch is one: a person who gave no consent must not cost the others' profiles.
func (Network) ProfileBatch() int { return 1 }

// Profiles reads who wrote privately. Whose profile may not be read is left out. See network.Profiler.
func (Network) Profiles(ctx context.Context, a network.Account, ids []string) (map[string]flow.Author, error) {
	out := map[string]flow.Author{}
	fields := "first_name,last_name,name,profile_pic"
	if platformOf(a) == instagram {
		fields = "name,username,profile_pic,follower_count,is_verified_user"
	}
	for _, who := range ids {
		var p struct {
			ID        text    `json:"id"`
			First     text    `json:"first_name"`
			Last      text    `json:"last_name"`
			Name      text    `json:"name"`
			Username  text    `json:"username"`
			Picture   text    `json:"profile_pic"`
			Followers *number `json:"follower_count"`
			Verified  bool    `json:"is_verified_user"`
		}
		said, _, err := call(ctx, a, "", "/"+url.PathEscape(who), url.Values{"fields": {fields}}, nil, &p)
		switch {
		case said.Code == 230, said.Code == 100, said.Code == 10 && said.Sub != 0, fault.Is(err, fault.Gone), fault.Is(err, fault.NotFound):
			continue // no consent, blocked, or gone
		case err != nil:
			return out, err
		}
		name := strings.TrimSpace(string(p.First) + " " + string(p.Last))
		author := from{ID: text(who), Name: first(p.Name, text(name)), Username: p.Username}.author(text(a.ID))
		author.Avatar, author.Verified = string(p.Picture), p.Verified
		if p.Followers != nil {
			author.Counted, author.Followers = true, max(0, int(*p.Followers))
		}
		out[who] = author
	}
	return out, nil
}

// Aliases gives the ids that a person who logged in to the app has on Pages. See network.Aliaser.
func (Network) Aliases(ctx context.Context, a network.Account, author string) ([]string, error) {
	token := appToken(a)
	if token == "" || platformOf(a) != facebook {
		return nil, nil
	}
	var answer struct {
		Data []struct {
			ID text `json:"id"`
		} `json:"data"`
	}
	said, _, err := callAs(ctx, a, token, "", "/"+url.PathEscape(flow.Native(author))+"/ids_for_pages", nil, nil, &answer)
	if said.Code == 100 || fault.Is(err, fault.Gone) {
		return nil, fault.New(fault.NotFound, "nobody of this id has logged in to the app")
	}
	var out []string
	for _, x := range answer.Data {
		if x.ID != "" {
			out = append(out, id(string(x.ID)))
		}
	}
	return out, err
}

// appToken is the token of the app itself, "" where it is not known.
func appToken(a network.Account) string {
	if a.Secret("app_id") == "" || a.Secret("app_secret") == "" {
		return ""
	}
	return a.Secret("app_id") + "|" + a.Secret("app_secret")
}

// CheckBatch is one: each thing is a call of its own.
func (Network) CheckBatch() int { return 1 }

// node is a post or comment as the Graph API gives it.
type node struct {
	ID        text         `json:"id"`
	Message   text         `json:"message"`
	Text      text         `json:"text"`
	Caption   text         `json:"caption"`
	Created   text         `json:"created_time"`
	Timestamp text         `json:"timestamp"`
	Permalink text         `json:"permalink_url"`
	Link      text         `json:"permalink"`
	Username  text         `json:"username"`
	From      lax[from]    `json:"from"`
	Parent    lax[nodeRef] `json:"parent"`
	ParentID  text         `json:"parent_id"`
	Media     lax[medium]  `json:"media"`
}

type nodeRef struct {
	ID text `json:"id"`
}

// Check reads a post, comment or mention and gives it in a webhook's shape. Private messages are not judged.
func (Network) Check(ctx context.Context, a network.Account, mentions []flow.Mention) ([]network.Body, []string, error) {
	var bodies []network.Body
	var gone []string
	for _, m := range mentions {
		native := flow.Native(m.ID)
		if isMessage(native) || native == "" {
			continue
		}
		n, said, err := look(ctx, a, native)
		switch {
		case fault.Is(err, fault.Gone):
			if err := sees(ctx, a); err != nil {
				return nil, nil, err
			}
			gone = append(gone, m.ID)
		case said.forbids() && !at(a, m): // one foreign thing is no reason to doubt the token
			return nil, nil, fault.New(fault.Invalid, "what stands on a foreign page may not be read by this app (code %d)", said.Code)
		case err != nil:
			return nil, nil, err
		default:
			bodies = append(bodies, network.Body{Stream: "check", Data: n.body(a, m)})
		}
	}
	return bodies, gone, nil
}

// at tells whether something stands on the account's own page.
func at(a network.Account, m flow.Mention) bool {
	own := func(native string) bool { return strings.HasPrefix(native, a.ID+"_") }
	return platformOf(a) == instagram || own(flow.Native(m.ID)) || own(flow.Native(m.Root)) || own(flow.Native(m.Parent))
}

// sees makes sure that what looks deleted is: with a permission withdrawn all things look so, but lists are refused.
func sees(ctx context.Context, a network.Account) error {
	edge := "/feed"
	if platformOf(a) == instagram {
		edge = "/media"
	}
	_, _, err := call(ctx, a, "", "/"+url.PathEscape(a.ID)+edge, url.Values{"fields": {"id,comments.limit(1){id}"}, "limit": {"1"}}, nil, nil)
	return err
}

// look reads one thing.
func look(ctx context.Context, a network.Account, native string) (node, refusal, error) {
	var n node
	if of, ok := strings.CutPrefix(native, mentionPrefix); ok {
		media, comment, isComment := strings.Cut(of, ".")
		field := "mentioned_media.media_id(" + media + "){id,caption,username,timestamp,permalink}"
		if isComment {
			field = "mentioned_comment.comment_id(" + comment + "){id,text,username,from,timestamp,media}"
		}
		var answer struct {
			Media   *node `json:"mentioned_media"`
			Comment *node `json:"mentioned_comment"`
		}
		said, _, err := call(ctx, a, "", "/"+url.PathEscape(a.ID), url.Values{"fields": {field}}, nil, &answer)
		switch {
		case err != nil:
			return n, said, err
		case answer.Comment != nil:
			return *answer.Comment, said, nil
		case answer.Media != nil:
			return *answer.Media, said, nil
		}
		return n, said, fault.New(fault.Gone, "the mention is gone, or its account is private now")
	}
	fields := "id,message,created_time,from,permalink_url,parent"
	if platformOf(a) == instagram {
		fields = "id,text,timestamp,username,from,parent_id,media"
	}
	said, _, err := call(ctx, a, "", "/"+url.PathEscape(native), url.Values{"fields": {fields}}, nil, &n)
	if err == nil && n.ID == "" {
		err = fault.New(fault.Transient, "Meta's answer names no id")
	}
	return n, said, err
}

// who is whoever said it, as a webhook tells.
func (n node) who() map[string]any {
	return map[string]any{"id": n.From.v.ID, "name": n.From.v.Name, "username": first(n.From.v.Username, n.Username), "self_ig_scoped_id": n.From.v.Self}
}

// body writes a node in the shape of a webhook, so that both are read alike.
func (n node) body(a network.Account, m flow.Mention) []byte {
	native := flow.Native(m.ID)
	object, field := "instagram", "comments"
	created := when(first(n.Created, n.Timestamp))
	v := map[string]any{"verb": "edited", "from": n.who()}
	if !created.IsZero() {
		v["created_time"] = created.Unix()
	}
	switch {
	case strings.HasPrefix(native, mentionPrefix):
		field, v["verb"] = "mentions", "add"
		v["media_id"], v["comment_id"], _ = strings.Cut(strings.TrimPrefix(native, mentionPrefix), ".")
		v["text"], v["permalink_url"] = first(n.Text, n.Caption), n.Link
	case platformOf(a) == instagram:
		v["id"], v["text"], v["parent_id"] = native, n.Text, n.ParentID
		v["media"] = map[string]any{"id": n.Media.v.ID}
	default:
		object, field = "page", "feed"
		v["item"], v["message"], v["permalink_url"], v["post_id"] = "post", n.Message, n.Permalink, native
		if m.Kind == flow.Comment || m.Kind == flow.ReplyTo {
			v["item"], v["comment_id"], v["post_id"] = "comment", native, flow.Native(m.Root)
			v["parent_id"] = first(n.Parent.v.ID, text(flow.Native(m.Root)))
		}
		if m.Extra["mention"] == true {
			field = "mention"
		}
	}
	entry := map[string]any{"id": a.ID, "time": a.Now.Unix(), "changes": []any{map[string]any{"field": field, "value": v}}}
	data, _ := json.Marshal(map[string]any{"object": object, "entry": []any{entry}}) // plain texts: cannot fail
	return data
}
