package x

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"rapport/shared/fault"
	"rapport/shared/network"
	"rapport/shared/rest"
)

const (
	postFields = "created_at,lang,author_id,conversation_id,in_reply_to_user_id,referenced_tweets,public_metrics,entities,edit_history_tweet_ids,attachments,note_tweet,possibly_sensitive,reply_settings"
	userFields = "created_at,description,entities,location,name,profile_image_url,protected,public_metrics,url,username,verified,verified_type"

	pause  = time.Minute // waited after a 429 that names no time
	broke  = time.Hour   // waited when the credits are used up
	capped = 24 * time.Hour
)

// full asks for posts with their authors and attachments. Posts that they refer to are not asked for: each would cost.
func full(q url.Values) url.Values {
	q.Set("tweet.fields", postFields)
	q.Set("expansions", "author_id,attachments.media_keys")
	q.Set("user.fields", userFields)
	q.Set("media.fields", "alt_text,preview_image_url,type,url")
	return q
}

// problem is how X tells what is wrong: of a whole call, or of one thing beside a 200.
type problem struct {
	Type       string `json:"type"`
	Title      string `json:"title"`
	Detail     string `json:"detail"`
	ResourceID string `json:"resource_id"`
	Value      string `json:"value"`
}

func (p problem) is(kind string) bool { return strings.HasSuffix(p.Type, "/"+kind) }

// gone tells that nobody may see a thing any more: deleted, or its author is suspended or protected.
func (p problem) gone() bool {
	return p.is("resource-not-found") || p.is("not-authorized-for-resource")
}

func (p problem) resource() string {
	if p.ResourceID != "" {
		return p.ResourceID
	}
	return p.Value
}

// userToken prefers the brand's own access, appToken the app's.
func userToken(a network.Account) string { return bearer(a, "token", "bearer") }
func appToken(a network.Account) string  { return bearer(a, "bearer", "token") }

func bearer(a network.Account, names ...string) string {
	for _, name := range names {
		if s := a.Secret(name); s != "" {
			return "Bearer " + s
		}
	}
	return ""
}

// self is the id of the brand's account.
func self(a network.Account) (string, error) {
	if !number(a.ID) {
		return "", fault.New(fault.Invalid, "account %s has no id: set it to the number that `rapport connect %s` tells", a.Name, a.Name)
	}
	return a.ID, nil
}

// get makes one reading call and decodes its answer into out.
func get(ctx context.Context, a network.Account, auth string, r rest.Request, out any) (rest.Response, error) {
	r.Auth = auth
	resp, err := a.Do(ctx, r)
	if err != nil {
		if fault.Is(err, fault.Ambiguous) { // nothing was written
			err = fault.New(fault.Transient, "%w", err)
		}
		return resp, err
	}
	if err := classify(resp, a.Now); err != nil {
		return resp, err
	}
	if t := bytes.TrimSpace(resp.Body); len(t) == 0 || t[0] != '{' {
		return resp, fault.New(fault.Transient, "X's answer is no JSON")
	}
	return resp, resp.JSON(out)
}

// classify adds what is X's own to the common table.
func classify(resp rest.Response, now time.Time) error {
	err := rest.Classify(resp, now)
	if err == nil {
		return nil
	}
	var p problem
	_ = json.Unmarshal(resp.Body, &p) // a proxy's page has none
	switch {
	case resp.Status == http.StatusPaymentRequired || p.is("credits"):
		return fault.Wait(fault.QuotaExhausted, broke, "the app's prepaid credits are used up: buy some in X's Developer Console")
	case p.is("usage-capped"):
		return fault.Wait(fault.QuotaExhausted, capped, "the app's cap of posts or its spending limit for this billing cycle is reached, see X's Developer Console")
	case p.is("client-forbidden"):
		return fault.New(fault.Unauthorized, "X does not let this app do that: attach it to a project with access to the endpoint in the Developer Console (%s)", rest.Snippet([]byte(p.Detail)))
	case resp.Status == http.StatusTooManyRequests && fault.After(err) == 0:
		after := pause
		if at, bad := strconv.ParseInt(resp.Header.Get("X-Rate-Limit-Reset"), 10, 64); bad == nil && at > now.Unix() {
			after = min(time.Unix(at, 0).Sub(now), 24*time.Hour)
		}
		return fault.Wait(fault.RateLimited, after, "X's limit of calls is reached")
	}
	return err
}

// said is X's own text of a refusal.
func said(resp rest.Response) string {
	var p problem
	if json.Unmarshal(resp.Body, &p) == nil && p.Detail != "" {
		return rest.Snippet([]byte(p.Detail))
	}
	return rest.Snippet(resp.Body)
}

// in names the stream where an error happened, and keeps its kind and wait.
func in(stream string, err error) error {
	var f *fault.Error
	if !errors.As(err, &f) { // the context's end
		return err
	}
	return &fault.Error{Kind: f.Kind, Msg: "stream " + stream, After: f.After, Fields: f.Fields, Err: err}
}

// came counts what an answer with posts brought; price is that of a post. What cannot be read counts in full.
func came(price string, most map[string]int) func(rest.Response) map[string]int {
	return func(resp rest.Response) map[string]int {
		l, err := decode(resp.Body)
		if err != nil {
			return most
		}
		n := len(l.posts)
		if l.posts == nil && l.Data != nil {
			n = 1
		}
		return map[string]int{price: n, readPost: extra(price, n) + len(l.Includes.Posts), readUser: len(l.Includes.Users)}
	}
}

// extra keeps the count of posts where posts are counted under that very price.
func extra(price string, n int) int {
	if price == readPost {
		return n
	}
	return 0
}

// readPosts looks posts up by id, a hundred at most; whole with their authors, which costs as much again and more.
func readPosts(ctx context.Context, a network.Account, ids []string, whole bool) ([]byte, list, error) {
	var raw json.RawMessage
	q, most := url.Values{}, map[string]int{readPost: len(ids)}
	if q.Set("tweet.fields", postFields); whole {
		full(q)
		most[readUser] = len(ids)
	}
	q.Set("ids", strings.Join(ids, ","))
	resp, err := get(ctx, a, userToken(a), rest.Request{URL: "/2/tweets", Query: q, Paid: most, Came: came(readPost, most)}, &raw)
	if err != nil {
		return nil, list{}, err
	}
	l, err := decode(resp.Body)
	if err != nil {
		return nil, list{}, fault.New(fault.Transient, "X's look-up of posts holds something else")
	}
	return resp.Body, l, nil
}

// readUsers looks users up by id, a hundred at most.
func readUsers(ctx context.Context, a network.Account, ids []string) ([]user, error) {
	var found struct {
		Data []user `json:"data"`
	}
	_, err := get(ctx, a, userToken(a), rest.Request{URL: "/2/users", Query: url.Values{"ids": {strings.Join(ids, ",")}, "user.fields": {userFields}},
		Paid: map[string]int{readUser: len(ids)}, Came: func(resp rest.Response) map[string]int {
			var l struct {
				Data []json.RawMessage `json:"data"`
			}
			if json.Unmarshal(resp.Body, &l) != nil {
				return map[string]int{readUser: len(ids)}
			}
			return map[string]int{readUser: len(l.Data)}
		}}, &found)
	return found.Data, err
}

// myself reads the account that the user token belongs to.
func myself(ctx context.Context, a network.Account) (user, rest.Response, error) {
	var me struct {
		Data user `json:"data"`
	}
	resp, err := get(ctx, a, bearer(a, "token"), rest.Request{URL: "/2/users/me", Query: url.Values{"user.fields": {userFields}},
		Paid: map[string]int{readUser: 1}, Came: func(rest.Response) map[string]int { return map[string]int{readUser: 1} }}, &me)
	if err == nil && me.Data.ID == "" {
		err = fault.New(fault.Transient, "X does not say whose token this is")
	}
	return me.Data, resp, err
}
