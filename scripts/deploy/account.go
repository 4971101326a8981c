package main

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"rapport/shared/awsapi"
)

// account makes the few calls that are needed.
type account struct {
	region      string
	credentials aws.CredentialsProvider
}

func (a account) do(ctx context.Context, service string, call awsapi.Call) ([]byte, error) {
	region, endpoint := a.region, os.Getenv("AWS_ENDPOINT_URL")
	if service == "iam" { // one for all regions
		region = "us-east-1"
		if endpoint == "" {
			endpoint = "https://iam.amazonaws.com"
		}
	}
	c, err := awsapi.New(awsapi.Options{Service: service, Region: region, Endpoint: endpoint, Credentials: a.credentials, HTTP: &http.Client{Timeout: time.Minute}})
	if err != nil {
		return nil, err
	}
	answer, err := c.Do(ctx, call)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", service, call.Operation, err)
	}
	return answer.Body, nil
}

// query calls a service that takes forms and answers XML.
func (a account) query(ctx context.Context, service, version, action string, form url.Values, into any) error {
	if form == nil {
		form = url.Values{}
	}
	form.Set("Action", action)
	form.Set("Version", version)
	body, err := a.do(ctx, service, awsapi.Call{Operation: action, Method: http.MethodPost, Path: "/", Body: []byte(form.Encode()),
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}})
	if err != nil || into == nil {
		return err
	}
	return xml.Unmarshal(body, into)
}

// target calls a service that takes JSON under a target's name.
func (a account) target(ctx context.Context, service, target, version string, in any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	_, err = a.do(ctx, service, awsapi.Call{Operation: target, Method: http.MethodPost, Path: "/", Body: body,
		Header: http.Header{"Content-Type": {"application/x-amz-json-" + version}, "X-Amz-Target": {target}}})
	return err
}

// missing tells whether an error says that something is not there.
func missing(err error) bool {
	var e *awsapi.Error
	return errors.As(err, &e) && (e.Status == http.StatusNotFound || strings.Contains(e.Code, "NotFound") || e.Code == "ValidationError" || e.Code == "NoSuchBucket")
}

// stack is what CloudFormation says of one.
type stack struct {
	Status  string `xml:"StackStatus"`
	Outputs []struct {
		Key   string `xml:"OutputKey"`
		Value string `xml:"OutputValue"`
		Does  string `xml:"Description"`
	} `xml:"Outputs>member"`
}

func (s *stack) output(name string) string {
	for _, o := range s.Outputs {
		if o.Key == name {
			return o.Value
		}
	}
	return ""
}

// describe gives a stack, nil where there is none.
func (a account) describe(ctx context.Context, name string) (*stack, error) {
	var answer struct {
		Stacks []stack `xml:"DescribeStacksResult>Stacks>member"`
	}
	err := a.query(ctx, "cloudformation", "2010-05-15", "DescribeStacks", url.Values{"StackName": {name}}, &answer)
	if missing(err) || err == nil && len(answer.Stacks) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &answer.Stacks[0], nil
}

// findings is what was found before anything was touched.
type findings struct {
	account      string
	bootstrapped bool
	notes, stops []string
}

// preflight looks at identity, bootstrap, quotas and guardrails.
func preflight(ctx context.Context, a account, o options) (f findings, err error) {
	var me struct {
		Account string `xml:"GetCallerIdentityResult>Account"`
		ARN     string `xml:"GetCallerIdentityResult>Arn"`
	}
	if err := a.query(ctx, "sts", "2011-06-15", "GetCallerIdentity", nil, &me); err != nil {
		return f, fmt.Errorf("no credentials that AWS takes: run `aws configure` or log in: %w", err)
	}
	f.account = me.Account
	f.notes = append(f.notes, fmt.Sprintf("account     %s, as %s", me.Account, me.ARN), fmt.Sprintf("region      %s", a.region))
	toolkit := "CDKToolkit"
	s, err := a.describe(ctx, toolkit)
	if err != nil {
		return f, err
	}
	f.bootstrapped = s != nil || choice(o.rest, "qualifier", "") != "" // a qualifier is that of a bootstrap somebody made
	if !f.bootstrapped {
		f.notes = append(f.notes, "bootstrap   missing: the CDK's bucket and roles will be made (stack CDKToolkit)")
	}
	f.quota(ctx, a, o)
	f.guardrails(ctx, a, o, me.ARN)
	return f, nil
}

// quota wants enough concurrency for what is reserved: AWS keeps 100 unreserved.
func (f *findings) quota(ctx context.Context, a account, o options) {
	body, err := a.do(ctx, "lambda", awsapi.Call{Operation: "GetAccountSettings", Method: http.MethodGet, Path: "/2016-08-19/account-settings"})
	var settings struct {
		AccountLimit struct {
			ConcurrentExecutions           int
			UnreservedConcurrentExecutions int
		}
	}
	if err == nil {
		err = json.Unmarshal(body, &settings)
	}
	if err != nil {
		f.notes = append(f.notes, fmt.Sprintf("quota       cannot be read: %v", err))
		return
	}
	limit := settings.AccountLimit
	f.notes = append(f.notes, fmt.Sprintf("quota       %d functions may run at once, %d of them unreserved", limit.ConcurrentExecutions, limit.UnreservedConcurrentExecutions))
	if limit.ConcurrentExecutions < small && choice(o.rest, "bounded", "false") != "true" {
		f.notes = append(f.notes, "            that is few: --context bounded=true keeps one lane from taking all of them (docs/aws.md)")
	}
	receivers, err := strconv.Atoi(choice(o.rest, "receivers", "50"))
	if err != nil {
		return // the CDK app says it better
	}
	if s, err := a.describe(ctx, o.stack); err == nil && s != nil {
		return // its own reservation is among what is reserved
	}
	if receivers > 0 && limit.UnreservedConcurrentExecutions-receivers-min(receivers, 10) < 100 {
		f.stops = append(f.stops, fmt.Sprintf("reserving %d for receive leaves less than the 100 that AWS keeps: have the quota raised, or deploy with --context receivers=0", receivers))
	}
}

// guardrails asks whether the organisation lets the caller do what is needed. Who may not ask is told so.
func (f *findings) guardrails(ctx context.Context, a account, o options, arn string) {
	actions := []string{"cloudformation:CreateChangeSet", "sts:AssumeRole", "s3:CreateBucket", "dynamodb:CreateTable", "sqs:CreateQueue", "iam:CreateRole", "lambda:CreateFunction"}
	if choice(o.rest, "hooks", "url") == "url" {
		actions = append(actions, "lambda:CreateFunctionUrlConfig", "lambda:AddPermission")
	}
	form := url.Values{"PolicySourceArn": {role(arn)}}
	for i, action := range actions {
		form.Set("ActionNames.member."+strconv.Itoa(i+1), action)
	}
	var answer struct {
		Results []struct {
			Action       string `xml:"EvalActionName"`
			Decision     string `xml:"EvalDecision"`
			Organization string `xml:"OrganizationsDecisionDetail>AllowedByOrganizations"`
		} `xml:"SimulatePrincipalPolicyResult>EvaluationResults>member"`
	}
	if err := a.query(ctx, "iam", "2010-05-08", "SimulatePrincipalPolicy", form, &answer); err != nil {
		f.notes = append(f.notes, "guardrails  cannot be asked for with these rights; the deployment itself will tell")
		return
	}
	refused := 0
	for _, r := range answer.Results {
		if r.Organization != "false" {
			continue
		}
		refused++
		hint := ""
		if strings.HasPrefix(r.Action, "lambda:") && strings.Contains(r.Action, "Url") {
			hint = ": deploy with --context hooks=httpapi"
		}
		f.stops = append(f.stops, "the organisation refuses "+r.Action+hint)
	}
	if refused == 0 {
		f.notes = append(f.notes, "guardrails  none of the organisation stands against it")
	}
}

// small is a quota of functions at once below which lanes get in each other's way.
const small = 200

// reached calls the hooks' address as a vendor would. Some guardrails (resource control policies, proxies) show themselves in
// no simulation, only there.
func (a account) reached(ctx context.Context, o options) error {
	s, err := a.describe(ctx, o.stack)
	if err != nil || s == nil || s.output("HooksUrl") == "" {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.output("HooksUrl")+"/healthz", nil)
	if err != nil {
		return err
	}
	resp, err := (&http.Client{Timeout: 20 * time.Second}).Do(req)
	if err != nil {
		fmt.Fprintf(o.out, "The hooks' address could not be called from this machine (%v); call it from elsewhere before vendors are told of it.\n", err)
		return nil
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusForbidden {
		return fmt.Errorf("the hooks' address answers 403: something in the organisation refuses public Function URLs. Deploy with --context hooks=httpapi")
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the hooks' address answers %d: look at the log of %s-receive", resp.StatusCode, o.stack)
	}
	fmt.Fprintln(o.out, "The hooks' address answers.")
	return nil
}

// role gives the ARN of the role behind a session.
func role(arn string) string {
	head, rest, ok := strings.Cut(arn, ":assumed-role/")
	if !ok {
		return arn
	}
	name, _, _ := strings.Cut(rest, "/")
	return strings.Replace(head, ":sts:", ":iam:", 1) + ":role/" + name
}
