package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// landlord answers what an account is asked before and after a deployment, and notes what would change something.
type landlord struct {
	mu       sync.Mutex
	quota    int
	refuses  string // an action that the organisation refuses
	outputs  map[string]string
	hooks    int // what the hooks' address answers
	changed  []string
	deleting bool
}

func (l *landlord) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r.URL.Path == "/hooks/healthz" {
		w.WriteHeader(l.hooks)
		return
	}
	if r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, "/account-settings") {
		fmt.Fprintf(w, `{"AccountLimit":{"ConcurrentExecutions":%d,"UnreservedConcurrentExecutions":%d}}`, l.quota, l.quota)
		return
	}
	body, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(body))
	switch action := form.Get("Action"); action {
	case "GetCallerIdentity":
		fmt.Fprint(w, `<R><GetCallerIdentityResult><Account>123456789012</Account><Arn>arn:aws:sts::123456789012:assumed-role/ops/anna</Arn></GetCallerIdentityResult></R>`)
	case "DescribeStacks":
		if form.Get("StackName") != "rapport" || l.outputs == nil || l.deleting {
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `<ErrorResponse><Error><Code>ValidationError</Code><Message>does not exist</Message></Error></ErrorResponse>`)
			return
		}
		var members strings.Builder
		for key, value := range l.outputs {
			fmt.Fprintf(&members, `<member><OutputKey>%s</OutputKey><OutputValue>%s</OutputValue><Description>d</Description></member>`, key, value)
		}
		fmt.Fprintf(w, `<R><DescribeStacksResult><Stacks><member><StackStatus>CREATE_COMPLETE</StackStatus><Outputs>%s</Outputs></member></Stacks></DescribeStacksResult></R>`, members.String())
	case "SimulatePrincipalPolicy":
		if form.Get("PolicySourceArn") != "arn:aws:iam::123456789012:role/ops" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		allowed := !slices.ContainsFunc(slices.Collect(func(yield func(string) bool) {
			for name, values := range form {
				if strings.HasPrefix(name, "ActionNames") && !yield(values[0]) {
					return
				}
			}
		}), func(a string) bool { return a == l.refuses })
		fmt.Fprintf(w, `<R><SimulatePrincipalPolicyResult><EvaluationResults><member><EvalActionName>%s</EvalActionName><EvalDecision>implicitDeny</EvalDecision>`+
			`<OrganizationsDecisionDetail><AllowedByOrganizations>%t</AllowedByOrganizations></OrganizationsDecisionDetail></member></EvaluationResults></SimulatePrincipalPolicyResult></R>`, l.refuses, allowed)
	case "DeleteStack":
		l.deleting, l.changed = true, append(l.changed, "DeleteStack "+form.Get("StackName"))
		fmt.Fprint(w, `<R/>`)
	default:
		l.changed = append(l.changed, r.Header.Get("X-Amz-Target")+action+" "+r.Method+" "+r.URL.Path)
		fmt.Fprint(w, `{}`)
	}
}

// play runs the command against a landlord and gives what it says.
func play(t *testing.T, l *landlord, answer string, args ...string) (string, error) {
	t.Helper()
	server := httptest.NewServer(l)
	defer server.Close()
	for name, value := range map[string]string{"AWS_ENDPOINT_URL": server.URL, "AWS_ACCESS_KEY_ID": "AKIDNORDLICHT", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "eu-central-1",
		"AWS_CONFIG_FILE": "none", "AWS_SHARED_CREDENTIALS_FILE": "none"} {
		t.Setenv(name, value)
	}
	if _, there := l.outputs["HooksUrl"]; there {
		l.outputs["HooksUrl"] = server.URL + "/hooks"
	}
	var out bytes.Buffer
	err := run(t.Context(), args, strings.NewReader(answer), &out)
	return out.String(), err
}

// TestLooksBeforeItActs wants to be told all that stands against a deployment, and what it costs, before anything is touched.
func TestLooksBeforeItActs(t *testing.T) {
	for _, c := range []struct {
		name     string
		landlord *landlord
		args     []string
		says     []string
		fails    string
	}{
		{"a fresh account", &landlord{quota: 1000}, []string{"up"},
			[]string{"account     123456789012", "region      eu-central-1", "bootstrap   missing", "1000 functions may run at once", "guardrails  none", "USD  SQS, listening", "USD  alarms", "USD  dashboard",
				"for each 1,000 mentions", "Deploy rapport into account 123456789012, eu-central-1?"}, "nothing was touched"},
		{"a change set", &landlord{quota: 1000}, []string{"up", "--changeset", "--", "--context", "region=eu-west-1"},
			[]string{"region      eu-west-1", "Make a change set of rapport in account 123456789012, eu-west-1?"}, "nothing was touched"},
		{"public addresses refused", &landlord{quota: 1000, refuses: "lambda:CreateFunctionUrlConfig"}, []string{"up"}, nil, "the organisation refuses lambda:CreateFunctionUrlConfig: deploy with --context hooks=httpapi"},
		{"an API instead", &landlord{quota: 1000, refuses: "lambda:CreateFunctionUrlConfig"}, []string{"up", "--", "--context", "hooks=httpapi"}, []string{"guardrails  none"}, "nothing was touched"},
		{"a small quota", &landlord{quota: 100}, []string{"up"}, []string{"that is few: --context bounded=true"}, "deploy with --context receivers=0"},
		{"a small quota, heeded", &landlord{quota: 100}, []string{"up", "--", "--context", "receivers=0", "--context", "bounded=true"}, []string{"guardrails  none"}, "nothing was touched"},
	} {
		out, err := play(t, c.landlord, "n\n", c.args...)
		if err == nil || !strings.Contains(err.Error(), c.fails) {
			t.Errorf("%s: %v, want %q", c.name, err, c.fails)
		}
		for _, want := range c.says {
			if !strings.Contains(out, want) {
				t.Errorf("%s: does not say %q:\n%s", c.name, want, out)
			}
		}
		if strings.Contains(strings.Join(c.args, " "), "bounded=true") && strings.Contains(out, "that is few") {
			t.Errorf("%s: what was heeded is said again", c.name)
		}
		if len(c.landlord.changed) > 0 {
			t.Errorf("%s: touched %v", c.name, c.landlord.changed)
		}
	}
}

// TestAddressAnswers calls the hooks' address as a vendor would, once it is there.
func TestAddressAnswers(t *testing.T) {
	for status, want := range map[int]string{200: "", 403: "hooks=httpapi", 502: "log of rapport-receive"} {
		l := &landlord{hooks: status, outputs: map[string]string{"HooksUrl": ""}}
		server := httptest.NewServer(l)
		l.outputs["HooksUrl"] = server.URL + "/hooks"
		t.Setenv("AWS_ENDPOINT_URL", server.URL)
		err := account{region: "eu-central-1", credentials: anybody()}.reached(t.Context(), options{stack: "rapport", out: io.Discard})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("an address that answers %d: %v, want %q", status, err, want)
		}
		server.Close()
	}
}

// TestDestroyKeeps wants data to survive the stack unless its name is given once more.
func TestDestroyKeeps(t *testing.T) {
	there := func() *landlord {
		return &landlord{outputs: map[string]string{"TableName": "rapport-table", "UserPoolId": "pool", "KeyArn": "arn:aws:kms:eu-central-1:123456789012:key/1"}}
	}
	l := there()
	if out, err := play(t, l, "", "destroy", "--yes", "--purge", "another"); err == nil || len(l.changed) > 0 {
		t.Errorf("another stack's name: %s %v %v", out, err, l.changed)
	}
	l = there()
	if _, err := play(t, l, "n\n", "destroy"); err == nil || len(l.changed) > 0 {
		t.Errorf("a no: %v %v", err, l.changed)
	}
	l = there()
	out, err := play(t, l, "y\n", "destroy")
	if err != nil || !slices.Equal(l.changed, []string{"DeleteStack rapport"}) || !strings.Contains(out, "These stay:\n  table rapport-table") {
		t.Errorf("a yes: %s %v %v", out, err, l.changed)
	}
	l = there()
	if out, err = play(t, l, "", "destroy", "--yes", "--purge", "rapport"); err != nil {
		t.Errorf("a purge: %s %v", out, err)
	}
	all := strings.Join(l.changed, "\n")
	for _, want := range []string{"DeleteStack", "DeleteTable", "DeleteUserPool", "ScheduleKeyDeletion"} {
		if !strings.Contains(all, want) {
			t.Errorf("a purge leaves what %s deletes: %s", want, all)
		}
	}
}

func anybody() aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "AKIDNORDLICHT", SecretAccessKey: "test"}, nil
	})
}
