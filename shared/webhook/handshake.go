package webhook

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"

	"rapport/shared/fault"
)

// MaxChallenge bounds what a handshake repeats, in bytes.
const MaxChallenge = 1 << 10

// HubChallenge answers the subscription check that Meta and WebSub hubs make: a GET with hub.mode, hub.challenge and,
// with Meta, hub.verify_token, whose challenge is repeated as plain text. tokens are the agreed verify tokens; with
// none the token is not checked (WebSub). Forged, with status 403, where mode or token are wrong.
func HubChallenge(r Request, tokens ...string) (Answer, error) {
	refuse := Answer{Status: http.StatusForbidden}
	challenge := r.Query.Get("hub.challenge")
	switch mode := r.Query.Get("hub.mode"); {
	case r.Method != http.MethodGet:
		return refuse, fault.New(fault.Forged, "a subscription check is a GET, not a %s", method(r.Method))
	case mode == "denied":
		return Answer{}, nil
	case mode != "subscribe" && mode != "unsubscribe":
		return refuse, fault.New(fault.Forged, "hub.mode is neither subscribe nor unsubscribe")
	case challenge == "" || len(challenge) > MaxChallenge:
		return refuse, fault.New(fault.Forged, "hub.challenge is absent or longer than %d bytes", MaxChallenge)
	case len(tokens) > 0 && !Same(r.Query.Get("hub.verify_token"), tokens...):
		return refuse, fault.New(fault.Forged, "hub.verify_token is not the agreed one")
	}
	return Answer{Type: "text/plain; charset=utf-8", Body: []byte(challenge)}, nil
}

// CRC answers the challenge-response check of X: a GET with crc_token, signed with the consumer secret. Bodies are signed
// with the same secret in the same way, so a token that could be one is refused: anybody could have it signed here, and
// send it as an event then.
func CRC(key string, r Request) (Answer, error) {
	token := r.Query.Get("crc_token")
	switch {
	case key == "":
		return Answer{}, noKey()
	case r.Method != http.MethodGet || token == "" || len(token) > MaxChallenge:
		return Answer{}, fault.New(fault.Forged, "a challenge is a GET with crc_token of at most %d bytes", MaxChallenge)
	case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("{}[]<>\"'&,:", r) }):
		return Answer{}, fault.New(fault.Forged, "crc_token has characters that no challenge has: a body is not signed on demand")
	}
	sum := MAC("sha256", key, []byte(token))
	return jsonAnswer(struct {
		Token string `json:"response_token"`
	}{"sha256=" + base64.StdEncoding.EncodeToString(sum)})
}

// ChallengeCode answers the check that LinkedIn repeats every two hours: a GET with challengeCode, signed in hex with
// the client secret.
func ChallengeCode(key string, r Request) (Answer, error) {
	code := r.Query.Get("challengeCode")
	switch {
	case key == "":
		return Answer{}, noKey()
	case r.Method != http.MethodGet || code == "" || len(code) > MaxChallenge:
		return Answer{}, fault.New(fault.Forged, "a challenge is a GET with challengeCode of at most %d bytes", MaxChallenge)
	}
	return jsonAnswer(struct {
		Code     string `json:"challengeCode"`
		Response string `json:"challengeResponse"`
	}{code, hex.EncodeToString(MAC("sha256", key, []byte(code)))})
}

func jsonAnswer(v any) (Answer, error) {
	body, err := json.Marshal(v)
	return Answer{Type: "application/json", Body: body}, err
}

// method gives the name of a method for an error, shortened: it comes from outside.
func method(m string) string {
	if len(m) > 10 || strings.ContainsFunc(m, func(r rune) bool { return r < 'A' || r > 'Z' }) {
		return "foreign method"
	}
	return m
}
