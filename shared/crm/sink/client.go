package sink

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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

// write makes one call for rows and reads their outcomes. An error means that nothing is known of any of them.
func (c *calling) write(ctx context.Context, q *call, rows []*row, out []crm.Outcome) error {
	a, err := c.do(ctx, q, request{Records: rows, Record: rows[0], Keys: keysOf(rows), Key: rows[0].Key, ID: rows[0].ID})
	if err == nil {
		return c.outcomes(q, a, rows, out)
	}
	// What blames a record and not the call is the record's outcome, or a reason to look for it in halves.
	switch kind := fault.Of(err); kind {
	case fault.Invalid, fault.Conflict, fault.NotFound, fault.Gone:
		if len(rows) > 1 {
			if kind == fault.NotFound || kind == fault.Gone {
				return err
			}
			return fault.New(fault.Split, "%w", err)
		}
		if rows[0].ID != "" && kind == fault.NotFound {
			err = fault.New(fault.Gone, "record %s is not there any more: %w", rows[0].ID, err)
		}
		out[rows[0].at].Err = err
		return nil
	}
	return err
}

// outcomes reads the results of a call that succeeded.
func (c *calling) outcomes(q *call, a answer, rows []*row, out []crm.Outcome) error {
	if q.results == nil {
		for _, r := range rows {
			c.outcome(q, a, r, &out[r.at])
		}
		return nil
	}
	lost := func(format string, args ...any) error {
		return fault.New(fault.Ambiguous, c.place(q)+": "+format, args...)
	}
	v, err := q.results.Eval(a)
	if err != nil {
		return lost("the answer has no results: %w", err)
	}
	byKey := map[string]any{}
	switch v := v.(type) {
	case map[string]any:
		byKey = v
	case map[any]any:
		for k, x := range v {
			byKey[text(k)] = x
		}
	case []any:
		key := q.result["key"]
		if key == nil {
			if len(v) != len(rows) {
				return lost("the answer holds %d results for %d records", len(v), len(rows))
			}
			for i, r := range rows {
				a.Item = v[i]
				c.outcome(q, a, r, &out[r.at])
			}
			return nil
		}
		for _, item := range v {
			a.Item = item
			k, err := key.Eval(a)
			if err != nil {
				return lost("result.key: %w", err)
			}
			byKey[text(k)] = item
		}
	default:
		return lost("the answer has no results (%s gives %s)", q.results, kind(v))
	}
	known := 0
	for _, r := range rows {
		item, ok := byKey[r.Key]
		if !ok {
			out[r.at].Err = lost("the answer says nothing of record %s", r.Key)
			continue
		}
		known++
		a.Item = item
		c.outcome(q, a, r, &out[r.at])
	}
	if known == 0 {
		return lost("the answer says nothing of any record")
	}
	return nil
}

// outcome reads one result; a.Item is it.
func (c *calling) outcome(q *call, a answer, r *row, o *crm.Outcome) {
	var failed error
	get := func(name string) any {
		x := q.result[name]
		if x == nil {
			return nil
		}
		v, err := x.Eval(a)
		if err != nil && failed == nil {
			failed = fault.New(fault.Ambiguous, "%s: result.%s of record %s: %w", c.place(q), name, r.Key, err)
		}
		return v
	}
	said := rest.Snippet([]byte(c.hide(text(get("error")))))
	ok := said == ""
	if q.result["ok"] != nil {
		ok = truth(get("ok"))
	}
	if said == "" {
		said = "refused without a reason"
	}
	fields := names(get("drift"))
	switch {
	case failed != nil:
		o.Err = failed
	case ok:
		c.settled(r, o, text(get("id")), crm.State(text(get("state"))))
	case len(fields) > 0:
		o.Err = fault.Drifted(fields, "record %s: %s", r.Key, said)
	case truth(get("gone")):
		o.Err = fault.New(fault.Gone, "record %s: %s", r.Key, said)
	case truth(get("retry")):
		o.Err = fault.New(fault.Transient, "record %s: %s", r.Key, said)
	default:
		o.Err = fault.New(fault.Invalid, "record %s: %s", r.Key, said)
	}
}

// settled fills the outcome of a record that was written. Where the endpoint tells no id, the key stands for it.
func (c *calling) settled(r *row, o *crm.Outcome, id string, state crm.State) {
	o.ID, o.State = cmp.Or(id, r.ID, r.Key), state
	if state != crm.Created && state != crm.Updated && state != crm.Unchanged {
		if o.State = crm.Created; r.ID != "" || c.plan.keyed && r.Attempted {
			o.State = crm.Updated
		}
	}
}

// find tells which keys exist, and their record ids (the key where the endpoint tells no id).
func (c *calling) find(ctx context.Context, keys []string) (map[string]string, error) {
	found := map[string]string{}
	for chunk := range slices.Chunk(keys, c.plan.find.size(len(keys))) {
		a, err := c.do(ctx, c.plan.find, request{Keys: chunk, Key: chunk[0]})
		switch {
		case fault.Is(err, fault.NotFound) && len(chunk) == 1 && c.plan.find.batch == 1:
			continue
		case fault.Is(err, fault.Ambiguous): // only a question was lost
			return nil, fault.New(fault.Transient, "%w", err)
		case err != nil:
			return nil, err
		}
		v, err := c.plan.find.ids.Eval(a)
		if err != nil {
			return nil, fault.New(fault.Transient, "%s: find.ids: %w", c.place(c.plan.find), err)
		}
		switch v := v.(type) {
		case []any:
			for _, k := range v {
				found[text(k)] = text(k)
			}
		case map[string]any:
			for k, id := range v {
				found[k] = text(id)
			}
		case map[any]any:
			for k, id := range v {
				found[text(k)] = text(id)
			}
		default:
			return nil, fault.New(fault.Transient, "%s: find.ids (%s) gives %s, not a list of keys", c.place(c.plan.find), c.plan.find.ids, kind(v))
		}
	}
	return found, nil
}

// read reads rows of one chunk of keys, in its order.
func (c *calling) read(ctx context.Context, keys, fields []string) ([]crm.Row, error) {
	q := c.plan.read
	r := request{Fields: fields}
	for _, k := range keys {
		if id, ok := strings.CutPrefix(k, "id:"); ok {
			r.IDs, r.ID = append(r.IDs, id), id
		} else {
			r.Keys, r.Key = append(r.Keys, k), k
		}
	}
	out := make([]crm.Row, len(keys))
	a, err := c.do(ctx, q, r)
	if err != nil {
		if q.batch == 1 && (fault.Is(err, fault.NotFound) || fault.Is(err, fault.Gone)) {
			return out, nil
		}
		return nil, err
	}
	v, err := q.rows.Eval(a)
	if err != nil {
		return nil, fault.New(fault.Transient, "%s: read.rows: %w", c.place(q), err)
	}
	list, ok := v.([]any)
	if one, is := v.(map[string]any); is {
		list, ok = []any{one}, true
	}
	if !ok {
		return nil, fault.New(fault.Transient, "%s: read.rows (%s) gives %s, not a list", c.place(q), q.rows, kind(v))
	}
	for _, item := range list {
		a.Item = item
		row, err := c.row(q, a, fields)
		if err != nil {
			return nil, err
		}
		for i, k := range keys {
			if id, byID := strings.CutPrefix(k, "id:"); byID && id == row.ID || !byID && k == row.Key {
				out[i] = row
			}
		}
	}
	return out, nil
}

func (c *calling) row(q *call, a answer, fields []string) (crm.Row, error) {
	var failed error
	get := func(name string) any {
		if q.result[name] == nil {
			return nil
		}
		v, err := q.result[name].Eval(a)
		if err != nil && failed == nil {
			failed = fault.New(fault.Transient, "%s: row.%s: %w", c.place(q), name, err)
		}
		return v
	}
	all := object(a.Item)
	if q.result["fields"] != nil {
		all = object(get("fields"))
	}
	r := crm.Row{Found: true, ID: text(get("id")), Key: text(get("key")), Changed: moment(get("changed")), By: text(get("by")),
		MergedInto: text(get("merged_into")), Object: text(get("object")), Fields: map[string]any{}}
	for _, name := range fields {
		if v, ok := all[name]; ok {
			r.Fields[name] = v
		}
	}
	return r, failed
}

// erase erases what is there of the records.
func (c *calling) erase(ctx context.Context, records []crm.Record) error {
	all := c.plan.rows(records, make([]crm.Outcome, len(records)))
	rows := slices.DeleteFunc(slices.Clone(all), func(r *row) bool { return r.ID == "" })
	unknown := slices.DeleteFunc(all, func(r *row) bool { return r.ID != "" })
	switch {
	case len(unknown) > 0 && c.plan.find != nil:
		ids, err := c.find(ctx, keysOf(unknown))
		if err != nil {
			return err
		}
		for _, r := range unknown {
			if id, ok := ids[r.Key]; ok {
				r.ID = id
				rows = append(rows, r)
			}
		}
	default:
		rows = append(rows, unknown...)
	}
	for part := range slices.Chunk(rows, c.plan.erase.size(len(rows))) {
		out := make([]crm.Outcome, len(records))
		r := request{Records: part, Record: part[0], Keys: keysOf(part), Key: part[0].Key, ID: part[0].ID, Delete: c.erasing}
		for _, x := range part {
			r.IDs = append(r.IDs, x.ID)
		}
		a, err := c.do(ctx, c.plan.erase, r)
		if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Gone) {
			continue // nothing is there any more
		}
		if err == nil {
			err = c.outcomes(c.plan.erase, a, part, out)
		}
		if err != nil {
			return err
		}
		for _, o := range out {
			if o.Err != nil && !fault.Is(o.Err, fault.Gone) && !fault.Is(o.Err, fault.NotFound) {
				return o.Err
			}
		}
	}
	return nil
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
			line, err := json.Marshal(x)
			if err != nil {
				return nil, "", fault.New(fault.Invalid, "write.body: %w", err)
			}
			body = append(append(body, line...), '\n')
		}
		return body, "application/x-ndjson", nil
	}
	if body, err = json.Marshal(v); err != nil {
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
	body, err := json.Marshal(v)
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
