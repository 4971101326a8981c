package console

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
)

//go:embed page/*.html
var pageFiles embed.FS

//go:embed asset
var assetFiles embed.FS

// pages are the templates in one language, by name.
type pages struct {
	lang string
	of   map[string]*template.Template
}

// Languages lists in which the pages are.
func Languages() []string { return []string{"en", "de"} }

// parse makes the templates. They take some megabytes, so it is done when somebody looks at the first page.
func parse() (map[string]*pages, error) {
	all := map[string]*pages{}
	files, err := pageFiles.ReadDir("page")
	if err != nil {
		return nil, err
	}
	for _, lang := range Languages() {
		p := &pages{lang: lang, of: map[string]*template.Template{}}
		base, err := template.New("layout.html").Funcs(helpers(lang)).ParseFS(pageFiles, "page/layout.html", "page/part.html")
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			name := strings.TrimSuffix(f.Name(), ".html")
			if name == "layout" || name == "part" {
				continue
			}
			t, err := base.Clone()
			if err == nil {
				t, err = t.ParseFS(pageFiles, path.Join("page", f.Name()))
			}
			if err != nil {
				return nil, err
			}
			p.of[name] = t
		}
		all[lang] = p
	}
	return all, nil
}

// view is what every page knows.
type view struct {
	Title   string
	Page    string
	Path    string
	Lang    string
	Theme   string
	Who     *who
	Nav     []group
	Flash   string
	Problem string
	Draft   bool // there are changes that are not published
	Now     time.Time
	Data    any
}

// group is a part of the navigation.
type group struct {
	Title string
	Links []navLink
}

type navLink struct {
	Title, To, Icon string
	Here            bool
}

// navigation lists the pages that somebody may open.
func (c *Console) navigation(w *who, here string) []group {
	all := []struct {
		title string
		links [][3]string
	}{
		{"Watch", [][3]string{{"Overview", "/", "tiles"}, {"Pulse", "/pulse", "pulse"}, {"Mentions", "/mentions", "list"}, {"Conversations", "/conversations", "talk"}, {"People", "/people", "person"}, {"Failures", "/failures", "alert"}, {"Jobs", "/jobs", "clock"}}},
		{"Decide", [][3]string{{"Review", "/review", "link"}, {"Answers", "/answers", "send"}}},
		{"Configure", [][3]string{{"Accounts", "/accounts", "plug"}, {"Webhooks", "/hooks", "hook"}, {"Mapping", "/mapping", "map"}, {"Rules", "/rules", "branch"}, {"Configuration", "/configuration", "file"}}},
		{"Account for", [][3]string{{"Reports", "/reports", "chart"}, {"Cost", "/costs", "coin"}, {"Ledger", "/ledger", "seal"}, {"Privacy", "/privacy", "shield"}, {"Audit trail", "/audit", "eye"}, {"Access", "/access", "key"}}},
	}
	var out []group
	for _, g := range all {
		part := group{Title: g.title}
		for _, l := range g.links {
			if rt := c.find("GET", l[1]); rt != nil && w.allows(rt.right) {
				inside := l[1] != "/" && strings.HasPrefix(here, l[1]+"/")
				part.Links = append(part.Links, navLink{l[0], l[1], l[2], here == l[1] || inside})
			}
		}
		if len(part.Links) > 0 {
			out = append(out, part)
		}
	}
	return out
}

// show renders a page.
func (c *Console) show(w http.ResponseWriter, q *request, name string, status int, v view) {
	v.Page, v.Lang, v.Theme, v.Who, v.Now, v.Path = name, q.lang, q.theme, q.who, c.now(), q.r.URL.Path
	if q.who != nil {
		v.Nav = c.navigation(q.who, q.r.URL.Path)
		if q.who.has(Admin) {
			v.Draft = c.drafted(q.r.Context())
		}
	}
	var b bytes.Buffer
	all, err := c.pages()
	if err == nil {
		err = all[q.lang].of[name].Execute(&b, v)
	}
	if err != nil {
		c.Pipeline.Ports.Log.Error("a page cannot be rendered", "page", name, "error", err.Error())
		http.Error(w, "this page cannot be shown; the log says why", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b.Bytes())
}

// helpers are the functions of templates.
func helpers(lang string) template.FuncMap {
	return template.FuncMap{
		"t":     func(text string, args ...any) string { return say(lang, text, args...) },
		"num":   func(n any) string { return number(lang, n) },
		"day":   func(t time.Time) string { return layout(t, pick(lang, "2 Jan 2006", "2.1.2006")) },
		"clock": func(t time.Time) string { return layout(t, pick(lang, "2 Jan 15:04", "2.1. 15:04")) },
		"iso":   func(t time.Time) string { return layout(t, time.RFC3339) },
		"ago":   func(now, t time.Time) string { return ago(lang, now.Sub(t)) },
		"icon":  icon,
		"share": func(part, whole int) int {
			if whole <= 0 {
				return 0
			}
			return part * 100 / whole
		},
		"span":       func(d time.Duration) string { return span(lang, d) },
		"weekdays":   func() []string { return weekdays },
		"priorities": func() []string { return priorities },
		"components": func() []string { return components },
		"dayChoices": func() []int { return []int{1, 7, 30, 90, 365} },
		"said": func(text string) string {
			if what, ok := strings.CutPrefix(text, "In the draft: "); ok {
				return say(lang, "In the draft:") + " " + say(lang, what)
			}
			return say(lang, text)
		},
		"at":   func(names ...string) string { return atName(lang, names) },
		"cut":  cut,
		"text": func(v any) string { return plainValue(v) },
		"dict": func(pairs ...any) map[string]any {
			m := map[string]any{}
			for i := 0; i+1 < len(pairs); i += 2 {
				m[fmt.Sprint(pairs[i])] = pairs[i+1]
			}
			return m
		},
		"word":   func(s string) string { return strings.ReplaceAll(s, "_", " ") },
		"add":    func(a, b int) int { return a + b },
		"heads":  heads,
		"join":   strings.Join,
		"query":  func(pairs ...any) template.URL { return template.URL(query(pairs...)) }, //nolint:gosec // url.Values encodes it
		"web":    web,
		"path":   escape,
		"lines":  func(s string) int { return min(max(strings.Count(s, "\n")+1, 12), 40) },
		"status": func(s any) string { return tone(fmt.Sprint(s)) },
	}
}

// web lets only addresses of the web become links.
func web(address string) string {
	if u, err := url.Parse(address); err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" {
		return address
	}
	return ""
}

func query(pairs ...any) string {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		if s := fmt.Sprint(pairs[i+1]); s != "" {
			v.Set(fmt.Sprint(pairs[i]), s)
		}
	}
	return v.Encode()
}

func layout(t time.Time, f string) string {
	if t.IsZero() {
		return "–"
	}
	return t.UTC().Format(f)
}

// atName names somebody by a handle, or, where the network has none, by the next name that there is.
func atName(lang string, names []string) string {
	for i, name := range names {
		switch {
		case name != "" && i == 0:
			return "@" + name
		case name != "":
			return name
		}
	}
	return say(lang, "somebody")
}

// tone gives the colour of a state.
func tone(state string) string {
	switch state {
	case "written", "unchanged", "sent", "done", "closed", "answered", "positive", "ok", "write", "merged":
		return "good"
	case "dead", "rejected", "failed", "negative", "urgent", "skip", "crisis":
		return "bad"
	case "parked", "open", "queued", "waiting", "draft", "approved", "sending", "running", "high", "update", "watch", "cooling":
		return "warn"
	case "create", "mention":
		return "info"
	}
	return "calm"
}

func cut(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return strings.TrimSpace(string(r[:n])) + "…"
}

// heads are the columns of a tally; a CRM is given nothing that was merged or filtered.
func heads(all bool) []string {
	if all {
		return []string{"received", "written", "merged", "filtered", "suppressed", "rejected", "dead", "open"}
	}
	return []string{"owed", "written", "suppressed", "rejected", "dead", "open"}
}
