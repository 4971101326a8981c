package localrun_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"rapport/shared/archive"
	"rapport/shared/connectors"
	"rapport/shared/datafile"
	"rapport/shared/flow"
	"rapport/shared/ledger"
	"rapport/shared/localrun"
	"rapport/shared/network"
	secrets "rapport/shared/secret/env"
	"rapport/shared/store"
	"rapport/shared/webhook"
)

// door is one receiver as it is attacked: a hook of the home, and how its vendor would call it.
type door struct {
	name     string // of the hook
	kind     string
	settings map[string]any
	secret   string // what the hook is configured with
	key      string // what the vendor signs with, where that is another
	wrong    string // what somebody else would sign with
	body     string // a genuine event; %[1]s is the number of the event, %[2]s the door
	signed   bool   // the proof covers the body; else it is a shared token
	timed    bool   // the proof covers a time
	crm      bool
	sign     func(key, address string, body []byte, at time.Time) http.Header
}

const (
	attackBase = "https://rapport.nordlicht.example"
	portal     = "4711"
)

// doors makes a hook for every connector that takes calls. A new connector has to say here how it is called.
func doors(t *testing.T) (list []door) {
	t.Helper()
	hook := `{"id":"%[2]s-%[1]s","text":"genuine","who":"a-1"}`
	seed := [32]byte{1}
	public := hex.EncodeToString(ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey))
	known := map[string][]door{
		"hook": {
			{name: "hook-body", settings: map[string]any{"scheme": "body", "header": "X-Signature"}, body: hook, signed: true},
			{name: "hook-timestamp", settings: map[string]any{"scheme": "timestamp.body", "header": "X-Signature", "timestamp_header": "X-Time"}, body: hook, signed: true, timed: true},
			{name: "hook-standard", settings: map[string]any{"scheme": "standard"}, secret: "whsec_Y2FuYXJ5LW9mLXRoaXMtZG9vcg==", wrong: "whsec_c29tZWJvZHktZWxzZQ==", body: hook, signed: true, timed: true},
			{name: "hook-token", settings: map[string]any{"scheme": "token", "header": "Authorization", "prefix": "Bearer "}, body: hook},
			{name: "hook-basic", settings: map[string]any{"scheme": "basic", "user": "sender"}, body: hook},
			{name: "hook-ed25519", settings: map[string]any{"scheme": "ed25519"}, secret: public, key: string(seed[:]), wrong: strings.Repeat("w", 32), body: hook, signed: true, timed: true,
				sign: func(key, _ string, body []byte, at time.Time) http.Header {
					return webhook.Ed25519{}.Sign([32]byte([]byte(key)), body, at)
				}},
		},
		"meta": {{signed: true, body: `{"object":"page","entry":[{"id":"1101","time":1795258800,"changes":[{"field":"feed","value":{"item":"comment","verb":"add","comment_id":"5001_%[1]s","post_id":"1101_5001","parent_id":"1101_5001","from":{"id":"2201","name":"Rad Freundin"},"created_time":1795258790,"message":"genuine"}}]}]}`}},
		"x":    {{signed: true, body: `{"data":{"event_uuid":"%[1]s","filter":{"user_id":"1101"},"event_type":"post.mention.create","payload":{"id":"21240728270898%[1]s","text":"genuine","author_id":"17","created_at":"2026-11-21T09:30:00.000Z","conversation_id":"21240728270898%[1]s"},"includes":{"users":[{"id":"17","username":"korn","name":"Korn","public_metrics":{"followers_count":97}}]}}}`}},
		"hubspot": {{signed: true, timed: true, crm: true, sign: func(key, address string, body []byte, at time.Time) http.Header {
			return webhook.SignHubSpot(key, http.MethodPost, address, body, at)
		}, body: `[{"eventId":%[1]s,"portalId":` + portal + `,"appId":62515,"occurredAt":1763640000123,"subscriptionType":"ticket.propertyChange","attemptNumber":0,"objectId":9008,"propertyName":"hubspot_owner_id","propertyValue":"77","changeSource":"CRM_UI"}]`}},
		"salesforce": {{crm: true, body: `{"detail-type":"CaseChangeEvent","source":"aws.partner/salesforce.com/00D000000000001EAA/rapport","detail":{"id":"e%[1]s","payload":{"ChangeEventHeader":{"entityName":"Case","recordIds":["500000000000101AAA"],"changeType":"UPDATE","changeOrigin":"","transactionKey":"t-%[1]s","sequenceNumber":1,"commitTimestamp":1795176000000,"commitNumber":11,"commitUser":"005000000000002AAA","changedFields":["OwnerId"]},"OwnerId":"005000000000002AAA"}}}`}},
	}
	add := func(kind string, connector any) {
		if _, ok := connector.(network.Receiver); !ok {
			return
		}
		if known[kind] == nil {
			t.Errorf("%s takes calls, and nobody attacks it: say here how it is called", kind)
		}
		for _, d := range known[kind] {
			d.kind = kind
			if d.name == "" {
				d.name = kind
			}
			if d.secret == "" {
				d.secret, d.wrong = "canary-of-"+d.name, "wrong-"+d.name
			}
			if d.key == "" {
				d.key = d.secret
			}
			if d.sign == nil {
				signer, ok := connector.(network.Signer)
				if !ok {
					t.Fatalf("%s does not sign: say here how its calls are signed", kind)
				}
				settings := d.all()
				d.sign = func(key, address string, body []byte, at time.Time) http.Header {
					h, err := signer.Sign(network.Hook{Name: d.name, Kind: kind, Settings: settings, Secrets: map[string]flow.Secret{"secret": flow.NewSecret(key)}}, address, body, at)
					if err != nil {
						t.Errorf("%s: %v", kind, err)
					}
					return h
				}
			}
			list = append(list, d)
		}
	}
	networks, crms := connectors.Networks(), connectors.CRMs()
	for _, kind := range slices.Sorted(maps.Keys(networks)) {
		add(kind, networks[kind])
	}
	for _, kind := range slices.Sorted(maps.Keys(crms)) {
		add(kind, crms[kind])
	}
	return list
}

// all gives the settings of the hook.
func (d door) all() map[string]any {
	if d.kind != "hook" {
		return d.settings
	}
	s := maps.Clone(d.settings)
	s["fields"] = map[string]any{"id": "item.id", "text": "item.text", "author.id": "item.who"}
	return s
}

// event is a genuine event of its own.
func (d door) event(n int) []byte {
	return []byte(strings.NewReplacer("%[1]s", fmt.Sprint(70000+n), "%[2]s", d.name).Replace(d.body))
}

func (d door) path() string { return "/hooks/" + d.name }

// besieged is a running home with every door.
type besieged struct {
	*localrun.Home
	t      *testing.T
	doors  []door
	data   string // path of the data file
	log    *bytes.Buffer
	vault  map[string]string
	stop   func()
	url    string
	client *http.Client
}

// besiege starts a home. Vendors answer everything with 404.
func besiege(t *testing.T) *besieged {
	t.Helper()
	vendor := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(vendor.Close)
	s := &besieged{t: t, doors: doors(t), log: &bytes.Buffer{}, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4}}}
	t.Cleanup(s.client.CloseIdleConnections)
	dir := t.TempDir()
	file := filepath.Join(dir, "rapport.yaml")
	if err := os.WriteFile(file, []byte(s.config(vendor.URL)), 0o600); err != nil {
		t.Fatal(err)
	}
	vault := map[string]string{"VERIFY": "canary-verify-token", "OTHER": "canary-other-token"}
	s.data, s.vault = filepath.Join(dir, "rapport.db"), vault
	for _, d := range s.doors {
		vault[secretOf(d)] = d.secret
	}
	var err error
	s.Home, err = localrun.Open(t.Context(), localrun.Options{Data: s.data, Config: file, Listen: "127.0.0.1:0", Base: attackBase, Private: true,
		Secrets: secrets.New(secrets.Options{Lookup: func(name string) (string, bool) { v, ok := vault[name]; return v, ok }}), Log: slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.stop = sync.OnceFunc(func() {
		if err := s.Stop(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(s.stop)
	s.url = "http://" + s.Addr()
	return s
}

// search looks through everything that the home left for its secrets: rows, messages, dead letters, archive, log.
func (s *besieged) search() (pieces int) {
	s.t.Helper()
	var hidden []string // every secret, as it is and inside base64, whatever stands before it
	for name, secret := range s.vault {
		if strings.HasSuffix(name, "ED25519") {
			continue // a public key
		}
		hidden = append(hidden, secret)
		for skip := range 3 {
			text := base64.StdEncoding.EncodeToString([]byte("..."[:skip] + secret))
			hidden = append(hidden, text[4*min(skip, 1):len(text)-4])
		}
	}
	look := func(where string, text []byte) {
		pieces++
		for _, h := range hidden {
			if bytes.Contains(text, []byte(h)) {
				s.t.Errorf("%s holds a secret: %.300s", where, text)
			}
		}
	}
	file, err := datafile.Open(s.data, datafile.Options{ReadOnly: true})
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	for _, query := range []string{"select part || sort, data from item", "select grp, body from message", "select reason, body from dead"} {
		err = file.Read(s.t.Context(), func(c *sqlite.Conn) error {
			return sqlitex.Execute(c, query, &sqlitex.ExecOptions{ResultFunc: func(row *sqlite.Stmt) error {
				data := make([]byte, row.ColumnLen(1))
				row.ColumnBytes(1, data)
				text, err := store.Unpack(data)
				if err != nil { // a body
					text = data
				}
				look(query, append([]byte(row.ColumnText(0)+" "), text...))
				return nil
			}})
		})
		if err != nil {
			s.t.Fatal(err)
		}
	}
	var codec archive.Codec
	err = filepath.WalkDir(s.data+".archive", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		object, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		batch, err := codec.Decode(object)
		for _, e := range batch.Entries {
			look("the archive", slices.Concat(e.Raw, e.Inputs, e.Decision, e.Previous, []byte(strings.Join(e.Headers, "\n"))))
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	look("the log", s.log.Bytes())
	return pieces
}

func secretOf(d door) string {
	return "SECRET_" + strings.ToUpper(strings.ReplaceAll(d.name, "-", "_"))
}

func (s *besieged) config(vendor string) string {
	var hooks, networks, crms strings.Builder
	for _, d := range s.doors {
		verify := ""
		if d.kind == "meta" {
			verify = ", verify: env:VERIFY"
		}
		fmt.Fprintf(&hooks, "  - {name: %s, kind: %s, settings: %s, secrets: {secret: env:%s%s}}\n", d.name, d.kind, inline(d.all()), secretOf(d), verify)
		switch d.kind {
		case "hook":
			fmt.Fprintf(&networks, "  - {name: on-%[1]s, kind: hook, hook: %[1]s, brand: nordlicht}\n", d.name)
		case "hubspot":
			fmt.Fprintf(&crms, "  - {name: on-%[1]s, kind: hubspot, hook: %[1]s, id: %[2]q, origin: %[3]s, paused: true, secrets: {token: env:OTHER}}\n", d.name, portal, vendor)
		case "salesforce":
			fmt.Fprintf(&crms, "  - {name: on-%[1]s, kind: salesforce, hook: %[1]s, id: 00D000000000001EAA, origin: %[2]s, paused: true, secrets: {token: env:OTHER}}\n", d.name, vendor)
		case "x":
			fmt.Fprintf(&networks, "  - {name: on-%[1]s, kind: x, hook: %[1]s, brand: nordlicht, id: \"1101\", origin: %[2]s, paused: true, settings: {handle: nordlicht}, secrets: {bearer: env:OTHER}}\n", d.name, vendor)
		default:
			fmt.Fprintf(&networks, "  - {name: on-%[1]s, kind: %[3]s, hook: %[1]s, brand: nordlicht, id: \"1101\", origin: %[2]s, paused: true, secrets: {token: env:OTHER}}\n", d.name, vendor, d.kind)
		}
	}
	return "version: 1\nbrands: [{name: nordlicht}]\nhooks:\n" + hooks.String() + "networks:\n" + networks.String() + "crms:\n" + crms.String()
}

// inline writes settings as YAML on one line.
func inline(m map[string]any) string {
	var list []string
	for _, k := range slices.Sorted(maps.Keys(m)) {
		if v, nested := m[k].(map[string]any); nested {
			list = append(list, k+": "+inline(v))
		} else {
			list = append(list, fmt.Sprintf("%s: %q", k, m[k]))
		}
	}
	return "{" + strings.Join(list, ", ") + "}"
}

// post sends one call; 0 = the connection ended without an answer.
func (s *besieged) post(d door, method string, header http.Header, body io.Reader) int {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+d.path(), body)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header = header.Clone()
	res, err := s.client.Do(r)
	if err != nil {
		return 0
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	return res.StatusCode
}

// genuine sends a body as the vendor would at a time.
func (s *besieged) genuine(d door, body []byte, at time.Time) int {
	return s.post(d, http.MethodPost, d.sign(d.key, attackBase+d.path(), body, at), bytes.NewReader(body))
}

// settled waits until no queue holds anything, and gives how many letters are dead.
func (s *besieged) settled() (dead int) {
	s.t.Helper()
	wait(s.t, "all queues are empty", func() bool {
		depth, err := s.Admin().Depth(s.t.Context())
		if err != nil {
			s.t.Fatal(err)
		}
		dead = 0
		for _, l := range depth {
			if l.Waiting+l.Held+l.Delayed > 0 {
				return false
			}
			dead += l.Dead
		}
		return true
	})
	return dead
}

// outcomes counts the ledger's lines of a door by outcome.
func (s *besieged) outcomes(d door) map[ledger.Outcome]int {
	s.t.Helper()
	out := map[ledger.Outcome]int{}
	for _, place := range []string{"on-" + d.name, d.name} {
		err := s.Lines(s.t.Context(), place, time.Now().Add(-2*time.Hour), time.Now().Add(time.Hour), func(_ ledger.Place, l ledger.Line) error {
			out[l.Outcome]++
			return nil
		})
		if err != nil {
			s.t.Fatal(err)
		}
	}
	return out
}
