package hook

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"time"

	"rapport/shared/expression"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/webhook"
)

// env is what the expressions of a hook see.
type env struct {
	Item   any               `expr:"item"`
	Body   any               `expr:"body"`
	Header map[string]string `expr:"header"`
}

// Root gives a top-level name.
func (e env) Root(name string) any {
	switch name {
	case "item":
		return e.Item
	case "body":
		return e.Body
	case "header":
		return e.Header
	}
	return nil
}

// plan is what the settings of a hook were compiled to. It never changes.
type plan struct {
	proof     string // the scheme's name
	scheme    webhook.Scheme
	user      string
	shake     string
	items     *expression.Loose // nil = the body
	verb      *expression.Loose // nil = new
	account   *expression.Loose // nil = as the request says
	id        *expression.Loose
	network   *expression.Loose // nil = Name
	fields    []field
	own       []string
	keep      []string // canonical names of the headers that expressions use
	asWritten []string // the same in the expressions' own spelling
}

type field struct {
	name string
	expr *expression.Loose
	set  func(*mention, any) error
}

func schemes() []string {
	return []string{"body", "timestamp.body", "standard", "token", "basic", "ed25519"}
}

func (p *plan) verify(keys []string, r webhook.Request) error {
	switch p.proof {
	case "standard":
		return webhook.VerifyStandard(keys, r, p.scheme.Window)
	case "token":
		return webhook.VerifyToken(keys, r, p.scheme.Header, p.scheme.Prefix)
	case "basic":
		return webhook.VerifyBasic(p.user, keys, r)
	case "ed25519":
		return webhook.Ed25519{Header: p.scheme.Header, Timestamp: p.scheme.Timestamp, Window: p.scheme.Window}.Verify(keys, r)
	}
	return p.scheme.Verify(keys, r)
}

func (p *plan) handshake(h network.Hook, r webhook.Request) (webhook.Answer, error) {
	switch p.shake {
	case "hub":
		token := h.Secrets["verify"]
		if token.Empty() {
			return webhook.Answer{}, fault.New(fault.Forged, "secret verify is not set, so a subscription check cannot be answered")
		}
		return webhook.HubChallenge(r, token.Reveal())
	case "crc":
		if keys := h.Keys(); len(keys) > 0 {
			return webhook.CRC(keys[0], r)
		}
		return webhook.CRC("", r)
	}
	return webhook.Answer{Status: http.StatusMethodNotAllowed}, fault.New(fault.Forged, "events come by POST, and this hook has no handshake")
}

func (p *plan) headers(kept map[string]string) map[string]string {
	if len(p.keep) == 0 {
		return nil
	}
	h := make(map[string]string, len(p.keep))
	for i, name := range p.keep {
		if v, ok := kept[name]; ok {
			h[p.asWritten[i]] = v
		}
	}
	return h
}

// list gives the events of a body.
func (p *plan) list(e env) ([]any, error) {
	found := e.Body
	if p.items != nil {
		var err error
		if found, err = p.items.Eval(e); err != nil {
			return nil, fault.New(fault.Invalid, "items (%s): %w", p.items, err)
		}
	}
	switch v := found.(type) {
	case nil:
		if p.items == nil {
			return nil, fault.New(fault.Invalid, "the body is null")
		}
		return nil, fault.New(fault.Invalid, "items (%s) gives nothing", p.items)
	case []any:
		if len(v) > MaxItems {
			return nil, fault.New(fault.Invalid, "the body holds %d events; the most is %d: let the sender cut it", len(v), MaxItems)
		}
		return v, nil
	case map[string]any:
		return []any{v}, nil
	}
	return nil, fault.New(fault.Invalid, "the body holds %s where an event or a list of events should be", kind(found))
}

// event reads one item; keep is false for what the settings ignore.
func (p *plan) event(e env, raw network.Raw) (event flow.Event, keep bool, err error) {
	boxed := expression.Roots(e)
	m := &mention{raw: raw, own: p.own}
	m.Verb = flow.New
	m.Account = raw.Account
	if p.verb != nil {
		v, err := p.verb.Eval(boxed)
		if err != nil {
			return event, false, fmt.Errorf("event (%s): %w", p.verb, err)
		}
		if m.Verb, keep, err = verb(v); err != nil || !keep {
			return event, false, wrap("event", p.verb, err)
		}
	}
	if p.account != nil {
		v, err := p.account.Eval(boxed)
		if err == nil {
			m.Account, err = text(v)
		}
		if err != nil {
			return event, false, wrap("account", p.account, err)
		}
		if m.Account == "" {
			m.Account = raw.Account
		}
	}
	if err := p.identify(boxed, m); err != nil {
		return event, false, err
	}
	if m.Verb != flow.Delete { // of a delete only the id is sure
		for _, f := range p.fields {
			v, err := f.expr.Eval(boxed)
			if err == nil && v != nil {
				err = f.set(m, v)
			}
			if err != nil {
				return event, false, wrap("fields."+f.name, f.expr, err)
			}
		}
	}
	m.finish()
	return m.Event, true, nil
}

// identify fills network and id.
func (p *plan) identify(e expression.Roots, m *mention) error {
	m.Mention.Network = Name
	if p.network != nil {
		v, err := p.network.Eval(e)
		if err != nil {
			return wrap("fields.network", p.network, err)
		}
		name, err := text(v)
		if err != nil {
			return wrap("fields.network", p.network, err)
		}
		if name = word(name); name != "" {
			m.Mention.Network = name
		}
	}
	v, err := p.id.Eval(e)
	if err != nil {
		return wrap("fields.id", p.id, err)
	}
	native, err := text(v)
	if err != nil {
		return wrap("fields.id", p.id, err)
	}
	if native == "" {
		return fmt.Errorf("fields.id (%s) gives nothing: every event needs an id", p.id)
	}
	m.Mention.ID = flow.MentionID(m.Mention.Network, native)
	return nil
}

func wrap(name string, x *expression.Loose, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s (%s): %w", name, x, err)
}

// prove reads of settings what calls are verified by, and compiles nothing. The plan is nil where there are errors.
func prove(settings map[string]any) (*plan, []error) {
	c := compiler{settings: settings}
	p := &plan{}
	c.proof(p)
	fields, _ := settings["fields"].(map[string]any)
	sources := []any{settings["items"], settings["event"], settings["account"]}
	for _, name := range sorted(fields) {
		sources = append(sources, fields[name])
	}
	for _, source := range sources {
		if text, ok := source.(string); ok {
			c.used = append(c.used, headerNames(text)...)
		}
	}
	c.headers(p)
	if len(c.errs) > 0 {
		return nil, c.errs
	}
	return p, nil
}

// compile reads settings. The plan is nil where there are errors.
func compile(settings map[string]any) (*plan, []error) {
	c := compiler{settings: settings}
	p := &plan{}
	c.names()
	c.proof(p)
	p.items = c.expression("items", settings["items"])
	p.verb = c.expression("event", settings["event"])
	p.account = c.expression("account", settings["account"])
	p.own = c.texts("own")
	c.fields(p)
	c.headers(p)
	if len(c.errs) > 0 {
		return nil, c.errs
	}
	return p, nil
}

// headers are those that expressions use, without what is a credential.
func (c *compiler) headers(p *plan) {
	for _, name := range c.used {
		canonical := http.CanonicalHeaderKey(name)
		if slices.Contains([]string{"Authorization", "Cookie", "Proxy-Authorization", p.scheme.Header}, canonical) {
			c.wrong("header %s holds a credential or signature and is not kept", canonical)
			continue
		}
		if !slices.Contains(p.asWritten, name) {
			p.keep, p.asWritten = append(p.keep, canonical), append(p.asWritten, name)
		}
	}
}

type compiler struct {
	settings map[string]any
	errs     []error
	used     []string // headers that expressions name
}

func (c *compiler) wrong(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf(format, args...))
}

// names refuses settings that nobody reads.
func (c *compiler) names() {
	var known []string
	for _, f := range (*Hook)(nil).Info().Hook {
		known = append(known, f.Name)
	}
	for _, name := range sorted(c.settings) {
		if !slices.Contains(known, name) {
			c.wrong("%s: there is no such setting%s", name, didYouMean(name, known))
		}
	}
}

func (c *compiler) text(name string) string {
	switch v := c.settings[name].(type) {
	case nil:
		return ""
	case string:
		return v
	default:
		c.wrong("%s: must be a text, not %s", name, kind(v))
		return ""
	}
}

func (c *compiler) texts(name string) []string {
	var out []string
	switch v := c.settings[name].(type) {
	case nil:
	case string:
		out = []string{v}
	case []string:
		out = v
	case []any:
		for _, x := range v {
			s, err := text(plain(x))
			if err != nil {
				c.wrong("%s: %w", name, err)
			}
			out = append(out, s)
		}
	default:
		c.wrong("%s: must be a list of texts, not %s", name, kind(v))
	}
	return out
}

func (c *compiler) choice(name, def string, choices []string) string {
	v := c.text(name)
	if v == "" {
		v = def
	}
	if !slices.Contains(choices, v) {
		c.wrong("%s: %q is none of %s%s", name, v, strings.Join(choices, ", "), didYouMean(v, choices))
	}
	return v
}

func (c *compiler) proof(p *plan) {
	if c.text("scheme") == "none" {
		c.wrong("scheme: none is not possible: anybody could invent mentions; use token if the sender cannot sign")
		return
	}
	p.proof = c.choice("scheme", "body", schemes())
	p.shake = c.choice("handshake", "none", []string{"none", "hub", "crc"})
	p.user = c.text("user")
	p.scheme = webhook.Scheme{
		Header: http.CanonicalHeaderKey(c.text("header")), Algorithm: c.choice("algorithm", "sha256", webhook.Algorithms()),
		Encoding: c.choice("encoding", "hex", webhook.Encodings()), Prefix: c.text("prefix"), Text: c.text("signed_text"),
		Window: c.tolerance(),
	}
	timestamp, separator, hasSeparator := c.text("timestamp_header"), c.text("separator"), c.settings["separator"] != nil
	switch p.proof {
	case "timestamp.body":
		p.scheme.Timestamp, p.scheme.Pair, p.scheme.TimePair = timestamp, c.text("signature_name"), c.text("timestamp_name")
		p.scheme.Unit = c.choice("timestamp_unit", "s", []string{"s", "ms", "rfc3339"})
		if p.scheme.Separator = separator; !hasSeparator {
			p.scheme.Separator = "."
		}
		if timestamp == "" && p.scheme.TimePair == "" {
			c.wrong("timestamp_header: scheme timestamp.body needs it, or timestamp_name where the header is a list")
		}
	case "ed25519":
		p.scheme.Timestamp = timestamp
	case "basic":
		if p.user == "" {
			c.wrong("user: scheme basic needs it")
		}
	default:
		if timestamp != "" && p.proof != "standard" {
			c.wrong("timestamp_header: scheme %s signs no timestamp; use scheme timestamp.body", p.proof)
		}
	}
	if p.scheme.Header == "" && (p.proof == "body" || p.proof == "timestamp.body" || p.proof == "token") {
		c.wrong("header: scheme %s needs the name of the header that carries the signature or token", p.proof)
	}
}

func (c *compiler) tolerance() time.Duration {
	var d time.Duration
	switch v := plain(c.settings["tolerance"]).(type) {
	case nil:
		return 0
	case int:
		d = time.Duration(v) * time.Second
	case float64:
		d = time.Duration(v * float64(time.Second))
	case string:
		var err error
		if d, err = time.ParseDuration(v); err != nil {
			c.wrong("tolerance: %q is no duration such as 5m", v)
			return 0
		}
	default:
		c.wrong("tolerance: must be a duration such as 5m, not %s", kind(v))
		return 0
	}
	if d <= 0 || d > 24*time.Hour {
		c.wrong("tolerance: must be more than 0 and at most 24h")
	}
	return d
}

func (c *compiler) fields(p *plan) {
	m, ok := c.settings["fields"].(map[string]any)
	if !ok || len(m) == 0 {
		c.wrong("fields: must map fields of a mention to expressions; id at least")
		return
	}
	for _, name := range sorted(m) {
		x := c.expression("fields."+name, m[name])
		set := setter(name)
		switch {
		case set == nil:
			c.wrong("fields.%s: a mention has no such field%s", name, didYouMean(name, Fields()))
		case x == nil:
		case name == "id":
			p.id = x
		case name == "network":
			p.network = x
		default:
			p.fields = append(p.fields, field{name, x, set})
		}
	}
	if p.id == nil {
		c.wrong("fields.id: is missing: every event needs an id that stays the same when it is sent again")
	}
}

func (c *compiler) expression(name string, v any) *expression.Loose {
	source, ok := v.(string)
	if v == nil || ok && strings.TrimSpace(source) == "" {
		return nil
	}
	if !ok {
		c.wrong("%s: must be an expression written as text, not %s", name, kind(v))
		return nil
	}
	x, err := expression.CompileLoose(source, env{})
	if err != nil {
		c.wrong("%s: %w", name, err)
		return nil
	}
	c.used = append(c.used, headerNames(source)...)
	return x
}

// headerNames finds the headers that an expression names: header["X-Kind"], header['X-Kind'], header.Kind.
func headerNames(source string) []string {
	var names []string
	for {
		_, rest, ok := strings.Cut(source, "header")
		if !ok {
			return names
		}
		source = rest
		rest = strings.TrimPrefix(rest, "?")
		for _, q := range []string{`"`, `'`} {
			if inner, ok := strings.CutPrefix(rest, "["+q); ok {
				if name, _, ok := strings.Cut(inner, q+"]"); ok {
					names = append(names, name)
				}
			}
		}
		if inner, ok := strings.CutPrefix(rest, "."); ok {
			n := 0
			for n < len(inner) && (inner[n] == '_' || inner[n]|0x20 >= 'a' && inner[n]|0x20 <= 'z' || inner[n] >= '0' && inner[n] <= '9') {
				n++
			}
			if inner = strings.TrimPrefix(inner, "["); n > 0 {
				names = append(names, inner[:n])
			}
		}
	}
}

func didYouMean(name string, known []string) string {
	if near := expression.Nearest(name, known); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// plain makes int of the whole numbers that YAML readers give.
func plain(v any) any {
	switch x := v.(type) {
	case int64:
		return int(x)
	case uint64:
		if x <= math.MaxInt {
			return int(x)
		}
	}
	return v
}

func sorted(m map[string]any) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
