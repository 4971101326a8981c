package networktest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"time"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/webhook"
)

func hookChecks() []check {
	receives := func(s Suite, n network.Network) bool {
		_, ok := n.(network.Receiver)
		return ok
	}
	can := func(s Suite, n network.Network) bool { return receives(s, n) && s.Hook != nil }
	return []check{
		{"signed", receives, checkSigned},
		{"forged", can, checkForged},
		{"body", can, checkBody},
		{"old", can, checkOld},
		{"rotation", can, checkRotation},
		{"no secret", can, checkNoSecret},
		{"handshake", can, checkHandshakes},
		{"hook cancelled", can, checkHookCancelled},
	}
}

// verify gives Verify's answer; a panic is an error of the connector and reported.
func (s Suite) verify(r Reporter, h network.Hook, req webhook.Request) (a webhook.Answer, err error) {
	r.Helper()
	defer func() {
		if p := recover(); p != nil {
			r.Errorf("Verify panics: %v", p)
			err = fault.New(fault.Forged, "panic")
		}
	}()
	return s.New().(network.Receiver).Verify(context.Background(), h, req)
}

func (s Suite) refused(r Reporter, h network.Hook, req webhook.Request, what string) {
	r.Helper()
	answer, err := s.verify(r, h, req)
	switch {
	case err == nil:
		r.Errorf("%s passes", what)
	case !fault.Is(err, fault.Forged):
		r.Errorf("%s gives %s, want forged: %v", what, fault.Of(err), err)
	case answer.Keep:
		r.Errorf("%s is to be kept", what)
	}
	leaks(r, err, secrets(h.Secrets))
}

func (s Suite) signed(at time.Time) webhook.Request {
	req := s.Hook.Sign(s.Hook.Hook, slices.Clone(s.Hook.Body), at)
	req.At = s.Now
	return req
}

func checkSigned(r Reporter, s Suite) {
	if s.Hook == nil {
		r.Errorf("Suite.Hook is missing")
		return
	}
	req := s.signed(s.Now)
	before := slices.Clone(req.Body)
	answer, err := s.verify(r, s.Hook.Hook, req)
	if err != nil {
		r.Errorf("a signed call is refused: %v", err)
	} else if !answer.Keep {
		r.Errorf("a signed call with events is not kept")
	}
	if !bytes.Equal(before, req.Body) {
		r.Errorf("Verify changes the body")
	}
}

func checkForged(r Reporter, s Suite) {
	req := s.signed(s.Now)
	if s.Hook.Unsigned != nil {
		s.refused(r, s.Hook.Hook, s.Hook.Unsigned(req), "an unsigned call")
	} else {
		bare := req
		bare.Header = http.Header{"Content-Type": req.Header["Content-Type"]}
		s.refused(r, s.Hook.Hook, bare, "an unsigned call")
	}
	other := s.Hook.Hook
	other.Secrets = maps.Clone(other.Secrets)
	other.Secrets["secret"] = flow.NewSecret(spoilt(other.Secrets["secret"].Reveal()))
	forged := s.Hook.Sign(other, s.Hook.Body, s.Now)
	forged.At = s.Now
	s.refused(r, s.Hook.Hook, forged, "a call signed with another secret")
	if s.Hook.Signature == "" {
		return
	}
	name := http.CanonicalHeaderKey(s.Hook.Signature)
	good := req.Header.Get(name)
	if good == "" {
		r.Errorf("Sign sets no header %s", name)
		return
	}
	bad := []string{"", " ", good[:len(good)/2], "sha256=", "sha256=ff", "\x00", good + good}
	for _, at := range []int{0, len(good) / 2, len(good) - 1} {
		bad = append(bad, good[:at]+other1(good[at])+good[at+1:])
	}
	for _, value := range bad {
		twisted := req
		twisted.Header = req.Header.Clone()
		twisted.Header.Set(name, value)
		s.refused(r, s.Hook.Hook, twisted, "a call with signature "+value)
	}
}

// spoilt gives another secret of the same form: the third character from the end differs.
func spoilt(secret string) string {
	if len(secret) < 4 {
		return secret + "x"
	}
	at := len(secret) - 3
	return secret[:at] + other1(secret[at]) + secret[at+1:]
}

func other1(c byte) string {
	if c == '0' {
		return "1"
	}
	return "0"
}

func checkBody(r Reporter, s Suite) {
	req := s.signed(s.Now)
	for _, at := range []int{0, len(req.Body) / 3, len(req.Body) - 1} {
		twisted := req
		twisted.Body = slices.Clone(req.Body)
		twisted.Body[at] ^= 1
		s.refused(r, s.Hook.Hook, twisted, "a body with one bit flipped")
	}
	for what, body := range map[string][]byte{
		"an empty body": {}, "a body cut by one byte": req.Body[:len(req.Body)-1], "a body with a line break more": append(slices.Clone(req.Body), '\n'),
	} {
		twisted := req
		twisted.Body = body
		s.refused(r, s.Hook.Hook, twisted, what)
	}
	var v any
	if json.Unmarshal(req.Body, &v) != nil {
		return
	}
	again, err := json.MarshalIndent(v, "", " ")
	if err != nil || bytes.Equal(again, req.Body) {
		return
	}
	twisted := req
	twisted.Body = again
	s.refused(r, s.Hook.Hook, twisted, "a body that was decoded and encoded again")
}

func checkOld(r Reporter, s Suite) {
	if s.Hook.MaxAge <= 0 {
		r.Errorf("Hook.MaxAge is not set: skip this check with the reason, if the scheme has no clock")
		return
	}
	s.refused(r, s.Hook.Hook, s.signed(s.Now.Add(-s.Hook.MaxAge-time.Minute)), "a call that is too old")
	s.refused(r, s.Hook.Hook, s.signed(s.Now.Add(s.Hook.MaxAge+time.Minute)), "a call from the future")
	if _, err := s.verify(r, s.Hook.Hook, s.signed(s.Now.Add(-s.Hook.MaxAge/2))); err != nil {
		r.Errorf("a call of half the greatest age is refused: %v", err)
	}
}

func checkRotation(r Reporter, s Suite) {
	old := s.Hook.Hook
	fresh := old
	fresh.Secrets = maps.Clone(old.Secrets)
	fresh.Secrets["secret"] = flow.NewSecret(spoilt(old.Secrets["secret"].Reveal()))
	both := fresh
	both.Secrets = maps.Clone(fresh.Secrets)
	both.Secrets["previous"] = old.Secrets["secret"]
	for what, signer := range map[string]network.Hook{"old": old, "new": fresh} {
		req := s.Hook.Sign(signer, s.Hook.Body, s.Now)
		req.At = s.Now
		if _, err := s.verify(r, both, req); err != nil {
			r.Errorf("during a rotation a call signed with the %s secret is refused: %v", what, err)
		}
	}
	req := s.Hook.Sign(old, s.Hook.Body, s.Now)
	req.At = s.Now
	s.refused(r, fresh, req, "after the rotation a call signed with the old secret")
}

// checkNoSecret: a hook that was set up without a secret takes nothing, whatever the caller signs with.
func checkNoSecret(r Reporter, s Suite) {
	open := s.Hook.Hook
	open.Secrets = map[string]flow.Secret{}
	empty := s.Hook.Hook
	empty.Secrets = map[string]flow.Secret{"secret": flow.NewSecret("")}
	for _, req := range []webhook.Request{s.signed(s.Now), s.Hook.Sign(empty, s.Hook.Body, s.Now)} {
		req.At = s.Now
		if _, err := s.verify(r, open, req); err == nil {
			r.Errorf("a hook without a secret lets a call through")
		}
	}
}

func checkHandshakes(r Reporter, s Suite) {
	for _, shake := range s.Hook.Handshakes {
		h := shake.Hook
		if h.Secrets == nil && h.Settings == nil {
			h = s.Hook.Hook
		}
		if shake.Request.At.IsZero() {
			shake.Request.At = s.Now
		}
		if shake.Forged {
			s.refused(r, h, shake.Request, "handshake "+shake.Name)
			continue
		}
		answer, err := s.verify(r, h, shake.Request)
		if err != nil {
			r.Errorf("handshake %s is refused: %v", shake.Name, err)
			continue
		}
		if status := or(answer.Status, http.StatusOK); status != or(shake.Status, http.StatusOK) {
			r.Errorf("handshake %s is answered %d, want %d", shake.Name, status, or(shake.Status, http.StatusOK))
		}
		if string(answer.Body) != shake.Body {
			r.Errorf("handshake %s is answered %q, want %q", shake.Name, answer.Body, shake.Body)
		}
		if answer.Keep {
			r.Errorf("handshake %s is kept as if it held events", shake.Name)
		}
	}
}

func checkHookCancelled(r Reporter, s Suite) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	// A receiver needs no network, so it may finish; what it must not do is to let a forgery through.
	req := s.signed(s.Now)
	if s.Hook.Unsigned != nil {
		req = s.Hook.Unsigned(req)
	} else {
		req.Header = http.Header{}
	}
	if _, err := s.New().(network.Receiver).Verify(ctx, s.Hook.Hook, req); err == nil {
		r.Errorf("an unsigned call passes when its context has ended")
	} else if !fault.Is(err, fault.Forged) && !errors.Is(err, context.Canceled) {
		r.Errorf("an unsigned call with an ended context gives %s: %v", fault.Of(err), err)
	}
}

func or(n, def int) int {
	if n == 0 {
		return def
	}
	return n
}
