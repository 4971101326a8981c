package crmtest

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"rapport/shared/crm"
	"rapport/shared/fault"
)

// texts are what people write, and what attackers do.
func texts(limit int) map[string]string {
	long := strings.Repeat("Nordlicht ", 4000)
	return map[string]string{
		"long":          long[:min(40000, limit)],
		"emoji":         "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽 🇩🇪 e\u0301",
		"right to left": "مرحبا بكم \u202eסוף\u202c",
		"nul":           "before\x00after",
		"controls":      "a\x01b\x1fc\u0085d",
		"broken":        "half a rune: \xf0\x9f",
		"html":          `<b onclick="x()">bold</b> <script>alert(1)</script> &amp; &lt;`,
		"formula":       `=cmd|' /C calc'!A0`,
		"quotes":        `"quoted", 'single', back\slash, {"json": [1]}, %s %00 ${x}`,
		"lines":         "one\ntwo\r\n\tthree  ",
	}
}

// checkText writes texts one by one: they arrive unharmed. What no text may hold (NUL, controls, broken UTF-8) may be taken
// out or replaced, but keeps no record from being written.
func checkText(c *check) {
	limit := c.crm.Info().Text.Max
	if d, ok := c.crm.(crm.Describer); ok {
		if o, err := d.Describe(context.Background(), c.world.Account, c.world.Object); err == nil {
			for _, f := range o.Fields {
				if f.Name == c.world.Text && f.Max > 0 {
					limit = f.Max
				}
			}
		}
	}
	all := texts(limit)
	for _, name := range []string{"long", "emoji", "right to left", "nul", "controls", "broken", "html", "formula", "quotes", "lines"} {
		r := c.world.Sample(key("text-" + strings.ReplaceAll(name, " ", "-")))
		r.Fields[c.world.Text] = all[name]
		o, err := c.one(r)
		if err != nil {
			c.errorf("text %q is refused: %v", name, err)
			continue
		}
		want, got := all[name], text(c.world.Row(o.ID)[c.world.Text])
		if name == "nul" || name == "broken" || name == "controls" {
			want, got = plain(want), plain(got)
		}
		if name == "lines" {
			want, got = strings.TrimSpace(want), strings.TrimSpace(got) // some vendors trim
		}
		if got != want {
			c.errorf("text %q arrives as %s", name, short(got))
		}
	}
}

// plain takes out what some vendors must be spared.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == '\u0085' || r == '\ufffd' {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
}

func checkDescribe(c *check) {
	d, ok := c.crm.(crm.Describer)
	c.need(ok, "a Describer")
	objects, err := d.Objects(context.Background(), c.world.Account)
	if err != nil || !slices.ContainsFunc(objects, func(o crm.Object) bool { return o.Name == c.world.Object && o.Label != "" }) {
		c.errorf("Objects gives %d objects without %s, %v", len(objects), c.world.Object, err)
	}
	o, err := d.Describe(context.Background(), c.world.Account, c.world.Object)
	if err != nil {
		c.fatalf("Describe: %v (%v)", err, fault.Of(err))
	}
	fields := map[string]crm.Field{}
	for _, f := range o.Fields {
		if fields[f.Name].Name != "" || f.Type == "" {
			c.errorf("Describe names %s twice, or without a type", f.Name)
		}
		fields[f.Name] = f
	}
	if f := fields[c.world.KeyField]; !f.Unique || f.ReadOnly || !f.Ours {
		c.errorf("the key field is described as %+v, want unique, ours and writable", f)
	}
	for name := range c.world.Sample(key("x")).Fields {
		if f := fields[name]; f.Name == "" || f.ReadOnly {
			c.errorf("a field of the sample, %s, is described as %+v", name, f)
		}
	}
	c.acceptsWhatIsDescribed(o)
	if _, err := d.Describe(context.Background(), c.world.Account, "no_such_object"); !fault.Is(err, fault.NotFound) {
		c.errorf("Describe of no_such_object gives %v (%v), want NotFound", err, fault.Of(err))
	}
}

// acceptsWhatIsDescribed writes a value of each type, and each choice, of the fields that may be written.
func (c *check) acceptsWhatIsDescribed(o crm.Object) {
	n := 0
	for _, f := range o.Fields {
		if f.ReadOnly || f.Unique || f.Name == c.world.KeyField {
			continue
		}
		for _, v := range valuesOf(f) {
			n++
			r := c.world.Sample(key(fmt.Sprintf("describe-%d", n)))
			r.Fields[f.Name] = v
			if _, err := c.one(r); err != nil {
				c.errorf("field %s (%s) is described as writable and refuses %v: %v", f.Name, f.Type, v, err)
			}
		}
		if f.Type == "choice" && len(f.Choices) > 0 {
			r := c.world.Sample(key("choice-" + f.Name))
			r.Fields[f.Name] = "no such choice"
			if _, err := c.one(r); err != nil && !fault.Is(err, fault.Invalid) {
				c.errorf("a choice that is not described gives %v (%v), want Invalid", err, fault.Of(err))
			}
		}
	}
}

func valuesOf(f crm.Field) []any {
	switch f.Type {
	case "text", "longtext", "html":
		return []any{"some text"}
	case "number":
		return []any{1.5}
	case "integer":
		return []any{42}
	case "flag":
		return []any{true, false}
	case "date", "time":
		return []any{time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)}
	case "email":
		return []any{"kim@nordlicht.example"}
	case "url":
		return []any{"https://nordlicht.example/x?y=z"}
	case "choice":
		var out []any
		for _, c := range f.Choices {
			out = append(out, c.Value)
		}
		return out
	}
	return nil
}

func checkSetup(c *check) {
	in, ok := c.crm.(crm.Installer)
	c.need(ok, "an Installer")
	need := []crm.Object{{Name: c.world.Object, Label: c.world.Object, Fields: []crm.Field{
		{Name: "rapport_extra", Label: "Extra", Type: "longtext"},
		{Name: "rapport_choice", Label: "Choice", Type: "choice", Choices: []crm.Choice{{Value: "live", Label: "Live"}, {Value: "history", Label: "History"}}},
		{Name: "rapport_count", Label: "Count", Type: "integer"},
		{Name: "rapport_when", Label: "When", Type: "time"},
		{Name: "rapport_flag", Label: "Flag", Type: "flag"},
	}}}
	done := func(steps []crm.Step, err error) (open int) {
		if err != nil {
			c.leak("an error of setup", err.Error())
			c.fatalf("setup: %v (%v)", err, fault.Of(err))
		}
		for _, s := range steps {
			if s.Error != nil {
				c.errorf("setup of %s %s: %v", s.What, s.Name, s.Error)
			}
			if !s.Done {
				open++
			}
		}
		return open
	}
	ctx, a := context.Background(), c.world.Account
	first := done(in.Plan(ctx, a, need))
	if again := done(in.Plan(ctx, a, need)); first < 5 || again != first {
		c.errorf("Plan finds %d steps to do, then %d; want at least 5, and Plan changes nothing", first, again)
	}
	files, err := in.Export(a, need)
	if err != nil || len(files) == 0 {
		c.errorf("Export gives %d files, %v", len(files), err)
	}
	for name, data := range files {
		c.leak("the exported file "+name, string(data))
	}
	done(in.Apply(ctx, a, need))
	done(in.Apply(ctx, a, need))
	if open := done(in.Plan(ctx, a, need)); open != 0 {
		c.errorf("after Apply Plan finds %d steps to do", open)
	}
	r := c.world.Sample(key("setup"))
	r.Fields["rapport_extra"], r.Fields["rapport_choice"], r.Fields["rapport_count"] = "x", "history", 3
	r.Fields["rapport_when"], r.Fields["rapport_flag"] = time.Date(2026, 11, 20, 10, 11, 12, 0, time.UTC), true
	c.holds(r, c.upsert(r)[0])
}

// table is what every vendor's statuses mean, unless its World says otherwise.
func (c *check) table() []Status {
	kinds := func(k ...fault.Kind) []fault.Kind { return k }
	in := func(v string) http.Header { return http.Header{"Retry-After": {v}} }
	down := kinds(fault.Unavailable, fault.Transient, fault.Ambiguous)
	all := []Status{
		{Name: "400", Status: 400, Want: kinds(fault.Invalid)},
		{Name: "401", Status: 401, Want: kinds(fault.Unauthorized)},
		{Name: "403", Status: 403, Want: kinds(fault.Unauthorized, fault.Invalid)},
		{Name: "404", Status: 404, Want: kinds(fault.NotFound, fault.Drift, fault.Invalid, fault.Gone)},
		{Name: "408", Status: 408, Want: kinds(fault.Transient, fault.Ambiguous)},
		{Name: "409", Status: 409, Want: kinds(fault.Conflict, fault.Invalid, fault.Transient)},
		{Name: "410", Status: 410, Want: kinds(fault.Gone, fault.NotFound, fault.Invalid, fault.Drift)},
		{Name: "429", Status: 429, Want: kinds(fault.RateLimited)},
		{Name: "429 with seconds", Status: 429, Header: in("7"), Want: kinds(fault.RateLimited), After: 7 * time.Second},
		{Name: "429 with a date", Status: 429, Header: in(c.world.Account.Now.Add(90 * time.Second).UTC().Format(http.TimeFormat)), Want: kinds(fault.RateLimited), After: 90 * time.Second},
		{Name: "500", Status: 500, Want: down},
		{Name: "502", Status: 502, Want: down},
		{Name: "503", Status: 503, Want: down},
		{Name: "503 with seconds", Status: 503, Header: in("30"), Want: down, After: 30 * time.Second},
		{Name: "504", Status: 504, Want: down},
	}
	for _, s := range c.world.Account.Secrets { // some vendors repeat the credential that they refuse
		all = append(all, Status{Name: "401 that echoes", Status: 401, Body: fmt.Sprintf(`{"message":"no such token: %s"}`, s.Reveal()), Want: kinds(fault.Unauthorized)})
	}
	for _, s := range c.world.Statuses {
		if i := slices.IndexFunc(all, func(o Status) bool { return o.Name == s.Name }); i >= 0 {
			all[i] = s
			continue
		}
		all = append(all, s)
	}
	return all
}

func checkStatus(c *check) {
	for _, s := range c.table() {
		if s.Body == "" {
			s.Body = fmt.Sprintf(`{"message":"status %d"}`, s.Status)
			if c.world.Errors != nil {
				s.Body = c.world.Errors(s.Status)
			}
		}
		c.valve.force(&s)
		_, err := c.one(c.world.Sample(key("status")))
		c.valve.force(nil)
		if !kindOf(err, s.Want...) {
			c.errorf("%s gives %v (%v), want one of %v", s.Name, err, fault.Of(err), s.Want)
			continue
		}
		if got := fault.After(err); s.After != 0 && (got < s.After-time.Second || got > s.After+time.Second) {
			c.errorf("%s names a wait of %v, want %v", s.Name, got, s.After)
		}
		if len(err.Error()) > 1000 {
			c.errorf("%s gives an error of %d bytes", s.Name, len(err.Error()))
		}
		c.reading(s)
	}
	c.holds1("after all refusals")
}

// reading looks that Read and Erase take no refusal for an answer either.
func (c *check) reading(s Status) {
	if s.Status < 400 || s.Status == 404 || s.Status == 410 {
		return // nothing there is an answer
	}
	c.valve.force(&s)
	defer c.valve.force(nil)
	rows, err := c.crm.Read(context.Background(), c.world.Account, c.world.Object, []string{key("status")}, []string{c.world.Text})
	if err == nil {
		c.errorf("%s: Read gives %+v", s.Name, rows)
	} else {
		c.leak("an error of Read", err.Error())
	}
	err = c.crm.Erase(context.Background(), c.world.Account, crm.Subject{Records: []crm.Record{blank(c.world.Sample(key("status")))}})
	if err == nil {
		c.errorf("%s: Erase says that it is done", s.Name)
	} else {
		c.leak("an error of Erase", err.Error())
	}
}

// holds1 writes a record to see that the vendor and the adapter work.
func (c *check) holds1(name string) {
	r := c.world.Sample(key(strings.ReplaceAll(name, " ", "-")))
	c.holds(r, c.upsert(r)[0])
}

// checkEmptyAnswers: a 2xx that tells of no record is no success.
func checkEmptyAnswers(c *check) {
	for name, body := range map[string]string{"nothing": "", "an empty object": "{}", "an empty list": "[]", "null": "null", "a page": "<html>Welcome</html>", "half": `{"results":[{"id":"1`} {
		for _, status := range []int{200, 207} {
			c.valve.force(&Status{Status: status, Body: body})
			_, err := c.one(c.world.Sample(key("hollow")))
			c.valve.force(nil)
			if err == nil || fault.Is(err, fault.Invalid) {
				c.errorf("status %d with %s gives %v (%v), want Ambiguous or Transient", status, name, err, fault.Of(err))
			}
		}
	}
}

// checkRedirect: no credential follows a redirect; the valve looks.
func checkRedirect(c *check) {
	for _, status := range []int{301, 302, 307, 308} {
		c.valve.force(&Status{Status: status, Header: http.Header{"Location": {"http://elsewhere.example/"}}})
		if _, err := c.one(c.world.Sample(key("redirect"))); err == nil {
			c.errorf("a redirect %d is taken for success", status)
		}
		c.valve.force(nil)
	}
}
