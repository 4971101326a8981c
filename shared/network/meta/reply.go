package meta

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
)

// Idempotent is false: no key is taken, so FindReply is asked first.
func (Network) Idempotent() bool { return false }

// Reply answers a comment, post or mention publicly, its author privately, or a private message. See network.Replier.
func (Network) Reply(ctx context.Context, a network.Account, r flow.Reply, _ string) (network.Posted, error) {
	native := flow.Native(r.Mention)
	if isMessage(native) || r.Private {
		return sendMessage(ctx, a, r)
	}
	if err := fits(a, r, false); err != nil {
		return network.Posted{}, err
	}
	path, body := "/"+url.PathEscape(native)+"/comments", map[string]any{"message": r.Text}
	if of, ok := strings.CutPrefix(native, mentionPrefix); ok {
		path = "/" + url.PathEscape(a.ID) + "/mentions"
		media, comment, isComment := strings.Cut(of, ".")
		body["media_id"] = media
		if isComment {
			body["comment_id"] = comment
		}
	} else if platformOf(a) == instagram {
		path = "/" + url.PathEscape(native) + "/replies"
	}
	var made struct {
		ID text `json:"id"`
	}
	said, _, err := call(ctx, a, http.MethodPost, path, nil, body, &made)
	if err != nil {
		return network.Posted{}, unsent(said, err)
	}
	if made.ID == "" {
		return network.Posted{}, fault.New(fault.Ambiguous, "Meta's answer to the reply names no id; it may be posted")
	}
	return network.Posted{Native: string(made.ID), Permalink: where(a, native, string(made.ID)), At: a.Now}, nil
}

// where is the address of an answer on Facebook; Instagram tells none.
func where(a network.Account, parent, made string) string {
	if platformOf(a) == instagram {
		return ""
	}
	return permalink(value{Post: text(parent), Comment: text(made)})
}

// sendMessage sends a private message: an answer to one, or the only one that a comment or post allows.
func sendMessage(ctx context.Context, a network.Account, r flow.Reply) (network.Posted, error) {
	if err := fits(a, r, true); err != nil {
		return network.Posted{}, err
	}
	native := flow.Native(r.Mention)
	body := map[string]any{"message": map[string]any{"text": r.Text}}
	switch {
	case strings.HasPrefix(native, mentionPrefix):
		return network.Posted{}, fault.New(fault.Invalid, "the author of a mention on somebody else's media cannot be written to privately: answer publicly")
	case !isMessage(native):
		name := "comment_id"
		if platformOf(a) == facebook && strings.HasPrefix(native, a.ID+"_") {
			name = "post_id"
		}
		body["recipient"] = map[string]any{name: native}
	case flow.Native(r.Author.ID) == "":
		return network.Posted{}, fault.New(fault.Invalid, "nobody knows whom this would answer")
	default:
		body["recipient"] = map[string]any{"id": flow.Native(r.Author.ID)}
		body["messaging_type"] = "RESPONSE"
		if !r.Until.IsZero() && a.Now.After(r.Until) {
			if a.Now.After(r.Until.Add(Network{}.Extend(a.Settings, r))) {
				return network.Posted{}, fault.New(fault.Invalid, "the answer window has closed: the author wrote last more than %s", ago(a, r))
			}
			body["messaging_type"], body["tag"] = "MESSAGE_TAG", "HUMAN_AGENT"
		}
	}
	var made struct {
		ID text `json:"message_id"`
	}
	said, _, err := call(ctx, a, http.MethodPost, "/"+url.PathEscape(inbox(a))+"/messages", nil, body, &made)
	if err != nil {
		return network.Posted{}, unsent(said, err)
	}
	if made.ID == "" {
		return network.Posted{}, fault.New(fault.Ambiguous, "Meta's answer to the message names no id; it may be sent")
	}
	return network.Posted{Native: string(made.ID), At: a.Now}, nil
}

func ago(a network.Account, r flow.Reply) string {
	switch {
	case a.Bool("human_agent") && r.Rule == "":
		return "7 days ago"
	case r.Rule != "":
		return "24 hours ago, and what a rule writes is never sent later"
	}
	return "24 hours ago; after that the permission Human Agent is needed (setting human_agent)"
}

// fits tells whether a text is short enough for where it goes.
func fits(a network.Account, r flow.Reply, private bool) error {
	most, unit := maxComment, "runes"
	switch ig := platformOf(a) == instagram; {
	case private && ig:
		most, unit = maxDirect, "bytes"
	case private:
		most = maxMessage
	case ig:
		most = maxCaption
	}
	if n := network.Length(r.Text, unit); n > most {
		return fault.New(fault.Invalid, "the reply is too long: %d of %d %s", n, most, unit)
	}
	return nil
}

// unsent says in plain words why an answer was refused.
func unsent(said refusal, err error) error {
	why := ""
	switch {
	case said.Code == 10 && (said.Sub == 2018278 || said.Sub == 2534022 || said.Sub == 2018065):
		why = "the answer window has closed"
	case said.Code == 10 && said.Sub == 2018300:
		why = "another inbox owns this conversation: answer there, or take it over in the Page's settings"
	case said.Code == 10900, said.Code == 10901, said.Code == 10903:
		why = "this comment cannot be answered privately: one message within 7 days is allowed, and it must be a person's"
	case said.Code == 100 && said.Sub == 2018001:
		return fault.New(fault.Gone, "the person is gone, or has blocked messages")
	case said.Code == 551:
		why = "the person cannot be written to just now: they blocked messages or deactivated their account"
	case said.Code == 368:
		why = "Meta has blocked this for policy reasons: look at the account's status at Meta before trying again"
	case said.Code == 10, said.Code >= 200 && said.Code < 300:
		why = "Meta does not permit this reply: the app lacks a permission, or Advanced Access to it; `rapport doctor` tells which"
	}
	if why == "" {
		return err
	}
	return fault.New(fault.Invalid, "%s (code %d)", why, said.Code)
}

// FindReply looks for an answer of ours with the same text where it would stand. See network.ReplyFinder.
func (Network) FindReply(ctx context.Context, a network.Account, r flow.Reply) (network.Posted, error) {
	native := flow.Native(r.Mention)
	none := fault.New(fault.NotFound, "no answer of ours with this text is below %s", native)
	if strings.HasPrefix(native, mentionPrefix) && !r.Private {
		return network.Posted{}, fault.New(fault.Ambiguous, "answers below somebody else's media cannot be looked for: look at Instagram")
	}
	list, err := beneath(ctx, a, r, native)
	if fault.Is(err, fault.Gone) || fault.Is(err, fault.NotFound) {
		return network.Posted{}, none
	}
	if err != nil {
		return network.Posted{}, err
	}
	for _, n := range list {
		created := when(first(n.Created, n.Timestamp))
		old := isPrivate(r, native) && !r.Asked.IsZero() && created.Before(r.Asked.Add(-time.Minute)) // the same words may have been said before
		if mine := n.From.v.ID == text(a.ID) || string(n.From.v.ID) == inbox(a); mine && !old && wording(string(first(n.Message, n.Text))) == wording(r.Text) {
			posted := network.Posted{Native: string(n.ID), At: created}
			if !isPrivate(r, native) {
				posted.Permalink = where(a, native, string(n.ID))
			}
			return posted, nil
		}
	}
	return network.Posted{}, none
}

func isPrivate(r flow.Reply, native string) bool { return r.Private || isMessage(native) }

// beneath lists the newest answers in a place.
func beneath(ctx context.Context, a network.Account, r flow.Reply, native string) ([]node, error) {
	var list struct {
		Data []node `json:"data"`
	}
	switch ig := platformOf(a) == instagram; {
	case isPrivate(r, native):
		var threads struct {
			Data []struct {
				Messages struct {
					Data []node `json:"data"`
				} `json:"messages"`
			} `json:"data"`
		}
		platform := "messenger"
		if ig {
			platform = "instagram"
		}
		query := url.Values{"platform": {platform}, "user_id": {flow.Native(r.Author.ID)}, "fields": {"messages.limit(50){id,message,from,created_time}"}}
		_, _, err := call(ctx, a, "", "/"+url.PathEscape(inbox(a))+"/conversations", query, nil, &threads)
		for _, t := range threads.Data {
			list.Data = append(list.Data, t.Messages.Data...)
		}
		return list.Data, err
	case ig:
		_, _, err := call(ctx, a, "", "/"+url.PathEscape(native)+"/replies", url.Values{"fields": {"id,text,timestamp,from"}, "limit": {"100"}}, nil, &list)
		return list.Data, err
	}
	query := url.Values{"fields": {"id,message,created_time,from"}, "order": {"reverse_chronological"}, "limit": {"100"}}
	_, _, err := call(ctx, a, "", "/"+url.PathEscape(native)+"/comments", query, nil, &list)
	return list.Data, err
}

// wording is a text as it is compared: Meta trims and joins blanks.
func wording(s string) string { return strings.Join(strings.Fields(s), " ") }

// Connect gives the address where somebody who manages the Page or account grants access. See network.Authorizer.
func (Network) Connect(_ context.Context, a network.Account, redirect, state string) (string, error) {
	if a.Secret("app_id") == "" || a.Secret("app_secret") == "" {
		return "", fault.New(fault.Invalid, "account %s has no app_id or app_secret: both stand in the App Dashboard under Settings > Basic", a.Name)
	}
	base, err := url.Parse(loginOf(a))
	if err != nil || base.Host == "" {
		return "", fault.New(fault.Invalid, "account %s: the address of the log-in page (setting login) cannot be read", a.Name)
	}
	u := base.JoinPath(versionOf(a), "dialog", "oauth")
	if byInstagram(a) {
		u = base.JoinPath("oauth", "authorize")
	}
	u.RawQuery = url.Values{"response_type": {"code"}, "client_id": {a.Secret("app_id")}, "redirect_uri": {redirect}, "state": {state},
		"scope": {strings.Join(needed(platformOf(a), a.Text("page")), ",")}}.Encode()
	return u.String(), nil
}

func loginOf(a network.Account) string {
	if v := a.Text("login"); v != "" {
		return v
	}
	if byInstagram(a) {
		return "https://www.instagram.com"
	}
	return "https://www.facebook.com"
}

// byInstagram tells whether an Instagram account was logged in without a Page.
func byInstagram(a network.Account) bool {
	return platformOf(a) == instagram && a.Text("page") == ""
}

// needed lists the permissions that an account needs.
func needed(platform, page string) []string {
	switch {
	case platform == facebook:
		return []string{"pages_show_list", "pages_manage_metadata", "pages_read_engagement", "pages_read_user_content", "pages_manage_engagement", "pages_messaging"}
	case page != "":
		return []string{"pages_show_list", "pages_manage_metadata", "pages_read_engagement", "instagram_basic", "instagram_manage_comments", "instagram_manage_messages"}
	}
	return []string{"instagram_business_basic", "instagram_business_manage_comments", "instagram_business_manage_messages"}
}

// title names an account in a sentence.
func title(name, id text) string {
	if name == "" {
		return string(id)
	}
	return fmt.Sprintf("%s (%s)", name, id)
}
