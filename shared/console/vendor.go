package console

import (
	"crypto/subtle"
	"net/http"
	"time"

	"go.yaml.in/yaml/v4"

	"rapport/shared/fault"
	"rapport/shared/network"
)

// vendorRoutes are logging in at a network or CRM, choosing what the log-in acts for, and the vendor's webhooks.
func (c *Console) vendorRoutes() []route {
	return []route{
		{"POST", "/accounts/{name}/login", admins, "", "begin a log-in at the vendor: gives the address to open", true, c.vendorLogIn},
		{"POST", "/accounts/{name}/code", admins, "", "end a log-in at the vendor with the code that it gave: code, redirect (as it was told)", true, c.vendorCode},
		{"POST", "/accounts/{name}/target", admins, "", "put into the draft which of its accounts the log-in acts for: target", true, c.target},
		{"POST", "/accounts/{name}/setup", admins, "", "which of our fields a CRM account lacks: make (1 makes them)", true, c.setup},
		{"POST", "/accounts/{name}/subscribe", operating, "", "ask whether the vendor sends webhooks: anew (1 has it asked for them first)", true, c.subscribe},
		{"GET", "/hooks", reading, "hooks", "app registrations that send webhooks, with address and which secrets are set", true, c.hookList},
		{"POST", "/hooks", admins, "", "put a new one into the draft: kind, name; settings as set.*, secrets as secret.*", true, c.addHook},
		{"POST", "/hooks/{name}/token", admins, "", "make a new verify token, kept as a secret and shown once", true, c.verifyToken},
	}
}

// connectedPath is where vendors lead back to.
const connectedPath = "/connected"

// grantCookie holds a log-in at a vendor under way, sealed: it proves that the browser that comes back is the one that went.
const grantCookie = "rapport_connect"

// granting is a log-in at a vendor under way. Nothing of it is stored.
type granting struct {
	Account  string    `json:"account"`
	State    string    `json:"state"`
	Redirect string    `json:"redirect"`
	Session  string    `json:"session"` // hash of the cookie's key, under which the session is kept
	Until    time.Time `json:"until"`
}

// grantFor is how long a log-in at a vendor may take.
const grantFor = 10 * time.Minute

// loginPage leads to the vendor, and shows what came of it.
type loginPage struct {
	Account  string           `json:"account"`
	Address  string           `json:"address,omitempty"`
	Redirect string           `json:"redirect,omitempty"`
	Done     bool             `json:"done,omitempty"`
	Target   network.Target   `json:"target,omitzero"`
	Targets  []network.Target `json:"targets,omitempty"` // one has to be chosen
}

func (c *Console) vendorLogIn(q *request) (answer, error) {
	ctx, name := q.r.Context(), q.value("name")
	p := loginPage{Account: name, Redirect: c.base(q.r) + connectedPath}
	state := secretText()
	var err error
	if p.Address, err = c.Backend.LogInAddress(ctx, name, p.Redirect, state); err != nil {
		return answer{}, notFoundHere(err)
	}
	if p.Address == "" {
		return answer{}, wrong("%s has no log-in of its own, or its configuration names a token: it uses the secrets of its page", name)
	}
	if web(p.Address) == "" {
		return answer{}, wrong("the vendor's address is no address of the web")
	}
	if err := c.note(ctx, q.who.User, "began a log-in at the vendor", name); err != nil || q.api {
		return answer{Data: p}, err
	}
	if k, err := q.r.Cookie(c.cookie(cookie)); err == nil {
		sealed, err := c.seal(granting{name, state, p.Redirect, hash(k.Value), c.now().Add(grantFor)})
		if err != nil {
			return answer{}, err
		}
		http.SetCookie(q.w, &http.Cookie{Name: c.cookie(grantCookie), Value: sealed, Path: "/", HttpOnly: true, Secure: c.Secure, SameSite: http.SameSiteLaxMode, MaxAge: int(grantFor.Seconds())})
	}
	c.show(q.w, q, "vendor", 200, view{Title: "Log in at the vendor", Data: p})
	return answer{Raw: []byte{}, Type: "text/html; charset=utf-8"}, nil
}

// notFoundHere says what to do where an account is not published yet.
func notFoundHere(err error) error {
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.NotFound, "%w: an account that is new has to be published before anybody can log in for it", err)
	}
	return err
}

// vendorCode takes a code that the vendor showed, where it leads nobody back.
func (c *Console) vendorCode(q *request) (answer, error) {
	p := loginPage{Account: q.value("name"), Redirect: q.value("redirect")}
	if p.Redirect == "" {
		p.Redirect = c.base(q.r) + connectedPath
	}
	if q.value("code") == "" {
		return answer{}, wrong("the code is empty")
	}
	if err := c.exchange(q, &p, q.value("code")); err != nil {
		return answer{}, err
	}
	if q.api {
		return answer{Data: p}, nil
	}
	c.show(q.w, q, "vendor", 200, view{Title: "Log in at the vendor", Data: p})
	return answer{Raw: []byte{}, Type: "text/html; charset=utf-8"}, nil
}

// exchange turns a code into a token that is kept.
func (c *Console) exchange(q *request, p *loginPage, code string) error {
	ctx := q.r.Context()
	target, all, err := c.Backend.LogIn(ctx, p.Account, p.Redirect, code)
	if err != nil {
		return notFoundHere(err)
	}
	p.Done, p.Target = true, target
	if target.ID == "" && len(all) > 1 {
		p.Targets = all
	}
	return c.note(ctx, q.who.User, "logged in at the vendor", p.Account)
}

// connected takes in who comes back from a vendor. The session's own cookie is not sent with a call that another site led
// to; the sealed one is, and names the session.
func (c *Console) connected(w http.ResponseWriter, r *http.Request) {
	q := c.request(w, r, false)
	q.who, q.right = nil, admins
	var g granting
	k, err := r.Cookie(c.cookie(grantCookie))
	http.SetCookie(w, &http.Cookie{Name: c.cookie(grantCookie), Path: "/", MaxAge: -1, HttpOnly: true, Secure: c.Secure}) // holds for one answer
	if err == nil {
		err = c.unseal(k.Value, &g)
	}
	got := r.URL.Query()
	if err != nil || !c.now().Before(g.Until) || g.State == "" || subtle.ConstantTimeCompare([]byte(g.State), []byte(got.Get("state"))) != 1 {
		c.fail(q, fault.New(fault.Unauthorized, "this log-in took too long, was begun in another browser, or is used up: begin it again on the account's page"))
		return
	}
	row, err := c.sessions.One(r.Context(), g.Session, "-")
	if s := row.Value; err == nil && row.Version > 0 && c.now().Before(s.Until) {
		q.who = &who{User: s.User, Roles: s.Roles, CSRF: s.CSRF, provider: s.Subject != ""}
	}
	if q.who == nil || !q.who.allows(admins) {
		q.who = nil
		c.fail(q, fault.New(fault.Unauthorized, "who began this log-in is logged out, or no admin any more"))
		return
	}
	p := loginPage{Account: g.Account, Redirect: g.Redirect}
	switch code := got.Get("code"); {
	case code == "":
		err = wrong("the vendor gave no code: the log-in was refused or given up there")
	default:
		err = c.exchange(q, &p, code)
	}
	if err != nil {
		c.Pipeline.Ports.Log.Warn("a log-in at a vendor failed", "account", g.Account, "kind", fault.Of(err).String())
		c.fail(q, err)
		return
	}
	c.show(w, q, "vendor", http.StatusOK, view{Title: "Log in at the vendor", Data: p})
}

// target puts into the draft which of its accounts a log-in acts for.
func (c *Console) target(q *request) (answer, error) {
	id := q.value("target")
	if id == "" {
		return answer{}, wrong("choose one")
	}
	err := c.changeAccount(q, "id", func(n *yaml.Node) error {
		put(n, "id", textNode(id))
		return nil
	})
	return answer{To: "/draft", Say: "In the draft: " + q.value("name") + " id"}, err
}

func (c *Console) subscribe(q *request) (answer, error) {
	ctx, name := q.r.Context(), q.value("name")
	live, can, err := c.Pipeline.Subscribed(ctx, name, q.value("anew") == "1")
	if err != nil {
		return answer{}, err
	}
	say := "The vendor sends webhooks"
	switch {
	case !can:
		say = "This vendor cannot be asked about webhooks: they are set up at its own pages"
	case !live:
		say = "The vendor sends no webhooks"
	}
	a := answer{To: "/accounts/" + escape(name), Say: say}
	if q.api {
		a.Data = map[string]any{"live": live, "can": can}
	}
	return a, c.note(ctx, q.who.User, "looked at the subscription", name)
}

// hooksPage lists app registrations.
type hooksPage struct {
	Hooks []hookRow   `json:"hooks"`
	Kinds []kindRow   `json:"-"`
	Kind  string      `json:"-"` // of the form
	New   *hookForm   `json:"-"`
	Shown *shownToken `json:"shown,omitempty"` // once
}

type hookRow struct {
	Name    string       `json:"name"`
	Kind    string       `json:"kind"`
	Address string       `json:"address"`
	Secrets []heldSecret `json:"secrets"`
	Verify  bool         `json:"verify,omitempty"` // the vendor wants a token that is the same on both sides
	Draft   bool         `json:"draft,omitempty"`  // not published
}

type hookForm struct {
	Title             string
	Settings, Secrets []network.Field
}

type shownToken struct {
	Hook  string `json:"hook"`
	Token string `json:"token"`
}

// verifyName is what connectors call the token by which a vendor checks an address.
const verifyName = "verify"

// hookKind gives what a connector wants of a hook; ok is false where the kind sends no webhooks.
func (c *Console) hookKind(kind string) (f hookForm, ok bool) {
	if n, is := c.Pipeline.Networks[kind]; is {
		i := n.Info()
		return hookForm{i.Title, i.Hook, i.HookSecrets}, i.Hook != nil
	}
	if m, is := c.Pipeline.CRMs[kind]; is {
		i := m.Info()
		return hookForm{i.Title, i.Hook, i.HookSecrets}, i.Hook != nil
	}
	return f, false
}

func (c *Console) hookList(q *request) (answer, error) {
	p, err := c.hooksOf(q)
	return answer{Title: "Webhooks", Data: p}, err
}

func (c *Console) hooksOf(q *request) (p hooksPage, err error) {
	ctx := q.r.Context()
	plan, _, err := c.candidate(ctx)
	if err != nil {
		return p, err
	}
	present, err := c.plan(ctx)
	if err != nil {
		return p, err
	}
	for _, h := range plan.Doc.Hooks {
		form, _ := c.hookKind(h.Kind)
		row := hookRow{Name: h.Name, Kind: h.Kind, Address: c.hookAddress(h.Name, h.Path)}
		_, published := present.Doc.Hook(h.Name)
		row.Draft = !published
		for _, f := range form.Secrets {
			ref := h.Secrets[f.Name]
			row.Verify = row.Verify || f.Name == verifyName && ref != ""
			held := heldSecret{Name: f.Name, Title: f.Title, Help: f.Help, Ref: ref}
			if ref != "" {
				got, err := c.Pipeline.Secrets.Get(ctx, ref)
				held.Set = err == nil && !got.Empty()
			}
			row.Secrets = append(row.Secrets, held)
		}
		p.Hooks = append(p.Hooks, row)
	}
	p.Kind = q.value("kind")
	if form, ok := c.hookKind(p.Kind); ok {
		p.New = &form
	}
	for _, name := range sortedKeys(c.Pipeline.Networks) {
		if form, ok := c.hookKind(name); ok {
			p.Kinds = append(p.Kinds, kindRow{name, form.Title, false})
		}
	}
	for _, name := range sortedKeys(c.Pipeline.CRMs) {
		if form, ok := c.hookKind(name); ok {
			p.Kinds = append(p.Kinds, kindRow{name, form.Title, true})
		}
	}
	return p, nil
}

func (c *Console) hookAddress(name, path string) string {
	if path == "" {
		path = "/hooks/" + name
	}
	return c.Pipeline.Ports.Base + path
}

// addHook puts an app registration into the draft. Its secrets go to where secrets are kept; a verify token that nobody typed
// is made up, and shown once.
func (c *Console) addHook(q *request) (answer, error) {
	ctx, kind, name := q.r.Context(), q.value("kind"), q.value("name")
	form, ok := c.hookKind(kind)
	if !ok {
		return answer{}, wrong("there is no kind %q that sends webhooks", kind)
	}
	n := &yaml.Node{Kind: yaml.MappingNode}
	put(n, "name", textNode(name))
	put(n, "kind", textNode(kind))
	for _, f := range form.Settings {
		if v := q.value("set." + f.Name); v != "" {
			put(under(n, "settings", yaml.MappingNode), f.Name, plainNode(v, f.Type))
		}
	}
	values, made := map[string]string{}, ""
	for _, f := range form.Secrets {
		value := q.form.Get("secret." + f.Name)
		if f.Name == verifyName && value == "" && f.Required {
			made = secretText()
			value = made
		}
		if value == "" {
			continue
		}
		values[f.Name] = value
		put(under(n, "secrets", yaml.MappingNode), f.Name, textNode(c.Backend.SecretRef(ctx, name, f.Name)))
	}
	err := c.change(q, "hook "+name, func(text string) (string, error) {
		return edited(text, func(root *yaml.Node) error {
			list := under(root, "hooks", yaml.SequenceNode)
			if named(list, "name", name) != nil {
				return fault.New(fault.Conflict, "there is a hook %q already", name)
			}
			list.Content = append(list.Content, n)
			return nil
		})
	})
	if err != nil {
		return answer{}, err
	}
	for _, which := range sortedKeys(values) {
		if err := c.keep(ctx, c.Backend.SecretRef(ctx, name, which), values[which]); err != nil {
			return answer{}, err
		}
	}
	if made == "" {
		return answer{To: "/hooks", Say: "The hook is in the draft", Data: map[string]any{"hook": name, "address": c.hookAddress(name, "")}}, nil
	}
	return c.showToken(q, name, made)
}

// verifyToken makes a new verify token of a hook.
func (c *Console) verifyToken(q *request) (answer, error) {
	ctx, name := q.r.Context(), q.value("name")
	plan, _, err := c.candidate(ctx)
	if err != nil {
		return answer{}, err
	}
	h, ok := plan.Doc.Hook(name)
	if !ok || h.Secrets[verifyName] == "" {
		return answer{}, fault.New(fault.NotFound, "there is no hook %q with a verify token", name)
	}
	made := secretText()
	if err := c.keep(ctx, h.Secrets[verifyName], made); err != nil {
		return answer{}, err
	}
	if err := c.note(ctx, q.who.User, "made a verify token", name); err != nil {
		return answer{}, err
	}
	return c.showToken(q, name, made)
}

func (c *Console) showToken(q *request, hook, token string) (answer, error) {
	if q.api {
		return answer{Data: shownToken{hook, token}}, nil
	}
	p, err := c.hooksOf(q)
	if err != nil {
		return answer{}, err
	}
	p.Kind, p.New, p.Shown = "", nil, &shownToken{hook, token}
	c.show(q.w, q, "hooks", 200, view{Title: "Webhooks", Data: p})
	return answer{Raw: []byte{}, Type: "text/html; charset=utf-8"}, nil
}
