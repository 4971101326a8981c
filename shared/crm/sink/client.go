package sink

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"rapport/shared/crm"
	"rapport/shared/expression"
	"rapport/shared/fault"
	"rapport/shared/rest"
	"rapport/shared/webhook"
)

// calling is one use of the adapter.
type calling struct {
	sink    *Sink
	plan    *plan
	account crm.Account
	object  string
	erasing bool // whole records may go
	renewed bool // the session was renewed once already
	wrote   bool // a call of this use was answered
}

// do makes one call and judges its answer. A session that has ended is renewed once, and the call made again: nothing
// was done with it. The answer is given beside a refusal too.
func (c *calling) do(ctx context.Context, q *call, r request) (answer, error) {
	for {
		session, err := c.session(ctx)
		if err != nil {
			return answer{}, err
		}
		a, err := c.once(ctx, q, r, session)
		if c.plan.login == nil || c.renewed || a.Status == 0 {
			return a, err
		}
		ended := fault.Is(err, fault.Unauthorized) && a.Status == http.StatusUnauthorized
		if q.expired != nil {
			v, _ := q.expired.Eval(a) // an answer of another shape tells of no end
			ended = ended || truth(v)
		}
		if !ended {
			return a, err
		}
		c.renewed = true
		if err := c.sink.sessions.drop(ctx, c.account, session); err != nil {
			return a, err
		}
	}
}

// once makes one call.
func (c *calling) once(ctx context.Context, q *call, r request, session any) (answer, error) {
	r.Account, r.Object, r.Session = c.account.Name, c.object, session
	path, err := c.path(q, r)
	if err != nil {
		return answer{}, err
	}
	body, form, err := c.body(q, r)
	if err != nil {
		return answer{}, err
	}
	req := rest.Request{Method: q.method, URL: path, Header: http.Header{}, Body: body}
	if body != nil {
		req.Header.Set("Content-Type", form)
	}
	req.Header.Set("Accept", "application/json")
	sign := signing{Account: c.account.Name, Object: c.object, Session: session, Secret: c.secret}
	for _, h := range append(slices.Clip(c.plan.headers), q.headers...) {
		v, err := h.value.Eval(sign)
		if err != nil {
			return answer{}, fault.New(fault.Unauthorized, "%s: header %s: %s", c.place(q), h.name, c.hide(err.Error()))
		}
		if s := text(v); s != "" {
			req.Header.Set(h.name, s)
		}
	}
	if c.plan.auth != nil && q != c.plan.login {
		v, err := c.plan.auth.Eval(sign)
		if err != nil {
			return answer{}, fault.New(fault.Unauthorized, "auth: %s", c.hide(err.Error()))
		}
		req.Auth = text(v)
	}
	if err := c.marks(q, r, &req); err != nil {
		return answer{}, err
	}
	account := c.account
	if account.Origin == "" {
		account.Origin = c.plan.origin
	}
	resp, err := account.Do(ctx, req)
	switch {
	case fault.Is(err, fault.Invalid): // the address is wrong or forbidden; no record is to blame
		return answer{}, fault.New(fault.Unavailable, "%w", err)
	case err != nil:
		return answer{}, err
	}
	return c.judge(q, resp)
}

// marks puts on Idempotency-Key and the signature.
func (c *calling) marks(q *call, r request, req *rest.Request) error {
	if q != c.plan.write && q != c.plan.update {
		return nil
	}
	if !c.plan.idempotent && !c.plan.standard {
		return nil
	}
	h := sha256.New()
	for _, part := range append([]string{c.account.Name, c.object, q.name}, r.Keys...) {
		h.Write([]byte(part + "\x00"))
	}
	h.Write(req.Body)
	sum := hex.EncodeToString(h.Sum(nil)[:16])
	if c.plan.idempotent {
		req.Header.Set("Idempotency-Key", sum)
	}
	if c.plan.standard {
		signed, err := webhook.SignStandard([]string{c.account.Secret("secret")}, "msg_"+sum, req.Body, c.account.Now)
		if err != nil {
			return fault.New(fault.Unauthorized, "secret of account %s: %w", c.account.Name, err)
		}
		maps.Copy(req.Header, signed)
	}
	return nil
}

// judge reads an answer: a refusal by status, by ok, or by drift is an error.
func (c *calling) judge(q *call, resp rest.Response) (answer, error) {
	a := answer{Status: resp.Status, Header: make(map[string]string, len(resp.Header))}
	for name := range resp.Header {
		a.Header[name] = resp.Header.Get(name)
	}
	var unread error
	if len(resp.Body) > 0 {
		if a.Body, unread = expression.Decode(resp.Body); unread != nil {
			a.Body = string(resp.Body)
		}
	}
	err := rest.Classify(resp, c.account.Now)
	if resp.Status >= 300 && resp.Status < 400 {
		return a, fault.New(fault.Unavailable, "%s: %w", c.place(q), err)
	}
	ok := err == nil
	if ok && q.ok != nil {
		v, bad := q.ok.Eval(a)
		if bad != nil {
			return a, fault.New(fault.Ambiguous, "%s: the answer cannot be read: ok: %w", c.place(q), bad)
		}
		ok = truth(v)
	}
	if ok {
		if unread != nil && (q.ok != nil || q.results != nil || q.ids != nil || q.rows != nil) {
			return a, fault.New(fault.Ambiguous, "%s: the answer is no JSON: %w", c.place(q), unread)
		}
		return a, nil
	}
	get := func(x *expression.Loose) any {
		if x == nil {
			return nil
		}
		v, _ := x.Eval(a) // a refusal of another shape says nothing by this expression
		return v
	}
	said := rest.Snippet([]byte(c.hide(text(get(q.failed)))))
	fields := names(get(q.drift))
	switch {
	case len(fields) > 0:
		return a, fault.Drifted(fields, "%s: %s", c.place(q), said)
	case err == nil && truth(get(q.expired)):
		return a, fault.New(fault.Unauthorized, "%s: the session has ended: %s", c.place(q), said)
	case (err == nil || fault.Is(err, fault.Invalid)) && truth(get(q.gone)):
		return a, fault.New(fault.Gone, "%s: %s", c.place(q), said)
	case (err == nil || fault.Is(err, fault.Invalid)) && truth(get(q.retry)):
		return a, fault.New(fault.Transient, "%s: %s", c.place(q), said)
	case err == nil && said == "":
		return a, fault.New(fault.Invalid, "%s: refused without a reason", c.place(q))
	case err == nil:
		return a, fault.New(fault.Invalid, "%s: %s", c.place(q), said)
	case said != "":
		return a, fault.Wait(fault.Of(err), fault.After(err), "%s: answered %d: %s", c.place(q), resp.Status, said)
	}
	return a, fault.Wait(fault.Of(err), fault.After(err), "%s: %s", c.place(q), err.Error())
}

func (c *calling) path(q *call, r request) (string, error) {
	var b strings.Builder
	for i, p := range q.path {
		if p.expr == nil {
			b.WriteString(p.text)
			continue
		}
		v, err := p.expr.Eval(r)
		if err != nil || text(v) == "" {
			return "", fault.New(fault.Invalid, "%s.path: {%s} gives nothing", q.name, p.expr)
		}
		if q.query >= 0 && i > q.query {
			b.WriteString(url.QueryEscape(text(v)))
		} else {
			b.WriteString(url.PathEscape(text(v)))
		}
	}
	return b.String(), nil
}

// body makes a request's body: what the expression gives, else the usual one of the request.
func (c *calling) body(q *call, r request) (body []byte, form string, err error) {
	var v any
	switch {
	case q == c.plan.login:
		return c.loginBody(q)
	case q.body != nil:
		if v, err = q.body.Eval(r); err != nil {
			return nil, "", fault.New(fault.Invalid, "%s.body: %w", q.name, err)
		}
	case q.method == http.MethodGet || q.method == http.MethodDelete:
		return nil, "", nil
	case q == c.plan.find:
		v = r.Keys
	case q == c.plan.write && c.plan.mode != "single":
		all := make([]any, len(r.Records))
		for i, x := range r.Records {
			all[i] = x.Fields
		}
		v = all
	case q == c.plan.write || q == c.plan.update:
		v = r.Record.Fields
	case q == c.plan.erase:
		v = r.Records
	case q == c.plan.read:
		v = map[string]any{"object": r.Object, "keys": r.Keys, "ids": r.IDs, "fields": r.Fields}
	}
	if c.plan.mode == "ndjson" && q == c.plan.write {
		list, ok := v.([]any)
		if !ok {
			return nil, "", fault.New(fault.Invalid, "write.body: must give a list in mode ndjson, not %s", kind(v))
		}
		for _, x := range list {
			line, err := encode(x)
			if err != nil {
				return nil, "", fault.New(fault.Invalid, "write.body: %w", err)
			}
			body = append(append(body, line...), '\n')
		}
		return body, "application/x-ndjson", nil
	}
	if body, err = encode(v); err != nil {
		return nil, "", fault.New(fault.Invalid, "%s.body: %w", q.name, err)
	}
	return body, "application/json", nil
}

func (c *calling) loginBody(q *call) ([]byte, string, error) {
	if q.body == nil {
		return nil, "", nil
	}
	v, err := q.body.Eval(signing{Account: c.account.Name, Object: c.object, Secret: c.secret})
	if err != nil {
		return nil, "", fault.New(fault.Unauthorized, "login.body: %s", c.hide(err.Error()))
	}
	body, err := encode(v)
	if err != nil {
		return nil, "", fault.New(fault.Unauthorized, "login.body: %s", c.hide(err.Error()))
	}
	return body, "application/json", nil
}

// secret gives a secret to an expression.
func (c *calling) secret(name string) (string, error) {
	if s := c.account.Secret(name); s != "" {
		return s, nil
	}
	return "", fault.New(fault.Unauthorized, "secret %q of account %s is not set", name, c.account.Name)
}

// hide takes secrets out of what an endpoint said.
func (c *calling) hide(said string) string {
	for _, s := range c.account.Secrets {
		if secret := s.Reveal(); len(secret) >= 4 {
			said = strings.ReplaceAll(said, secret, s.String())
		}
	}
	return said
}

// place names a call in errors.
func (c *calling) place(q *call) string {
	var b strings.Builder
	for _, p := range q.path {
		if p.expr != nil {
			b.WriteString("{" + p.expr.String() + "}")
			continue
		}
		b.WriteString(p.text)
	}
	path, _, _ := strings.Cut(b.String(), "?")
	return q.method + " " + path
}
