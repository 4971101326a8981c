package localrun_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rapport/shared/localrun"
	secrets "rapport/shared/secret/env"
	mastodontwin "rapport/shared/twin/mastodon"
	salesforcetwin "rapport/shared/twin/salesforce"
)

const salesforceConfig = `version: 1
brands: [{name: nordlicht, languages: [de, en], terms: [Nordlicht]}]
networks:
  - name: mastodon
    kind: mastodon
    origin: %[1]s
    id: %[1]s/users/nordlicht
    brand: nordlicht
    every: 300ms
    replies: "on"
    streams: [notifications, own]
    secrets: {token: env:MASTODON_TOKEN}
crms:
  - name: sales
    kind: salesforce
    origin: %[2]s
    mode: write
    every: 500ms
    settings: {client_id: consumer-1, username: rapport@nordlicht.example, queue: Social_Service}
    secrets: {private_key: env:SALESFORCE_KEY}
`

// TestSalesforce goes the whole road over real sockets: log in by a signed assertion, set up an empty org, make a case of a
// complaint, and answer it. What agents write elsewhere (notes, comments, e-mails, other fields) posts nothing.
func TestSalesforce(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	org := salesforcetwin.New(salesforcetwin.Options{Now: time.Now, Key: &key.PublicKey, ClientID: "consumer-1", Username: "rapport@nordlicht.example", AssignTo: salesforcetwin.Agent})
	queue := org.Queue("Social_Service")
	crm := httptest.NewServer(org)
	defer crm.Close()
	social := mastodontwin.New(mastodontwin.Options{Brand: "nordlicht", Token: "a-token-of-the-brand"})
	network := httptest.NewServer(social)
	defer network.Close()
	social.SetSelf(network.URL)
	dir := t.TempDir()
	file := filepath.Join(dir, "rapport.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, salesforceConfig, network.URL, crm.URL), 0o600); err != nil {
		t.Fatal(err)
	}
	vault := map[string]string{"MASTODON_TOKEN": "a-token-of-the-brand", "SALESFORCE_KEY": string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))}
	home, err := localrun.Open(t.Context(), localrun.Options{Data: filepath.Join(dir, "rapport.db"), Config: file, Listen: "127.0.0.1:0", Private: true,
		Secrets: secrets.New(secrets.Options{Lookup: func(name string) (string, bool) { s, ok := vault[name]; return s, ok }}), Log: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	steps, err := home.SetupApply(t.Context(), "sales")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range steps {
		if s.Error != nil || !s.Done {
			t.Errorf("setup: %+v", s)
		}
	}
	if err := home.Learn(t.Context(), "sales"); err != nil {
		t.Fatal(err)
	}
	if err := home.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := home.Stop(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	polls := func(path string) (n int) {
		for _, c := range org.Calls() {
			if strings.HasSuffix(c.Path, path) {
				n++
			}
		}
		return n
	}
	heard := func() bool {
		st, err := home.AccountState(t.Context(), "mastodon")
		return err == nil && st.Cursor != ""
	}
	wait(t, "the first polls set their cursors", heard)
	wait(t, "Salesforce is read for changes", func() bool { return polls("/queryAll") > 3 })

	by := social.AddAccount(mastodontwin.Account{Name: "radlerin", Domain: "velo.example", Followers: 1200, Following: 80, Posts: 300})
	said := social.Post(mastodontwin.Post{By: by, Text: "@nordlicht Die Lampe ist schon wieder kaputt, ich bin sehr enttäuscht und warte seit Wochen!", Language: "de"})
	wait(t, "the complaint is a case", func() bool { return len(org.Rows("Case")) == 1 && len(org.Rows("rapport_mention__c")) == 1 })
	one := org.Rows("Case")[0]
	id := one["Id"].(string)
	if one["OwnerId"] != queue || len(org.Rows("Contact")) != 0 {
		t.Errorf("the case is %v; %d strangers became contacts", one, len(org.Rows("Contact")))
	}

	org.Create("CaseComment", map[string]any{"ParentId": id, "Body": "Tell her we are sorry."})
	org.Create("FeedItem", map[string]any{"ParentId": id, "Body": "@nordlicht approved"})
	org.Create("EmailMessage", map[string]any{"ParentId": id, "Body": "Sehr geehrte Kundin"})
	org.Edit(id, map[string]any{"Description": "Das tut uns leid", "rapport_reply__c": "Entwurf", "rapport_reply_state__c": "draft"})
	answer := org.Create("rapport_reply__c", map[string]any{"rapport_case_link__c": id, "rapport_text__c": "Das tut uns leid! Wir kümmern uns.", "rapport_visibility__c": "public", "rapport_state__c": "draft"})
	seen := polls("/queryAll")
	wait(t, "Salesforce was read again, twice through", func() bool { return polls("/queryAll") > seen+10 })
	if n := len(social.Posted()); n != 0 {
		t.Fatalf("what is no answer was posted: %+v", social.Posted())
	}

	org.Edit(answer, map[string]any{"rapport_state__c": "approved"})
	wait(t, "the answer is posted", func() bool { return len(social.Posted()) > 0 })
	wait(t, "the case says that it was sent", func() bool { return org.Row(id)["rapport_reply_state__c"] == "sent" })
	seen = polls("/queryAll")
	wait(t, "Salesforce was read again", func() bool { return polls("/queryAll") > seen+10 })
	if posted := social.Posted(); len(posted) != 1 || !strings.Contains(posted[0].Text, "Wir kümmern uns.") || posted[0].ReplyTo != said {
		t.Errorf("posted is %+v", posted)
	}
	if got := org.Row(id); got["OwnerId"] != queue || got["Subject"] != one["Subject"] || got["Description"] != "Das tut uns leid" || got["Status"] != "New" {
		t.Errorf("in the end the case is %v", got)
	}
	if len(org.Rows("Case")) != 1 || len(org.Doubles("rapport_mention__c", "rapport_key__c")) != 0 {
		t.Errorf("in the end there are %d cases and the mentions %v", len(org.Rows("Case")), org.Rows("rapport_mention__c"))
	}
	if n := org.Grants(); n > 2 { // setup, and the running process
		t.Errorf("there were %d log-ins", n)
	}
}
