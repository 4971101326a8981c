package networktest

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"time"

	"rapport/shared/flow"
	"rapport/shared/network"
)

// Context is settings.json of a case: what Parse is given beside the body.
type Context struct {
	Settings map[string]any    `json:"settings,omitempty"`
	Account  string            `json:"account,omitempty"`
	Stream   string            `json:"stream,omitempty"`
	Header   map[string]string `json:"header,omitempty"`
	At       time.Time         `json:"at,omitzero"`
	Origin   string            `json:"origin,omitempty"`
	Same     string            `json:"same,omitempty"` // another case that must give the same event ids: webhook and poll agree
}

// outcome is what Parse made of a case.
type outcome struct {
	Events []flow.Event `json:"events"`
	Fault  string       `json:"fault,omitempty"`
	Reason string       `json:"-"`
}

// parseCase is one folder of cases.
type parseCase struct {
	name string
	dir  string
	same string
	raw  network.Raw
}

// registered at start like every flag; nothing writes to it.
var update = flag.Bool("update", false, "write want.json of all cases anew")

// cases reads all cases; what cannot be read is reported.
func (s Suite) cases(r Reporter) []parseCase {
	r.Helper()
	entries, err := os.ReadDir(s.Cases)
	if err != nil {
		r.Errorf("cases: %v", err)
		return nil
	}
	var out []parseCase
	named := map[string]bool{}
	for _, e := range entries {
		if !e.IsDir() || e.Name() == "fuzz" {
			continue
		}
		c := parseCase{name: e.Name(), dir: filepath.Join(s.Cases, e.Name())}
		named[c.name] = true
		if err := c.read(s); err != nil {
			r.Errorf("case %s: %v", c.name, err)
			continue
		}
		out = append(out, c)
	}
	if s.Events == "" {
		return out
	}
	samples, err := os.ReadDir(s.Events)
	if err != nil {
		r.Errorf("samples: %v", err)
	}
	for _, e := range samples {
		name := strings.TrimSuffix(e.Name(), filepath.Ext(e.Name()))
		if !e.IsDir() && !strings.HasPrefix(e.Name(), ".") && !named[name] {
			r.Errorf("sample %s has no case: make the folder %s", e.Name(), filepath.Join(s.Cases, name))
		}
	}
	return out
}

func (c *parseCase) read(s Suite) error {
	places := []string{filepath.Join(c.dir, "raw.*")}
	if s.Events != "" {
		places = append(places, filepath.Join(s.Events, c.name+".*"))
	}
	body, err := first(places)
	if err != nil {
		return err
	}
	var x Context
	data, err := os.ReadFile(filepath.Join(c.dir, "settings.json"))
	if err == nil {
		d := json.NewDecoder(bytes.NewReader(data))
		d.DisallowUnknownFields()
		err = d.Decode(&x)
	} else if os.IsNotExist(err) {
		err = nil
	}
	c.same = x.Same
	c.raw = network.Raw{Settings: x.Settings, Account: x.Account, Stream: x.Stream, Header: x.Header, Body: body, At: x.At, Origin: x.Origin}
	if c.raw.At.IsZero() {
		c.raw.At = s.Now
	}
	return err
}

func first(places []string) ([]byte, error) {
	for _, place := range places {
		found, err := filepath.Glob(place)
		if err != nil {
			return nil, err
		}
		if len(found) > 0 {
			return os.ReadFile(found[0])
		}
	}
	return nil, os.ErrNotExist
}

// compare holds got against want.json, or writes it. A file that is an array holds the events alone.
func (c *parseCase) compare(r Reporter, got outcome) {
	r.Helper()
	path := filepath.Join(c.dir, "want.json")
	text := got.encode()
	if _, recorded := r.(*Recorder); *update && !recorded {
		if err := os.WriteFile(path, text, 0o644); err != nil {
			r.Errorf("case %s: %v", c.name, err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		r.Errorf("case %s has no want.json: run the test with -update, then read it", c.name)
		return
	}
	if !bytes.Equal(squeeze(want), squeeze(text)) {
		r.Errorf("case %s differs from want.json (%s); got\n%s", c.name, got.Reason, text)
	}
}

func (o outcome) encode() []byte {
	var v any = o.Events
	if o.Fault != "" {
		v = map[string]string{"fault": o.Fault}
	} else if len(o.Events) == 0 {
		v = []flow.Event{}
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	_ = e.Encode(v) // events are plain data
	return b.Bytes()
}

// squeeze makes two JSON texts comparable.
func squeeze(data []byte) []byte {
	var v any
	if json.Unmarshal(data, &v) != nil {
		return data
	}
	out, _ := json.Marshal(v)
	return out
}
