package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/spf13/cobra"
)

// athome are the commands that need no data: they run on this machine whatever --stack says, or group others.
var athome = []string{"", "up", "demo", "console", "send", "validate", "config", "privacy", "verify", "completion", "help"}

// onStack are the commands that work on a deployed stack, with what they want to be told.
var onStack = map[string]string{
	"audit": "", "backfill": "social --from 2026-11-01", "config apply": "rapport.yaml", "config diff": "1", "config get": "", "config history": "",
	"config promote": "--to test", "config rollback": "1", "connect": "social", "correct": "social:1 --sentiment neutral", "corrections": "", "cost": "",
	"doctor": "", "erase": "social:1", "explain": "social:1", "ledger": "", "ledger export": "--from 2026-11-01", "ledger reconcile": "social --from 2026-11-01 --to 2026-11-02",
	"ledger seal": "", "ledger verify": "", "next": "social:1", "privacy access": "social:1", "privacy hold": "social:1 --why dispute", "privacy holds": "", "privacy lift": "1",
	"privacy report": "", "privacy informed": "social:1", "privacy object": "social:1 --purpose marketing", "privacy scan": "", "queue": "", "queue redrive": "crm", "quota": "", "replay": "", "replay status": "1", "restore": "",
	"setup": "crm", "sync": "crm", "undo": "--event social:1", "verify receipts": "",
}

// TestStackRunsEveryCommand plays every command there is with --stack: each must look for the stack, with the caller's own
// credentials, and say that it is not there.
func TestStackRunsEveryCommand(t *testing.T) {
	var asked atomic.Int32
	aws := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(body))
		if form.Get("Action") == "DescribeStacks" && form.Get("StackName") == "nordlicht-test" && strings.Contains(r.Header.Get("Authorization"), "Credential=AKIDNORDLICHT/") {
			asked.Add(1)
		}
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `<ErrorResponse><Error><Code>ValidationError</Code><Message>Stack with id nordlicht-test does not exist</Message></Error></ErrorResponse>`)
	}))
	defer aws.Close()
	t.Chdir(t.TempDir())
	for name, value := range map[string]string{"AWS_ENDPOINT_URL": aws.URL, "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "AKIDNORDLICHT", "AWS_SECRET_ACCESS_KEY": "test",
		"AWS_CONFIG_FILE": "none", "AWS_SHARED_CREDENTIALS_FILE": "none", "AWS_EC2_METADATA_DISABLED": "true"} {
		t.Setenv(name, value)
	}
	if err := os.WriteFile("rapport.yaml", []byte("version: 1\nbrands: [{name: nordlicht}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		for _, sub := range c.Commands() {
			walk(sub)
		}
		name := strings.TrimSpace(strings.TrimPrefix(c.CommandPath(), "rapport"))
		args, listed := onStack[name]
		tries := []string{args}
		if !listed {
			if slices.Contains(athome, name) || strings.HasPrefix(name, "completion ") {
				return
			}
			tries = []string{"", "1", "1 1"} // a new one may need no more
		}
		before := asked.Load()
		var err error
		for _, args := range tries {
			root := command()
			root.SetArgs(append(append(strings.Fields(name), strings.Fields(args)...), "--stack", "nordlicht-test"))
			root.SetOut(io.Discard)
			root.SetErr(io.Discard)
			root.SetIn(strings.NewReader(""))
			if err = root.ExecuteContext(t.Context()); asked.Load() > before {
				break
			}
		}
		if !listed && asked.Load() == before && usage(err) {
			t.Logf("say in onStack what rapport %s wants, or in athome that it needs none: %v", name, err)
			return
		}
		if asked.Load() == before || err == nil || !strings.Contains(err.Error(), "nordlicht-test") {
			t.Errorf("rapport %s %s --stack nordlicht-test did not look for the stack: %v; say in onStack what it wants, or in athome that it needs none", name, args, err)
		}
	}
	walk(command())
}
