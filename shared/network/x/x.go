// Package x connects Rapport with X (Twitter): the Activity API by webhook, mentions and recent search by polls.
//
// What is odd: every resource read costs money, and so does every event that a webhook brings; the same resource is free
// for the rest of a UTC day, but that is no promise, so each one is counted. Calls are refused by the budget before they
// are made. An edit makes a post with a new id; the first id of its history is what we know it by. Webhooks have no
// timestamp in their signature, and the handshake signs whatever text it is given with the same secret as events, see
// webhook.CRC. Users come as objects, wrapped in "data", or by id, in the same product. A list answers 200 with "errors"
// beside "data"; what is missing from a look-up is named there. Refresh tokens are replaced with each use. A reply is
// allowed only where the author mentioned or quoted the account, but for Enterprise. Texts are counted in weighted characters.
//
// Documentation: https://docs.x.com/x-api/activity/introduction, https://docs.x.com/x-api/getting-started/pricing and
// https://docs.x.com/developer-terms/policy
package x

import (
	"context"
	"net/http"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/webhook"
)

var (
	_ network.Receiver    = Network{}
	_ network.Signer      = Network{}
	_ network.Parser      = Network{}
	_ network.Poller      = Network{}
	_ network.Profiler    = Network{}
	_ network.Ranger      = Network{}
	_ network.Checker     = Network{}
	_ network.Replier     = Network{}
	_ network.ReplyFinder = Network{}
	_ network.Authorizer  = Network{}
	_ network.Subscriber  = Network{}
	_ network.Prober      = Network{}
	_ network.Biller      = Network{}
)

const (
	// Name is the word in configurations and ids.
	Name = "x"

	maxText  = 280 // weighted characters
	batch    = 100 // ids of one look-up
	maxQuery = 512 // characters of a search; Enterprise has more

	// What a stream is called in the configuration.
	mentions = "mentions"
	own      = "own"     // what the brand's account says itself
	search   = "search:" // a query of recent search
	checked  = "check"   // what a look-up of known posts brought
)

// What is paid for, as Info.Prices names it.
const (
	readPost    = "post"
	readOwned   = "owned"
	readUser    = "user"
	readMessage = "message"
	createPost  = "create"
	createLink  = "create_address"
	createAsked = "create_summoned"
	createDM    = "send"
	countRecent = "count"
	countAll    = "count_all"
)

// Network is the connector. It has no state.
type Network struct{}

// New gives the connector.
func New() Network { return Network{} }

// Info describes it.
func (Network) Info() network.Info {
	return network.Info{
		Name: Name, Title: "X", Docs: "https://docs.x.com/x-api/introduction", Origin: "https://api.x.com",
		Settings: []network.Field{
			{Name: "streams", Title: "Streams", Type: "list", Help: "mentions, own, search:<query of recent search>", Default: []string{mentions}},
			{Name: "handle", Title: "Handle", Type: "text", Help: "of the brand's account, without @; saves a paid look-up in estimates"},
			{Name: "page", Title: "Posts of one poll", Type: "number", Default: 25, Help: "10 to 100; as much is taken out of the budget before a poll, and what did not come is given back"},
			{Name: "owned", Title: "The account owns the app", Type: "flag", Default: false, Help: "then its own posts and mentions cost a fifth"},
			{Name: "plan", Title: "Plan", Type: "choice", Choices: []string{"selfserve", "enterprise"}, Default: "selfserve", Help: "self-serve may reply only where the author mentioned or quoted the account"},
			{Name: "archive", Title: "Full archive", Type: "flag", Default: false, Help: "backfills read all of the past instead of seven days"},
			{Name: "recheck", Title: "Look for deletions", Type: "number", Default: 0, Help: "so many days back, once a day, at 0.005 USD a post; 0 = X's deletions are not looked for. X wants them mirrored"},
			{Name: "reconcile", Title: "Look for gaps", Type: "number", Default: 0, Help: "1 = once a day X's list of the day before is compared with what came, at 0.005 USD a post; 0 = only when asked"},
			{Name: "messages", Title: "Direct messages", Type: "flag", Default: false, Help: "receives them and answers privately; Connect asks for the right to"},
			{Name: "prices", Title: "Prices", Type: "map", Help: "USD by name where the Developer Console says otherwise than the table below: post: 0.005"},
		},
		Secrets: []network.Field{
			{Name: "bearer", Title: "App-only bearer token", Type: "text", Help: "from the app's keys in the Developer Console; searches, counts and webhooks use it"},
			{Name: "client_id", Title: "OAuth 2.0 client id", Type: "text", Help: "of a confidential client, for Connect"},
			{Name: "client_secret", Title: "OAuth 2.0 client secret", Type: "text", Help: "of a confidential client, for Connect"},
			{Name: "token", Title: "User access token", Type: "text", Help: "Connect keeps one and renews it every two hours; only for tests"},
		},
		Hook: []network.Field{},
		HookSecrets: []network.Field{
			{Name: "secret", Title: "Consumer secret (API key secret)", Type: "text", Required: true},
			{Name: "previous", Title: "The one before, during a rotation", Type: "text"},
		},
		Poll:    time.Minute,
		Buckets: []network.Bucket{{Name: "default", Calls: 300, Per: 15 * time.Minute, Shared: "account", Reserve: 20}},
		Prices: []network.Price{
			{Name: readPost, USD: 0.005, What: "a post that is read, by poll, look-up or webhook"},
			{Name: readOwned, USD: 0.001, What: "a post of or to the account that owns the app"},
			{Name: readUser, USD: 0.010, What: "a profile that is read, also beside its post"},
			{Name: readMessage, USD: 0.010, What: "a direct message that is read or comes by webhook"},
			{Name: createPost, USD: 0.015, What: "a reply"},
			{Name: createLink, USD: 0.200, What: "a reply with an address in it"},
			{Name: createAsked, USD: 0.010, What: "a reply to a post that mentions or quotes the account"},
			{Name: createDM, USD: 0.015, What: "a direct message that is sent"},
			{Name: countRecent, USD: 0.005, What: "an estimate of a query over seven days"},
			{Name: countAll, USD: 0.010, What: "an estimate of a query over all time"},
		},
		PerMention: 0.015,
		Rules: network.Rules{MayMatch: "told", MayScore: true, MayStore: true, OnDelete: "blank", DeleteBy: 24 * time.Hour,
			Source: "https://docs.x.com/developer-terms/policy (off-X matching, content compliance) and https://docs.x.com/developer-guidelines"},
		MaxText: maxText, Unit: "weighted", Private: true,
		Needs: []network.Need{
			{What: "a developer account and an app with OAuth 2.0 as a confidential client", Who: "you, in the Developer Console; X reviews the use case", Takes: "minutes to days", Before: "everything with the twin"},
			{What: "prepaid credits, and a spending limit of your choice", Who: "you, in the Developer Console", Takes: "minutes", Before: "nothing is read: every resource costs"},
			{What: "the brand's account connected", Who: "whoever may log in as the brand", Takes: "a minute: rapport connect", Before: "searches with the app's bearer"},
			{What: "a public https address without a port, for webhooks", Who: "you", Takes: "depends on your network", Before: "polls, a minute late at most"},
			{What: "Enterprise access, to reply where nobody mentioned the account", Who: "X's sales", Takes: "weeks; from thousands of USD a month", Before: "replies to who mentioned or quoted the account"},
		},
		FirstStreams: []string{mentions},
	}
}

// scheme is how X signs: no time is signed, so events are known by their ids when they come again.
func scheme() webhook.Scheme {
	return webhook.Scheme{Header: "X-Twitter-Webhooks-Signature", Encoding: "base64", Prefix: "sha256="}
}

// Verify checks a call, and answers the challenge that X repeats.
func (Network) Verify(ctx context.Context, h network.Hook, r webhook.Request) (webhook.Answer, error) {
	if err := ctx.Err(); err != nil {
		return webhook.Answer{}, err
	}
	switch r.Method {
	case http.MethodGet:
		return webhook.CRC(h.Secrets["secret"].Reveal(), r)
	case http.MethodPost:
	default:
		return webhook.Answer{Status: http.StatusMethodNotAllowed}, fault.New(fault.Forged, "events come by POST")
	}
	if err := scheme().Verify(h.Keys(), r); err != nil {
		return webhook.Answer{}, err
	}
	return webhook.Answer{Keep: true}, nil
}

// Sign signs as X does. See network.Signer.
func (Network) Sign(h network.Hook, _ string, body []byte, at time.Time) (http.Header, error) {
	return scheme().Sign(h.Secrets["secret"].Reveal(), body, at), nil
}

// Billed tells what X charges for an event of the Activity API; deletions and messages of our own are free.
func (Network) Billed(e flow.Event) map[string]int {
	switch {
	case e.Verb == flow.Delete, e.Mention.Private && e.Mention.Direction == flow.Out:
		return nil
	case e.Mention.Private:
		return map[string]int{readMessage: 1}
	}
	return map[string]int{readPost: 1}
}

// Profiles reads users by their ids, a hundred in a call; who is suspended or gone is left out.
func (Network) Profiles(ctx context.Context, a network.Account, ids []string) (map[string]flow.Author, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	users, err := readUsers(ctx, a, ids)
	if err != nil {
		return nil, err
	}
	out := make(map[string]flow.Author, len(users))
	for _, u := range users {
		out[u.ID] = u.author()
	}
	return out, nil
}

// ProfileBatch is the most ids of one call.
func (Network) ProfileBatch() int { return batch }

// Check looks posts up by their first ids. What is deleted, suspended or protected now is gone: X wants all of them
// removed. Of a post that was edited the newest version is read; what stands as it was brings no body. Messages are not judged.
func (Network) Check(ctx context.Context, a network.Account, known []flow.Mention) (bodies []network.Body, gone []string, err error) {
	var ids []string
	for _, m := range known {
		if native := flow.Native(m.ID); number(native) {
			ids = append(ids, native)
		}
	}
	if len(ids) == 0 {
		return nil, nil, nil
	}
	_, page, err := readPosts(ctx, a, ids, false)
	if err != nil {
		return nil, nil, err
	}
	asked := map[string]bool{}
	for _, id := range ids {
		asked[id] = true
	}
	for _, p := range page.Errors {
		if id := p.resource(); asked[id] && p.gone() {
			gone = append(gone, flow.MentionID(Name, id))
			delete(asked, id)
		}
	}
	var later []string
	for _, p := range page.posts {
		if newest := p.newest(); newest != p.ID {
			later = append(later, newest)
		}
	}
	if len(later) > 0 {
		body, _, err := readPosts(ctx, a, later, true)
		if err != nil {
			return nil, nil, err
		}
		bodies = append(bodies, network.Body{Stream: checked, Data: body})
	}
	return bodies, gone, nil
}

// CheckBatch is the most mentions of one call.
func (Network) CheckBatch() int { return batch }
