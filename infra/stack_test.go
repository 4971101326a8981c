package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/assertions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awss3"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"

	"rapport/shared/queue"
	"rapport/shared/topology"
)

var update = flag.Bool("update", false, "write testdata/template.json anew")

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	jsii.Close()
	os.Exit(code)
}

// stubs makes a folder of binaries that are always the same.
func stubs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range topology.Functions() {
		if err := os.MkdirAll(filepath.Join(dir, f.Name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, f.Name, topology.Handler), []byte("#!/bin/sh\n# "+f.Name+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// made makes a stack under a context, without the synthesis.
func made(t *testing.T, context map[string]any) (awscdk.App, *Stack, error) {
	t.Helper()
	all := map[string]any{"build": stubs(t), "aws:cdk:version-reporting": false}
	for name, value := range context {
		all[name] = value
	}
	app := awscdk.NewApp(&awscdk.AppProps{Context: &all, Outdir: jsii.String(t.TempDir()), AnalyticsReporting: jsii.Bool(false)})
	s, err := settings(app.Node())
	if err != nil {
		return app, nil, err
	}
	return app, NewStack(app, s), nil
}

type object = map[string]any

// template is a synthesised template.
type template struct {
	t    *testing.T
	root object
}

func synth(t *testing.T, context map[string]any) template {
	t.Helper()
	_, s, err := made(t, context)
	if err != nil {
		t.Fatal(err)
	}
	return template{t, *assertions.Template_FromStack(s.Stack, nil).ToJSON()}
}

// all gives the properties of all resources of a type by logical id, the whole resource under "" of each.
func (p template) all(kind string) map[string]object {
	found := map[string]object{}
	for id, r := range p.root["Resources"].(object) {
		if r := r.(object); r["Type"] == kind {
			properties, _ := r["Properties"].(object)
			if properties = maps.Clone(properties); properties == nil {
				properties = object{}
			}
			properties[""] = r
			found[id] = properties
		}
	}
	return found
}

// one gives the resource of a type whose property has a value.
func (p template) one(kind, property string, value any) object {
	p.t.Helper()
	for _, r := range p.all(kind) {
		if text(r[property]) == text(value) {
			return r
		}
	}
	p.t.Fatalf("no %s with %s = %v", kind, property, value)
	return nil
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// at follows a path of names.
func at(o any, path ...string) any {
	for _, name := range path {
		m, ok := o.(object)
		if !ok {
			return nil
		}
		o = m[name]
	}
	return o
}

func want(t *testing.T, what string, got, wanted any) {
	t.Helper()
	if text(got) != text(wanted) {
		t.Errorf("%s is %s, want %s", what, text(got), text(wanted))
	}
}

func TestQueues(t *testing.T) {
	p := synth(t, nil)
	if receives != queue.MaxReceives {
		t.Errorf("a message is handed out %d times here, %d elsewhere", receives, queue.MaxReceives)
	}
	if got, expected := len(p.all("AWS::SQS::Queue")), 2*len(topology.Queues())+1; got != expected {
		t.Errorf("%d queues, want %d: every lane, its dead letters, and the schedule's", got, expected)
	}
	for _, q := range topology.Queues() {
		r := p.one("AWS::SQS::Queue", "QueueName", topology.QueueName("rapport-", q.Name))
		dead := p.one("AWS::SQS::Queue", "QueueName", topology.DeadName("rapport-", q.Name))
		want(t, q.Name+" visibility", r["VisibilityTimeout"], q.Visibility.Seconds())
		want(t, q.Name+" receives", at(r, "RedrivePolicy", "maxReceiveCount"), queue.MaxReceives)
		target, _ := at(r, "RedrivePolicy", "deadLetterTargetArn", "Fn::GetAtt").([]any)
		if len(target) == 0 || text(p.all("AWS::SQS::Queue")[target[0].(string)]["QueueName"]) != text(dead["QueueName"]) {
			t.Errorf("%s: dead letters go to %v", q.Name, target)
		}
		for _, one := range []object{r, dead} {
			want(t, q.Name+" encryption", one["SqsManagedSseEnabled"], true)
			want(t, q.Name+" retention", one["MessageRetentionPeriod"], 14*24*3600)
		}
	}
	for id, r := range p.all("AWS::SQS::QueuePolicy") {
		if !strings.Contains(text(r["PolicyDocument"]), `"aws:SecureTransport":"false"`) {
			t.Errorf("%s allows calls without TLS", id)
		}
	}
}

func TestStorage(t *testing.T) {
	p := synth(t, nil)
	for _, table := range p.all("AWS::DynamoDB::GlobalTable") {
		replica := table["Replicas"].([]any)[0].(object)
		want(t, "billing", table["BillingMode"], "PAY_PER_REQUEST")
		want(t, "TTL", table["TimeToLiveSpecification"], object{"AttributeName": "x", "Enabled": true})
		want(t, "recovery", replica["PointInTimeRecoverySpecification"], object{"PointInTimeRecoveryEnabled": true, "RecoveryPeriodInDays": 7})
		want(t, "protection", replica["DeletionProtectionEnabled"], true)
		want(t, "replicas", len(table["Replicas"].([]any)), 1)
		want(t, "region", replica["Region"], "eu-central-1")
		want(t, "policy", at(table[""], "DeletionPolicy"), "Retain")
		want(t, "keys", table["KeySchema"], []any{object{"AttributeName": "part", "KeyType": "HASH"}, object{"AttributeName": "sort", "KeyType": "RANGE"}})
	}
	for _, bucket := range p.all("AWS::S3::Bucket") {
		want(t, "versions", bucket["VersioningConfiguration"], nil)
		want(t, "public", bucket["PublicAccessBlockConfiguration"], object{"BlockPublicAcls": true, "BlockPublicPolicy": true, "IgnorePublicAcls": true, "RestrictPublicBuckets": true})
		want(t, "policy", at(bucket[""], "DeletionPolicy"), "Retain")
		rules, _ := at(bucket, "LifecycleConfiguration", "Rules").([]any)
		if len(rules) != 1 || text(at(rules[0], "ExpirationInDays")) != "400" || text(at(rules[0], "Status")) != `"Enabled"` {
			t.Errorf("lifecycle %s", text(rules))
		}
	}
	if len(p.all("AWS::DynamoDB::GlobalTable")) != 1 || len(p.all("AWS::S3::Bucket")) != 1 {
		t.Error("there must be one table and one bucket")
	}
}

func TestFunctions(t *testing.T) {
	p := synth(t, nil)
	if got, expected := len(p.all("AWS::Lambda::Function")), len(topology.Functions()); got != expected {
		t.Errorf("%d functions, want %d", got, expected)
	}
	used := map[string]string{}
	for _, f := range topology.Functions() {
		r := p.one("AWS::Lambda::Function", "FunctionName", topology.FunctionName("rapport-", f.Name))
		want(t, f.Name+" runtime", r["Runtime"], "provided.al2023")
		want(t, f.Name+" architecture", r["Architectures"], []string{"arm64"})
		want(t, f.Name+" memory", r["MemorySize"], f.Memory)
		want(t, f.Name+" limit", r["Timeout"], f.Limit.Seconds())
		want(t, f.Name+" handler", r["Handler"], topology.Handler)
		want(t, f.Name+" log", at(r, "LoggingConfig", "SystemLogLevel"), "WARN")
		role := at(r, "Role", "Fn::GetAtt").([]any)[0].(string)
		if other := used[role]; other != "" {
			t.Errorf("%s and %s share a role", f.Name, other)
		}
		used[role] = f.Name
		if f.HTTP == (r["ReservedConcurrentExecutions"] == nil) {
			t.Errorf("%s: reserved concurrency %v", f.Name, r["ReservedConcurrentExecutions"])
		}
		for _, name := range []string{topology.EnvTable, topology.EnvArchive, topology.EnvPrefix, topology.EnvQueues} {
			if at(r, "Environment", "Variables", name) == nil {
				t.Errorf("%s lacks %s", f.Name, name)
			}
		}
		if at(r, "Environment", "Variables", topology.EnvPrivate) != nil {
			t.Errorf("%s may call private addresses", f.Name)
		}
	}
	for id, r := range p.all("AWS::Logs::LogGroup") {
		want(t, id+" retention", r["RetentionInDays"], 30)
	}
}

// TestFunctionsByHand wants the handbook to name every function as the template does.
func TestFunctionsByHand(t *testing.T) {
	handbook, err := os.ReadFile("../docs/aws.md")
	if err != nil {
		t.Fatal(err)
	}
	for id := range synth(t, nil).all("AWS::Lambda::Function") {
		if !strings.Contains(string(handbook), " "+id+" ") {
			t.Errorf("docs/aws.md does not say how to invoke %s", id)
		}
	}
}

// TestTriggers looks that each lane wakes its function, answers per message, and never takes all the concurrency.
func TestTriggers(t *testing.T) {
	p := synth(t, nil)
	woken := map[string]string{}
	for _, r := range p.all("AWS::Lambda::EventSourceMapping") {
		source := at(r, "EventSourceArn", "Fn::GetAtt").([]any)[0].(string)
		fn := at(r, "FunctionName", "Ref").(string)
		woken[text(p.all("AWS::SQS::Queue")[source]["QueueName"])] = text(p.all("AWS::Lambda::Function")[fn]["FunctionName"])
		want(t, source+" answers", r["FunctionResponseTypes"], []string{"ReportBatchItemFailures"})
		name := text(p.all("AWS::SQS::Queue")[source]["QueueName"])
		for _, q := range topology.Queues() { // only where masses come: a bound makes waiting dearer
			if name == text("rapport-"+q.Name) && q.Masses != (at(r, "ScalingConfig", "MaximumConcurrency") != nil) {
				t.Errorf("%s: concurrency %v", name, at(r, "ScalingConfig"))
			}
		}
		if n, _ := r["BatchSize"].(float64); n > 10 && text(r["MaximumBatchingWindowInSeconds"]) == "null" {
			t.Errorf("%s: a batch of %v wants a window", source, n)
		}
	}
	for id, r := range synth(t, map[string]any{"bounded": "true"}).all("AWS::Lambda::EventSourceMapping") {
		if n, _ := at(r, "ScalingConfig", "MaximumConcurrency").(float64); n < 2 {
			t.Errorf("%s: concurrency %v where calls are bounded", id, n)
		}
	}
	for _, f := range topology.Functions() {
		for _, l := range f.Lanes {
			want(t, "what lane "+l+" wakes", woken[text("rapport-"+l)], text("rapport-"+f.Name))
		}
	}
	rates := map[string]any{}
	for _, r := range p.all("AWS::Scheduler::Schedule") {
		rates[r["Name"].(string)] = r["ScheduleExpression"]
		if at(r, "Target", "DeadLetterConfig", "Arn") == nil {
			t.Errorf("schedule %s has no dead letters", r["Name"])
		}
	}
	want(t, "schedules", rates, object{"rapport-tick": "rate(1 minute)"})
}

// TestDoors wants both permissions that a Function URL needs, bound to the address.
func TestDoors(t *testing.T) {
	p := synth(t, nil)
	for _, r := range p.all("AWS::Lambda::Url") {
		target := text(r["TargetFunctionArn"])
		byURL, invoke := false, false
		for _, permission := range p.all("AWS::Lambda::Permission") {
			if text(permission["FunctionName"]) != target || permission["Principal"] != "*" {
				continue
			}
			byURL = byURL || permission["Action"] == "lambda:InvokeFunctionUrl" && permission["FunctionUrlAuthType"] == "NONE"
			invoke = invoke || permission["Action"] == "lambda:InvokeFunction" && permission["InvokedViaFunctionUrl"] == true
		}
		if !byURL || !invoke {
			t.Errorf("%s: InvokeFunctionUrl %v, InvokeFunction through the address %v", target, byURL, invoke)
		}
	}
	want(t, "addresses", len(p.all("AWS::Lambda::Url")), 2)
	p = synth(t, map[string]any{"hooks": "httpapi", "domain": "hooks.nordlicht.example", "certificate": "arn:aws:acm:eu-central-1:123456789012:certificate/1"})
	want(t, "addresses with an API", len(p.all("AWS::Lambda::Url")), 0)
	want(t, "open permissions with an API", strings.Contains(text(p.all("AWS::Lambda::Permission")), `"Principal":"*"`), false)
	api := p.one("AWS::ApiGatewayV2::Api", "Name", "rapport-receive")
	want(t, "own address of the API", api["DisableExecuteApiEndpoint"], true)
	want(t, "domain", len(p.all("AWS::ApiGatewayV2::ApiMapping")), 1)
	want(t, "base", at(p.one("AWS::Lambda::Function", "FunctionName", "rapport-receive"), "Environment", "Variables", topology.EnvBase), "https://hooks.nordlicht.example")
	for _, r := range p.all("AWS::ApiGatewayV2::Integration") {
		want(t, "payload", r["PayloadFormatVersion"], "2.0")
	}
}

// TestAlarms wants at most ten, each with somebody to tell.
func TestAlarms(t *testing.T) {
	p := synth(t, map[string]any{"email": "ops@nordlicht.example"})
	alarms := p.all("AWS::CloudWatch::Alarm")
	if len(alarms) != 10 {
		t.Errorf("%d alarms, want 10", len(alarms))
	}
	handbook, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	looked := 0
	for id, r := range alarms {
		if text(at(r[""], "Properties", "AlarmActions")) == "null" {
			t.Errorf("%s tells nobody", id)
		}
		if metrics, _ := r["Metrics"].([]any); len(metrics) > 0 {
			looked += len(metrics) - 1 // one is the sum
		} else {
			looked++
		}
		name := strings.TrimPrefix(r["AlarmName"].(string), "rapport-")
		if !strings.Contains(string(handbook), "### "+name+"\n") {
			t.Errorf("docs/operations.md has no section %s", name)
		}
	}
	// Each costs 0.10 USD a month, and ten in an account are free: docs/aws.md tells the sum.
	want(t, "metrics that alarms look at", looked, topology.AlarmMetrics)
	want(t, "subscriptions", len(p.all("AWS::SNS::Subscription")), 1)
	// Three dashboards of at most 50 metrics are free in an account.
	want(t, "dashboards", len(p.all("AWS::CloudWatch::Dashboard")), 1)
	for _, r := range p.all("AWS::CloudWatch::Dashboard") {
		body := text(r["DashboardBody"])
		shown := strings.Count(body, `[\"AWS/`) + strings.Count(body, `[\"`+topology.Namespace+`\"`)
		if shown < 40 || shown > 50 {
			t.Errorf("the dashboard shows %d metrics, want at most 50", shown)
		}
		for _, name := range []string{topology.MetricDegraded, topology.MetricClosed, topology.MetricDead, topology.MetricCrisis} {
			if !strings.Contains(body, name) {
				t.Errorf("the dashboard lacks %s", name)
			}
		}
	}
	want(t, "dashboards where none is wanted", len(synth(t, map[string]any{"dashboard": "false"}).all("AWS::CloudWatch::Dashboard")), 0)
	want(t, "alarms without sums", len(synth(t, map[string]any{"sums": "false"}).all("AWS::CloudWatch::Alarm")), 8)
}

// TestChoices looks at what the context changes.
func TestChoices(t *testing.T) {
	p := synth(t, map[string]any{"stack": "nordlicht-eu", "region": "eu-west-1", "key": "new", "boundary": "arn:aws:iam::123456789012:policy/limit", "qualifier": "nord",
		"arch": "x86_64", "secrets": "secretsmanager", "stage": "test", "saml": "https://login.example/metadata", "receivers": 0, "logs": 90, "budget": 20,
		"email": "ops@nordlicht.example", "cost-center": "4711"})
	for id, r := range p.all("AWS::IAM::Role") {
		want(t, id+" boundary", r["PermissionsBoundary"], "arn:aws:iam::123456789012:policy/limit")
	}
	for id, r := range p.all("AWS::SQS::Queue") {
		if r["KmsMasterKeyId"] == nil || !strings.HasPrefix(r["QueueName"].(string), "nordlicht-eu-") {
			t.Errorf("%s: key %v, name %v", id, r["KmsMasterKeyId"], r["QueueName"])
		}
	}
	for _, r := range p.all("AWS::KMS::Key") {
		want(t, "rotation", r["EnableKeyRotation"], true)
		want(t, "key stays", at(r[""], "DeletionPolicy"), "Retain")
	}
	receive := p.one("AWS::Lambda::Function", "FunctionName", "nordlicht-eu-receive")
	want(t, "reserved", receive["ReservedConcurrentExecutions"], nil)
	want(t, "architecture", receive["Architectures"], []string{"x86_64"})
	want(t, "stage", at(receive, "Environment", "Variables", topology.EnvStage), "test")
	if roles := text(p.all("AWS::IAM::Role")); !strings.Contains(roles, "secretsmanager:GetSecretValue") || strings.Contains(roles, `"ssm:PutParameter"`) {
		t.Error("the roles read secrets from the wrong place")
	}
	want(t, "providers", len(p.all("AWS::Cognito::UserPoolIdentityProvider")), 1)
	want(t, "budgets", len(p.all("AWS::Budgets::Budget")), 1)
	if !strings.Contains(text(p.all("AWS::DynamoDB::GlobalTable")), `{"Key":"cost-center","Value":"4711"}`) {
		t.Error("the table lacks the tag cost-center")
	}
	if text := text(p.root); strings.Contains(text, "eu-central-1") || !strings.Contains(text, "/cdk-bootstrap/nord/version") {
		t.Error("the template names another region or another bootstrap")
	}
	kept := synth(t, map[string]any{"table": "restored", "bucket": "left-behind"})
	want(t, "tables beside a restored one", len(kept.all("AWS::DynamoDB::GlobalTable")), 0)
	want(t, "archives beside one that was left", len(kept.all("AWS::S3::Bucket")), 0)
	want(t, "table", at(kept.one("AWS::Lambda::Function", "FunctionName", "rapport-tick"), "Environment", "Variables", topology.EnvTable), "restored")
	gone := synth(t, map[string]any{"disposable": "true", "console": "false"})
	for _, r := range gone.all("AWS::DynamoDB::GlobalTable") {
		want(t, "disposable table", at(r[""], "DeletionPolicy"), "Delete")
	}
	want(t, "users without console", len(gone.all("AWS::Cognito::UserPool")), 0)
}

func TestWrongChoices(t *testing.T) {
	for name, context := range map[string]map[string]any{
		"stack=\"Big Name\"":     {"stack": "Big Name"},
		"region=\"here\"":        {"region": "here"},
		"hooks=\"tunnel\"":       {"hooks": "tunnel"},
		"receivers=\"many\"":     {"receivers": "many"},
		"domain=\"a.example\"":   {"domain": "a.example"},
		"key=\"mine\"":           {"key": "mine"},
		"logs=\"8\"":             {"logs": 8},
		"budget=\"5\"":           {"budget": 5},
		"run `make functions`":   {"build": "/nowhere"},
		"console=\"perhaps\"":    {"console": "perhaps"},
		"boundary=\"everybody\"": {"boundary": "everybody"},
	} {
		_, _, err := made(t, context)
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v: %v", context, err)
		}
	}
}

// TestRights reads every role: nothing but what topology says, no action with a wildcard, resources with one only where
// accounts come and go.
func TestRights(t *testing.T) {
	p := synth(t, nil)
	wild := regexp.MustCompile(`^(\["",\["arn:",.*":(ssm|secretsmanager):eu-central-1:",.*":(parameter|secret)/rapport/\*"\]\]|\["",\[\{"Fn::GetAtt":\["Archive[0-9A-F]+","Arn"\]\},"/\*"\]\])$`)
	for id, r := range p.all("AWS::IAM::Role") {
		for _, s := range statements(r) {
			actions, resources := list(s["Action"]), list(s["Resource"])
			for _, a := range actions {
				if strings.Contains(a.(string), "*") {
					t.Errorf("%s may do %v", id, a)
				}
				if a == "dynamodb:Scan" || a == "dynamodb:DeleteTable" || a == "iam:PassRole" {
					t.Errorf("%s may %v", id, a)
				}
			}
			for _, resource := range resources {
				inner := text(at(resource, "Fn::Join"))
				if strings.Contains(text(resource), "*") && !wild.MatchString(inner) {
					t.Errorf("%s may %v on %s", id, actions, text(resource))
				}
			}
		}
	}
	for _, f := range topology.Functions() {
		fn := p.one("AWS::Lambda::Function", "FunctionName", "rapport-"+f.Name)
		role := p.all("AWS::IAM::Role")[at(fn, "Role", "Fn::GetAtt").([]any)[0].(string)]
		all := text(statements(role))
		for action, allowed := range map[string]bool{
			"dynamodb:PutItem": f.Table == topology.Works || f.Table == topology.Adds, "dynamodb:Query": f.Table == topology.Works || f.Table == topology.Reads,
			"s3:PutObject": f.Archive == topology.Works || f.Archive == topology.Adds, "s3:DeleteObject": f.Archive == topology.Works,
			"ssm:GetParameter": f.Secrets == topology.Reads || f.Secrets == topology.Works, "ssm:PutParameter": f.Secrets == topology.Works || f.Secrets == topology.Adds,
			"sqs:SendMessage": len(f.Sends)+len(f.Lanes) > 0,
		} {
			if strings.Contains(all, `"`+action+`"`) != allowed {
				t.Errorf("%s: %s allowed is %v, want %v", f.Name, action, !allowed, allowed)
			}
		}
		for _, q := range topology.Queues() {
			sends := false
			for _, s := range statements(role) {
				if slices.Contains(list(s["Action"]), any("sqs:SendMessage")) {
					sends = sends || strings.Contains(text(s["Resource"]), `"`+*id(q.Name, "queue"))
				}
			}
			want(t, f.Name+" sends to "+q.Name, sends, slices.Contains(f.Sends, q.Name))
		}
	}
}

func statements(role object) (all []object) {
	for _, policy := range list(role["Policies"]) {
		for _, s := range list(at(policy, "PolicyDocument", "Statement")) {
			all = append(all, s.(object))
		}
	}
	return all
}

func list(v any) []any {
	if l, ok := v.([]any); ok {
		return l
	}
	if v == nil {
		return nil
	}
	return []any{v}
}

// TestNag wants no finding of cdk-nag without a reason, under every door, key and kind of secrets.
func TestNag(t *testing.T) {
	for name, context := range map[string]map[string]any{
		"as it comes": nil,
		"all of it": {"hooks": "httpapi", "domain": "hooks.nordlicht.example", "certificate": "arn:aws:acm:eu-central-1:123456789012:certificate/1", "key": "new",
			"secrets": "secretsmanager", "saml": "https://login.example/metadata", "email": "ops@nordlicht.example", "budget": 20},
	} {
		app, s, err := made(t, context)
		if err != nil {
			t.Fatal(err)
		}
		for _, finding := range nag(app, s) {
			t.Errorf("%s: %s", name, finding)
		}
	}
	app, s, err := made(t, nil) // it must be able to find something
	if err != nil {
		t.Fatal(err)
	}
	awss3.NewBucket(s.Stack, jsii.String("Open"), nil)
	if len(nag(app, s)) == 0 {
		t.Error("a bucket without protection is not found")
	}
}

func nag(app awscdk.App, s *Stack) (findings []string) {
	awscdk.Aspects_Of(app).Add(cdknag.NewAwsSolutionsChecks(nil), nil)
	said := assertions.Annotations_FromStack(s.Stack)
	finding := assertions.Match_StringLikeRegexp(jsii.String("AwsSolutions-.*"))
	for _, m := range *said.FindError(jsii.String("*"), finding) {
		findings = append(findings, text(m))
	}
	for _, m := range *said.FindWarning(jsii.String("*"), finding) {
		findings = append(findings, text(m))
	}
	return findings
}

// TestSnapshot shows in a review what a change of the app changes in the template.
func TestSnapshot(t *testing.T) {
	p := synth(t, nil)
	got, err := json.MarshalIndent(p.root, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(regexp.MustCompile(`[0-9a-f]{64}\.zip`).ReplaceAll(got, []byte("<asset>.zip")), '\n')
	path := filepath.Join("testdata", "template.json")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(kept) != string(got) {
		a, b := strings.Split(string(kept), "\n"), strings.Split(string(got), "\n")
		for i := range min(len(a), len(b)) {
			if a[i] != b[i] {
				t.Fatalf("the template changed from line %d on: %q became %q; look at it, then go test ./infra -run TestSnapshot -update", i+1, a[i], b[i])
			}
		}
		t.Fatal("the template changed; look at it, then go test ./infra -run TestSnapshot -update")
	}
}
