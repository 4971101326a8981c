// Package e2e deploys the real template on an emulator of AWS and lets the real binaries work there, between fake networks
// and CRMs, over real HTTP. `make e2e` runs it; it wants Python and Node, see scripts/e2e.sh.
package e2e

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"rapport/scripts/lambdahost/host"
	"rapport/shared/awsapi"
	"rapport/shared/cloud"
	"rapport/shared/emulator"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/topology"
	hooktwin "rapport/shared/twin/hook"
	hubspottwin "rapport/shared/twin/hubspot"
	mastodontwin "rapport/shared/twin/mastodon"
	sinktwin "rapport/shared/twin/sink"
)

const (
	stackName = "rapport"
	region    = "eu-central-1"
	patience  = 2 * time.Minute // how long any one thing may take on a busy machine
	services  = "dynamodb,sqs,lambda,cloudformation,s3,iam,sts,ssm,logs,events,scheduler,apigateway,secretsmanager,monitoring,sns,kms,cognito-idp,ecr"
)

// stage is a deployed stack with everything around it.
type stage struct {
	t        *testing.T
	root     string // of the module
	work     string // what this run makes
	endpoint string
	host     *host.Host
	outputs  map[string]string
	drivers  cloud.Drivers
	db       *dynamodb.Client
	mq       *sqs.Client
	http     *http.Client // knows the way to the addresses of functions

	social   *mastodontwin.Server
	portal   *hubspottwin.Portal
	feedback *sinktwin.CRM
	tool     *hooktwin.Tool
	urls     map[string]string // of the fakes

	mu     sync.Mutex
	events map[string][][]byte // what each function was handed
	broken map[string]bool     // functions that fail whatever they are handed
}

// credentials that the emulator takes.
func credentials() aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: emulator.Key, SecretAccessKey: emulator.Key}, nil
	})
}

func newStage(t *testing.T) *stage {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	s := &stage{t: t, root: root, work: t.TempDir(), events: map[string][][]byte{}, broken: map[string]bool{}, urls: map[string]string{}}
	begin := time.Now()
	s.build()
	s.told("built", &begin)
	s.host = host.New(host.Options{Log: s.logFile()})
	t.Cleanup(s.units)
	t.Cleanup(s.host.Close)
	proxy := httptest.NewServer(http.HandlerFunc(s.proxy))
	t.Cleanup(proxy.Close)
	var env []string
	for _, f := range topology.Functions() { // documented by the emulator: a function's events go to this address
		env = append(env, "MINISTACK_LAMBDA_PROXY_"+topology.FunctionName(stackName+"-", f.Name)+"="+proxy.URL)
	}
	endpoint, stop, err := emulator.Launch(emulator.Options{Region: region, Services: services, Env: env})
	if err != nil {
		t.Fatal("the end-to-end test needs the emulator: ", err)
	}
	t.Cleanup(stop)
	s.endpoint = endpoint
	s.clients()
	s.cdk("bootstrap", "aws://000000000000/"+region)
	s.told("bootstrapped", &begin)
	s.deploy()
	s.told("deployed", &begin)
	s.twins()
	return s
}

func (s *stage) told(what string, begin *time.Time) {
	s.t.Logf("%s in %.1f s", what, time.Since(*begin).Seconds())
	*begin = time.Now()
}

// logFile keeps what functions print; it is shown where the test fails.
func (s *stage) logFile() io.Writer {
	file, err := os.Create(filepath.Join(s.work, "functions.log"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if s.t.Failed() {
			if text, err := os.ReadFile(file.Name()); err == nil {
				s.t.Logf("what the functions printed last:\n%s", text[max(0, len(text)-8000):])
			}
		}
		_ = file.Close()
	})
	return file
}

// units tells what the functions used of the services that are paid by use, as their middleware counted it.
func (s *stage) units() {
	text, err := os.ReadFile(filepath.Join(s.work, "functions.log"))
	if err != nil {
		s.t.Log("what was used is not known: ", err)
		return
	}
	used := map[string]map[string]float64{}
	for line := range strings.SplitSeq(string(text), "\n") {
		var one struct {
			Function string             `json:"function"`
			Units    map[string]float64 `json:"units"`
		}
		if json.Unmarshal([]byte(line), &one) != nil || one.Function == "" {
			continue
		}
		if used[one.Function] == nil {
			used[one.Function] = map[string]float64{}
		}
		used[one.Function]["invocations"]++
		for name, n := range one.Units {
			used[one.Function][name] += n
		}
	}
	for _, f := range slices.Sorted(maps.Keys(used)) {
		var all []string
		for _, name := range slices.Sorted(maps.Keys(used[f])) {
			all = append(all, fmt.Sprintf("%s %g", name, used[f][name]))
		}
		s.t.Logf("%s used %s", f, strings.Join(all, ", "))
	}
}

// build makes the binaries for this machine, in the way the release makes them, or takes those that scripts/e2e.sh made.
func (s *stage) build() {
	made := os.Getenv("RAPPORT_E2E_BUILT")
	if made == "" {
		made = filepath.Join(s.work, "made")
		c := exec.Command(filepath.Join(s.root, "scripts", "e2e.sh"), "build", made)
		c.Dir = s.root
		if out, err := c.CombinedOutput(); err != nil {
			s.t.Fatalf("build: %v\n%s", err, out)
		}
	}
	for _, name := range []string{"rapport", "deploy", "infra", "functions"} {
		if out, err := exec.Command("cp", "-r", filepath.Join(made, name), filepath.Join(s.work, name)).CombinedOutput(); err != nil {
			s.t.Fatalf("%v: %s", err, out)
		}
	}
}

// change makes other packages of the same programs, as a new version would be.
func (s *stage) change() {
	for _, f := range topology.Functions() {
		file, err := os.OpenFile(filepath.Join(s.work, "functions", f.Name, topology.Handler), os.O_APPEND|os.O_WRONLY, 0)
		if err == nil {
			_, err = file.WriteString("\n")
			err = errors.Join(err, file.Close())
		}
		if err != nil {
			s.t.Error(err)
		}
	}
}

// environ is what commands on the operator's machine see.
func (s *stage) environ() []string {
	return append(os.Environ(), "AWS_ENDPOINT_URL="+s.endpoint, "AWS_ACCESS_KEY_ID="+emulator.Key, "AWS_SECRET_ACCESS_KEY="+emulator.Key,
		"AWS_REGION="+region, "AWS_DEFAULT_REGION="+region, "AWS_EC2_METADATA_DISABLED=true", "CI=true", "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=1", "HOME="+s.work)
}

// cdk runs the CDK's command line on the real app.
func (s *stage) cdk(args ...string) {
	s.t.Helper()
	arch := "x86_64"
	if runtime.GOARCH == "arm64" {
		arch = "arm64"
	}
	// The one thing left out are the alarms over several metrics, which the emulator does not know.
	all := args
	if args[0] != "bootstrap" {
		all = append(args, "--app", filepath.Join(s.work, "infra"), "--output", filepath.Join(s.work, "cdk.out"), "--require-approval", "never",
			"--context", "build="+filepath.Join(s.work, "functions"), "--context", "arch="+arch, "--context", "private=true", "--context", "sums=false")
	}
	c := exec.Command(filepath.Join(s.root, "infra", "node_modules", ".bin", "cdk"), all...)
	c.Dir, c.Env = s.work, s.environ() // no cdk.json there: bootstrap needs no app
	if out, err := c.CombinedOutput(); err != nil {
		s.t.Fatalf("cdk %s: %v\n%s", args[0], err, out[max(0, len(out)-6000):])
	}
}

// deploy deploys the stack and takes the deployed binaries and environments into the host.
func (s *stage) deploy(context ...string) {
	file := filepath.Join(s.work, "outputs.json")
	args := []string{"deploy", "--outputs-file", file}
	for _, c := range context {
		args = append(args, "--context", c)
	}
	s.cdk(args...)
	text, err := os.ReadFile(file)
	if err != nil {
		s.t.Fatal(err)
	}
	var outputs map[string]map[string]string
	if err := json.Unmarshal(text, &outputs); err != nil {
		s.t.Fatal(err)
	}
	s.outputs = outputs[stackName]
	s.expiry()
	for _, f := range topology.Functions() {
		s.take(f)
	}
	env := map[string]string{}
	if err := json.Unmarshal([]byte(s.outputs["Environment"]), &env); err != nil {
		s.t.Fatal(err)
	}
	env["AWS_REGION"], env["AWS_ENDPOINT_URL"] = region, s.endpoint
	settings, err := cloud.Read(func(name string) string { return env[name] })
	if err != nil {
		s.t.Fatal(err)
	}
	if s.drivers, err = cloud.Open(cloud.Options{Settings: settings, Credentials: credentials()}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) clients() {
	s.db = dynamodb.New(dynamodb.Options{Region: region, Credentials: credentials(), BaseEndpoint: &s.endpoint})
	s.mq = sqs.New(sqs.Options{Region: region, Credentials: credentials(), BaseEndpoint: &s.endpoint})
	s.http = &http.Client{Timeout: 30 * time.Second, Transport: door{strings.TrimPrefix(s.endpoint, "http://")},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// door is the way to the addresses of functions, whose names nobody resolves here.
type door struct{ addr string }

// RoundTrip sends the call to the emulator under the host's own name.
func (d door) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Host = r.URL.Host
	r.URL.Scheme, r.URL.Host = "http", d.addr
	return http.DefaultTransport.RoundTrip(r)
}

// expiry does what the emulator's CloudFormation leaves out: the table's TTL. The template's own is asserted elsewhere.
func (s *stage) expiry() {
	name := s.outputs["TableName"]
	_, err := s.db.UpdateTimeToLive(s.t.Context(), &dynamodb.UpdateTimeToLiveInput{TableName: &name,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{AttributeName: aws.String("x"), Enabled: aws.Bool(true)}})
	if err != nil && !strings.Contains(err.Error(), "already enabled") {
		s.t.Fatal(err)
	}
}

func (s *stage) api(service string) *awsapi.Client {
	c, err := awsapi.New(awsapi.Options{Service: service, Region: region, Endpoint: s.endpoint, Credentials: credentials(), HTTP: http.DefaultClient})
	if err != nil {
		s.t.Fatal(err)
	}
	return c
}

// deployed is what Lambda says of a function.
type deployed struct {
	Configuration struct {
		FunctionArn string
		MemorySize  int
		Environment struct{ Variables map[string]string }
	}
	Code struct{ Location string }
}

// take downloads what was deployed as a function and gives it to the host.
func (s *stage) take(f topology.Function) {
	name := topology.FunctionName(stackName+"-", f.Name)
	answer, err := s.api("lambda").Do(s.t.Context(), awsapi.Call{Operation: "GetFunction", Method: http.MethodGet, Path: "/2015-03-31/functions/" + name})
	if err != nil {
		s.t.Fatal(name, ": ", err)
	}
	var d deployed
	if err := json.Unmarshal(answer.Body, &d); err != nil {
		s.t.Fatal(err)
	}
	at, err := url.Parse(d.Code.Location)
	if err != nil {
		s.t.Fatal(err)
	}
	at.Host = strings.TrimPrefix(s.endpoint, "http://")
	resp, err := http.Get(at.String())
	if err != nil {
		s.t.Fatal(err)
	}
	packed, err := io.ReadAll(resp.Body)
	if cerr := resp.Body.Close(); err != nil || cerr != nil || resp.StatusCode != http.StatusOK {
		s.t.Fatalf("code of %s: %s %v %v", name, resp.Status, err, cerr)
	}
	env := []string{topology.EnvUnits + "=1", "AWS_ENDPOINT_URL=" + s.guarded(f), "AWS_REGION=" + region, "AWS_DEFAULT_REGION=" + region,
		"AWS_ACCESS_KEY_ID=" + emulator.Key, "AWS_SECRET_ACCESS_KEY=" + emulator.Key}
	for name, value := range d.Configuration.Environment.Variables {
		env = append(env, name+"="+value)
	}
	s.host.Set(host.Function{Name: name, ARN: d.Configuration.FunctionArn, Program: s.unpack(f.Name, packed), Env: env, Limit: f.Limit, Memory: d.Configuration.MemorySize})
}

func (s *stage) unpack(name string, packed []byte) string {
	s.t.Helper()
	dir, err := os.MkdirTemp(s.work, "code-"+name+"-")
	if err != nil {
		s.t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		s.t.Fatal(err)
	}
	in, err := z.Open(topology.Handler)
	if err != nil {
		s.t.Fatalf("the package of %s has no %s: %v", name, topology.Handler, err)
	}
	program := filepath.Join(dir, topology.Handler)
	out, err := os.OpenFile(program, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		s.t.Fatal(err)
	}
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Close(), in.Close()); err != nil {
		s.t.Fatal(err)
	}
	return program
}

// proxy takes down what a function is handed and gives it to the host.
func (s *stage) proxy(w http.ResponseWriter, r *http.Request) {
	event, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	name := strings.TrimPrefix(r.Header.Get("X-Amzn-Lambda-Function-Name"), stackName+"-")
	s.mu.Lock()
	s.events[name] = append(s.events[name], event)
	broken := s.broken[name]
	s.mu.Unlock()
	if broken {
		http.Error(w, `{"errorType":"Runtime.ExitError","errorMessage":"broken by the test"}`, http.StatusInternalServerError)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(event))
	s.host.ServeHTTP(w, r)
}

func (s *stage) breakDown(name string, broken bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken[name] = broken
}

// invoke wakes a function by hand and gives its answer.
func (s *stage) invoke(name string, event []byte) ([]byte, error) {
	return s.host.Invoke(s.t.Context(), topology.FunctionName(stackName+"-", name), event)
}

// rapport runs the operators' command line on the stack.
func (s *stage) rapport(args ...string) (string, error) {
	c := exec.Command(filepath.Join(s.work, "rapport"), append([]string{"--stack", stackName}, args...)...)
	c.Dir, c.Env = s.work, s.environ()
	var out, said bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	if err := c.Run(); err != nil {
		return out.String(), fmt.Errorf("rapport %s: %w\n%s%s", strings.Join(args, " "), err, out.String(), said.String())
	}
	return out.String(), nil
}

// must runs the command line and wants it to work.
func (s *stage) must(t *testing.T, args ...string) string {
	t.Helper()
	out, err := s.rapport(args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// secret puts a secret where the functions look for it.
func (s *stage) secret(t *testing.T, name, value string) {
	t.Helper()
	if err := s.drivers.Secrets.Set(t.Context(), "aws:"+name, flow.NewSecret(value)); err != nil {
		t.Fatal(err)
	}
}

// twins starts the fakes.
func (s *stage) twins() {
	mux := map[string]*http.ServeMux{}
	for _, name := range []string{"mastodon", "hubspot", "feedback"} {
		mux[name] = http.NewServeMux()
		server := httptest.NewServer(mux[name])
		s.t.Cleanup(server.Close)
		s.urls[name] = server.URL
	}
	s.social = mastodontwin.New(mastodontwin.Options{Self: s.urls["mastodon"], Brand: "nordlicht", Token: "mastodon-token-1"})
	s.portal = hubspottwin.New(hubspottwin.Options{Now: time.Now, Token: "hubspot-token-1", CustomObjects: true, Limit10s: -1, LimitSearch: -1, ClientSecret: "hubspot-client-secret",
		Hook: hubspottwin.Hook{Target: s.outputs["HooksUrl"] + "/hooks/portal", Properties: []string{"hs_pipeline_stage", "rapport_reply", "rapport_reply_state", "hubspot_owner_id"}}})
	s.feedback = sinktwin.New(sinktwin.Options{Token: "feedback-token"})
	mux["mastodon"].Handle("/", s.social)
	mux["hubspot"].Handle("/", s.portal)
	mux["feedback"].Handle("/", s.feedback)
	s.tool = hooktwin.New(hooktwin.Options{Target: s.outputs["HooksUrl"] + "/hooks/echolot", HTTP: s.http, Now: time.Now, Twice: 0.3,
		Hook: network.Hook{Name: "echolot", Kind: "hook", Settings: toolSettings(), Secrets: map[string]flow.Secret{"secret": flow.NewSecret(toolSecret)}}})
}

// wait looks often whether something is so.
func (s *stage) wait(t *testing.T, what string, so func() bool) {
	t.Helper()
	s.waitFor(t, patience, what, so)
}

func (s *stage) waitFor(t *testing.T, long time.Duration, what string, so func() bool) {
	t.Helper()
	timer := time.NewTicker(100 * time.Millisecond)
	defer timer.Stop()
	for deadline := time.Now().Add(long); !so(); <-timer.C {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s in vain until %s", long, what)
		}
	}
}
