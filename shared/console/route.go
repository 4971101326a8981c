package console

import (
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"rapport/shared/config"
	"rapport/shared/fault"
	"rapport/shared/oidc"
)

// request is one call of a page or of the API.
type request struct {
	r     *http.Request
	w     http.ResponseWriter
	who   *who
	right right // of the route
	lang  string
	theme string
	api   bool
	form  url.Values // of a writing call: the form, or the flat JSON object of an API call
}

// value gives a value of the address or the form.
func (q *request) value(name string) string {
	if v := q.r.PathValue(name); v != "" {
		return unescape(v)
	}
	if q.form != nil {
		return strings.TrimSpace(q.form.Get(name))
	}
	return strings.TrimSpace(q.r.URL.Query().Get(name))
}

// answer is what a route gives: something to show, or where to go and what to say there.
type answer struct {
	Title string
	Data  any    // shown by the page, and what the API tells
	To    string // where a browser goes after writing
	Say   string // what was done
	Raw   []byte // a file instead of a page
	Type  string // of Raw
	Name  string // under which Raw is saved; "" = shown
}

// route is one thing the console does. Every call passes through the table, so that no role is forgotten.
type route struct {
	method, path string // /mentions/{id}
	right        right
	page         string // template; "" = none
	does         string // for the API's document
	api          bool   // part of the API too
	do           func(q *request) (answer, error)
}

// find gives the route of a path as the table writes it.
func (c *Console) find(method, path string) *route {
	for i := range c.routes {
		if c.routes[i].method == method && c.routes[i].path == path {
			return &c.routes[i]
		}
	}
	return nil
}

// Who may what, in groups.
var (
	watching  = right{[]string{Viewer, Admin, Operator, Privacy}, true}
	reading   = right{watching.roles, false} // the configuration, which is one for all brands
	running   = right{[]string{Admin, Operator}, true}
	operating = right{running.roles, false}
	deciding  = right{[]string{Admin, Operator, Privacy}, true}
	excluding = right{[]string{Admin, Privacy}, false}
	deciders  = right{deciding.roles, false} // of what concerns all brands
	admins    = right{[]string{Admin}, false}
	guardians = right{[]string{Privacy}, false}
	advised   = right{[]string{Agent, Viewer, Admin, Operator, Privacy}, true}
	everybody = right{Roles(), true}
)

// table lists every route. A new one comes with its roles, or it does not compile.
func (c *Console) table() []route {
	return slices.Concat(
		c.ownRoutes(),
		c.accountRoutes(),
		c.answerRoutes(),
		c.brandRoutes(),
		c.correctRoutes(),
		c.topicRoutes(),
		c.jobRoutes(),
		c.nextRoutes(),
		c.promoteRoutes(),
		c.pulseRoutes(),
		c.templateRoutes(),
		c.vendorRoutes(),
	)
}

func (c *Console) ownRoutes() []route {
	return []route{
		{"GET", "/", watching, "overview", "what flowed lately, and how everything is", true, c.overview},
		{"GET", "/mentions", watching, "mentions", "what was received, newest first: account, column, author, hour (2026-11-20T10, and before it), before", true, c.mentionList},
		{"GET", "/mentions/{id}", watching, "story", "a mention's story with every decision", true, c.story},
		{"GET", "/find", watching, "found", "exact look-up by the id of a mention, author, person, conversation or CRM record, by an e-mail address or a handle, and by words of the newest mentions: q, before", true, c.lookUp},
		{"GET", "/conversations", watching, "conversations", "conversations lately, by state", true, c.talkList},
		{"GET", "/conversations/{id}", watching, "conversation", "one conversation with all its turns: template (an action, for a text to start an answer from)", true, c.talk},
		{"GET", "/people", watching, "people", "who spoke lately, with score", true, c.peopleList},
		{"GET", "/people/{id}", watching, "person", "an author or person with identities, score and timeline: before", true, c.person},
		{"POST", "/people/{id}/score", excluding, "", "take a person's score away and make none again: why; or allow one: include", true, c.exclude},

		{"GET", "/failures", watching, "failures", "dead letters and dead deliveries, by cause", true, c.failures},
		{"POST", "/failures/redrive", running, "", "send again what failed: where (CRM account or lane), kind (a reason: those that failed alike), limit; try=1 only counts", true, c.redrive},

		{"GET", "/review", deciding, "review", "uncertain links for people to look at", true, c.review},
		{"POST", "/review", deciding, "", "decide on a link: author, person, verdict (accept, reject, merge)", true, c.judge},
		{"POST", "/people/{id}/unlink", deciding, "", "take an author away from its person", true, c.unlink},
		{"POST", "/people/{id}/merge", deciders, "", "make one person of two: other, why; the id stays", true, c.mergePeople},
		{"POST", "/people/{id}/unmerge", deciders, "", "undo a merge: merge", true, c.unmergePeople},
		{"POST", "/conversations/{id}/answer", running, "", "write and send an answer: text, private", true, c.reply},
		{"GET", "/answers", watching, "answers", "answers asked for, and what became of them", true, c.answers},

		{"GET", "/accounts", watching, "accounts", "every network and CRM account with its state", true, c.accountList},
		{"GET", "/accounts/new", admins, "connect", "the form for a new account, from what its kind needs", false, c.connectForm},
		{"POST", "/accounts/new", admins, "", "put a new account into the draft: kind, name, brand, origin, hook, id; settings as set.*", true, c.connect},
		{"GET", "/accounts/{name}", watching, "account", "one account with its settings and health", true, c.account},
		{"POST", "/accounts/{name}/test", running, "", "examine an account at the vendor", true, c.test},
		{"POST", "/accounts/{name}/pause", admins, "", "put pause=1 or pause=0 into the draft", true, c.pause},
		{"POST", "/accounts/{name}/mode", admins, "", "put a write mode into the draft: object, brand, mode (observe, write)", true, c.mode},
		{"POST", "/accounts/{name}/secret", admins, "", "set a secret: secret, value; it is never shown again", true, c.setSecret},
		{"POST", "/accounts/{name}/settings", admins, "", "put settings into the draft", true, c.setSettings},

		{"GET", "/mapping", reading, "mappings", "what is mapped to which object of which CRM", true, c.mappings},
		{"GET", "/mapping/{account}/{index}", reading, "mapping", "one mapped object: the CRM's fields and what fills them", true, c.mapping},
		{"POST", "/mapping/{account}/{index}", admins, "", "put a field into the draft: field, value, wins, once", true, c.setField},
		{"POST", "/mapping/{account}/{index}/preview", admins, "", "check an expression and show the record a mention would make: field, value, sample", true, c.preview},
		{"POST", "/mapping/{account}/learn", operating, "", "read the CRM's fields anew", true, c.learn},
		{"POST", "/mapping/{account}/own", admins, "", "copy the default mapping into the draft, to change it", true, c.own},

		{"GET", "/rules", reading, "rules", "filters, routing and actions", true, c.rules},
		{"POST", "/rules", admins, "", "put a rule into the draft: section, index, name, when, then", true, c.setRule},

		{"GET", "/configuration", reading, "configuration", "the published configuration and its versions", true, c.configuration},
		{"GET", "/configuration/edit", admins, "edit", "the draft as YAML", false, c.editForm},
		{"POST", "/configuration/edit", admins, "", "put YAML into the draft: text", true, c.edit},
		{"GET", "/configuration/file", reading, "", "the published configuration as YAML", true, c.file},
		{"GET", "/configuration/versions/{number}", reading, "version", "one version, and what it changed, or how it differs from another: with", true, c.version},
		{"POST", "/configuration/versions/{number}/rollback", admins, "", "publish an earlier version again", true, c.rollback},
		{"GET", "/draft", admins, "draft", "what the draft would change", true, c.draft},
		{"POST", "/draft/try", admins, "", "a dry run of what the draft would have written lately: hours", true, c.try},
		{"GET", "/draft/trial/{id}", admins, "trial", "a dry run and its result", true, c.trial},
		{"POST", "/draft/publish", admins, "", "publish the draft: note", true, c.publish},
		{"POST", "/draft/discard", admins, "", "throw the draft away", true, c.discard},

		{"GET", "/reports", watching, "reports", "key figures with their definitions: days, or from and to (2026-11-22); by (network, team, queue, brand, day)", true, c.report},
		{"GET", "/reports/file", watching, "", "the same as CSV: days, from, to, by", true, c.reportFile},
		{"GET", "/privacy", guardians, "privacy", "erasures, retention, audit trail", true, c.privacy},
		{"POST", "/privacy/erase", guardians, "", "erase everything of an author, person or e-mail address: subject, reason, confirm", true, c.erase},
		{"POST", "/privacy/object", guardians, "", "take in an objection to a purpose, or that it is taken back: subject, purpose, withdraw=1", true, c.object},
		{"POST", "/privacy/access", guardians, "", "gather everything that is held about somebody, as a job: subject", true, c.gather},
		{"GET", "/privacy/access/{id}", guardians, "", "what such a job gathered, for a week", true, c.gathered},
		{"GET", "/privacy/due", guardians, "due", "who has to be told what is done with their data (Art. 14): days, back", true, c.due},
		{"POST", "/privacy/informed", guardians, "", "note that somebody was told otherwise: subject", true, c.informed},
		{"GET", "/privacy/jobs/{id}", guardians, "job", "how far an erasure is", true, c.job},
		{"GET", "/access", admins, "access", "tokens of the API", true, c.access},
		{"POST", "/access", admins, "", "make a token: name, role; it is shown once", true, c.addToken},
		{"POST", "/access/revoke", admins, "", "revoke a token: token", true, c.revoke},
		{"POST", "/leave", everybody, "", "log out", false, c.logOut},
	}
}

// prefix of the API.
const prefix = "/api/v1"

func (c *Console) handlers() *http.ServeMux {
	mux := http.NewServeMux()
	for _, rt := range c.routes {
		pattern := rt.path
		if pattern == "/" {
			pattern = "/{$}"
		}
		mux.HandleFunc(rt.method+" "+pattern, c.handle(rt, false))
		if rt.api {
			path := prefix + rt.path
			if rt.path == "/" {
				path = prefix + "/overview"
			}
			mux.HandleFunc(rt.method+" "+path, c.handle(rt, true))
		}
	}
	mux.HandleFunc("GET /enter", c.welcome)
	mux.HandleFunc("POST /enter", c.admit)
	mux.HandleFunc("GET /login", c.logIn)
	mux.HandleFunc("GET "+oidc.Back, c.back)
	mux.HandleFunc("GET "+connectedPath, c.connected)
	mux.HandleFunc("GET "+prefix+"/openapi.json", c.openAPI)
	mux.HandleFunc("GET /asset/names.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(append(slices.Clone(names), calls...))
	})
	assets, err := fs.Sub(assetFiles, "asset")
	if err == nil { // the folder is embedded: it is there
		files := http.StripPrefix("/asset/", http.FileServerFS(assets))
		mux.HandleFunc("GET /asset/", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Cache-Control", "max-age=300")
			files.ServeHTTP(w, r)
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		q := c.request(w, r, strings.HasPrefix(r.URL.Path, prefix))
		c.fail(q, fault.New(fault.NotFound, "there is no such page"))
	})
	return mux
}

// ServeHTTP answers a request.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) { c.guard(c.mux).ServeHTTP(w, r) }

// request reads what every call has.
func (c *Console) request(w http.ResponseWriter, r *http.Request, api bool) *request {
	q := &request{r: r, w: w, api: api, lang: language(r)}
	if k, err := r.Cookie("rapport_theme"); err == nil && (k.Value == "dark" || k.Value == "light") {
		q.theme = k.Value
	}
	for name, allowed := range map[string]string{"lang": " en de ", "theme": " dark light auto "} {
		if v := r.URL.Query().Get(name); v != "" && strings.Contains(allowed, " "+v+" ") {
			if name == "lang" {
				q.lang = v
			} else if q.theme = v; v == "auto" {
				q.theme = ""
			}
			http.SetCookie(w, &http.Cookie{Name: "rapport_" + name, Value: v, Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true, Secure: c.Secure, SameSite: http.SameSiteLaxMode})
		}
	}
	q.who, _ = c.identify(r) // who cannot be looked up is nobody
	return q
}

func language(r *http.Request) string {
	if k, err := r.Cookie("rapport_lang"); err == nil && (k.Value == "de" || k.Value == "en") {
		return k.Value
	}
	if strings.HasPrefix(strings.ToLower(r.Header.Get("Accept-Language")), "de") {
		return "de"
	}
	return "en"
}

// handle carries out a route for who may.
func (c *Console) handle(rt route, api bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q := c.request(w, r, api)
		q.right = rt.right
		switch {
		case q.who == nil && api:
			q.tell(http.StatusUnauthorized, map[string]any{"error": "send Authorization: Bearer and a token of the console's page Access"})
			return
		case q.who == nil:
			c.show(w, q, "enter", http.StatusUnauthorized, view{Title: "Log in", Data: c.entrance(r, "")})
			return
		case !q.who.allows(rt.right):
			all := ""
			if !rt.right.each {
				all = " for all brands"
			}
			c.fail(q, fault.New(fault.Unauthorized, "your role (%s) may not do this: it takes %s%s", strings.Join(q.who.Roles, ", "), strings.Join(rt.right.roles, " or "), all))
			return
		}
		if rt.method == "POST" {
			if err := q.read(); err != nil {
				c.fail(q, err)
				return
			}
			if !genuine(r, q.who) {
				c.fail(q, fault.New(fault.Unauthorized, "this form is too old or comes from another page: go back, reload and try again"))
				return
			}
		}
		do := rt.do
		if rt.method == "POST" && !strings.HasSuffix(rt.path, "/preview") && rt.path != askPath { // a preview writes nothing
			do = func(q *request) (answer, error) { return c.carry(q, rt) }
		}
		a, err := do(q)
		if err != nil {
			c.fail(q, err)
			return
		}
		c.give(q, rt, a)
	}
}

// read takes in what is sent: a form, or a flat JSON object.
func (q *request) read() error {
	if strings.HasPrefix(q.r.Header.Get("Content-Type"), "application/json") {
		var in map[string]any
		if err := json.NewDecoder(q.r.Body).Decode(&in); err != nil {
			return wrong("the body has to be a JSON object: %w", err)
		}
		q.form = url.Values{}
		for k, v := range in {
			q.form.Set(k, plainValue(v))
			if list, ok := v.([]any); ok {
				q.form.Del(k)
				for _, x := range list {
					q.form.Add(k, plainValue(x))
				}
			}
		}
		return nil
	}
	if err := q.r.ParseForm(); err != nil {
		return wrong("the form cannot be read: %w", err)
	}
	q.form = q.r.PostForm
	return nil
}

func (c *Console) give(q *request, rt route, a answer) {
	switch {
	case a.Raw != nil:
		q.w.Header().Set("Content-Type", a.Type)
		if a.Name != "" {
			q.w.Header().Set("Content-Disposition", `attachment; filename="`+a.Name+`"`)
		}
		_, _ = q.w.Write(a.Raw)
	case q.api || strings.Contains(q.r.Header.Get("Accept"), "application/json"):
		data := a.Data
		if data == nil {
			data = map[string]any{"done": say("en", a.Say)}
		}
		q.tell(http.StatusOK, data)
	case rt.method == "POST":
		if a.Say != "" {
			http.SetCookie(q.w, &http.Cookie{Name: "rapport_said", Value: url.QueryEscape(a.Say), Path: "/", MaxAge: 20, HttpOnly: true, Secure: c.Secure, SameSite: http.SameSiteStrictMode})
		}
		http.Redirect(q.w, q.r, a.To, http.StatusSeeOther)
	default:
		v := view{Title: a.Title, Data: a.Data}
		if k, err := q.r.Cookie("rapport_said"); err == nil {
			if text, err := url.QueryUnescape(k.Value); err == nil {
				v.Flash = text
				http.SetCookie(q.w, &http.Cookie{Name: "rapport_said", Path: "/", MaxAge: -1})
			}
		}
		c.show(q.w, q, rt.page, http.StatusOK, v)
	}
}

// tell answers with JSON.
func (q *request) tell(status int, v any) {
	q.w.Header().Set("Content-Type", "application/json; charset=utf-8")
	q.w.WriteHeader(status)
	_ = json.NewEncoder(q.w).Encode(v)
}

// fail says what went wrong, with the mistakes of a configuration one by one.
func (c *Console) fail(q *request, err error) {
	status := http.StatusInternalServerError
	switch fault.Of(err) {
	case fault.Invalid:
		status = http.StatusUnprocessableEntity
	case fault.NotFound:
		status = http.StatusNotFound
	case fault.Unauthorized:
		status = http.StatusForbidden
	case fault.Conflict:
		status = http.StatusConflict
	case fault.Unavailable, fault.RateLimited, fault.QuotaExhausted, fault.Transient:
		status = http.StatusServiceUnavailable
	}
	var bad malformed
	if errors.As(err, &bad) {
		status = http.StatusBadRequest
	}
	var mistakes config.Errors
	if errors.As(err, &mistakes) {
		status = http.StatusUnprocessableEntity
	}
	if q.api || strings.Contains(q.r.Header.Get("Accept"), "application/json") {
		q.tell(status, map[string]any{"error": err.Error(), "mistakes": mistakes})
		return
	}
	if q.who == nil {
		c.show(q.w, q, "enter", status, view{Title: "Log in", Problem: err.Error(), Data: c.entrance(q.r, "")})
		return
	}
	c.show(q.w, q, "problem", status, view{Title: "That did not work", Problem: err.Error(), Data: mistakes})
}

// welcome asks for one click before a link is used up: programs that look into links beforehand must not do that.
func (c *Console) welcome(w http.ResponseWriter, r *http.Request) {
	q := c.request(w, r, false)
	c.show(w, q, "enter", http.StatusOK, view{Title: "Log in", Data: c.entrance(r, r.URL.Query().Get("key"))})
}

func (c *Console) admit(w http.ResponseWriter, r *http.Request) {
	q := c.request(w, r, false)
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		c.fail(q, fault.New(fault.Unauthorized, "open the link by itself"))
		return
	}
	key, err := c.enter(r.Context(), r.PostFormValue("key"))
	if err != nil {
		q.who = nil
		c.fail(q, err)
		return
	}
	c.setSession(w, key, sessionFor, http.SameSiteStrictMode)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (c *Console) logOut(q *request) (answer, error) {
	if k, err := q.r.Cookie(c.cookie(cookie)); err == nil {
		c.leave(q.r.Context(), k.Value)
		http.SetCookie(q.w, &http.Cookie{Name: c.cookie(cookie), Path: "/", MaxAge: -1, HttpOnly: true, Secure: c.Secure})
	}
	if err := c.note(q.r.Context(), q.who.User, "logged out", ""); err != nil {
		return answer{}, err
	}
	if !q.who.provider || c.Login == nil {
		return answer{To: "/enter"}, nil
	}
	var proof string
	if err := c.unseal(q.who.proof, &proof); err != nil {
		proof = "" // the key was changed since
	}
	// No redirect: the policy of the page lets its forms lead nowhere else.
	e := entrance{LogIn: "/login", Leave: c.Login.Leave(q.r.Context(), c.base(q.r), proof)}
	q.who = nil
	c.show(q.w, q, "enter", http.StatusOK, view{Title: "Log in", Data: e})
	return answer{Raw: []byte{}, Type: "text/html; charset=utf-8"}, nil
}

// entrance is what the page before the console shows.
type entrance struct {
	Key   string // of a link
	LogIn string // where the provider's log-in begins, "" = there is none
	Leave string // where the provider's own session ends
}

func (c *Console) entrance(r *http.Request, key string) entrance {
	e := entrance{Key: key}
	if c.Login != nil {
		e.LogIn = "/login"
		if to := inside(r.URL.RequestURI()); r.Method == http.MethodGet && to != "/" {
			e.LogIn += "?to=" + url.QueryEscape(to)
		}
	}
	return e
}
