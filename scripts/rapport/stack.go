package main

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"rapport/shared/app"
	"rapport/shared/awsapi"
	"rapport/shared/cloud"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/id"
	"rapport/shared/localrun"
	"rapport/shared/pipeline"
	"rapport/shared/rest"
	"rapport/shared/secret"
	"rapport/shared/telemetry"
)

// attach opens the deployed stack that --stack names, with the caller's own credentials. Where the data lie, and under which
// names, stands in the stack's outputs.
func (f *flags) attach(ctx context.Context, readOnly bool, do func(*localrun.Home) error) error {
	loaded, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return fault.New(fault.Invalid, "the configuration of AWS on this machine: %w", err)
	}
	if loaded.Region == "" {
		return fault.New(fault.Invalid, "no region: set AWS_REGION, or name one by `aws configure`")
	}
	outputs, err := f.outputs(ctx, loaded)
	if err != nil {
		return err
	}
	settings, err := settingsOf(outputs, loaded.Region)
	if err != nil {
		return err
	}
	settings.Private = settings.Private || f.private
	drivers, err := cloud.Open(cloud.Options{Settings: settings, Credentials: loaded.Credentials})
	if err != nil {
		return err
	}
	o := f.options()
	o.Data, o.First, o.ReadOnly, o.Env, o.Secrets = "", "", readOnly, settings.Stage, bothSecrets{drivers.Secrets, o.Secrets}
	if f.env != "" {
		o.Env = f.env
	}
	base := settings.Base
	if base == "" {
		base = outputs["HooksUrl"]
	}
	home, err := localrun.Attach(ctx, o, app.Options{Store: drivers.Store, Queue: drivers.Queue, Archive: drivers.Archive, Secrets: o.Secrets, Env: o.Env, Scheme: "aws:",
		Ports: pipeline.Ports{Now: time.Now, NewID: id.New, Log: telemetry.New(os.Stderr, f.level()), HTTP: rest.Guard(rest.GuardOptions{Private: settings.Private}),
			Base: base, Private: settings.Private}}, drivers.Queue)
	if err != nil {
		return err
	}
	return errors.Join(do(home), home.Stop(ctx))
}

// bothSecrets reads aws:NAME in the stack and everything else on this machine. It writes into the stack alone.
type bothSecrets struct {
	stack interface {
		secret.Source
		secret.Writer
	}
	here secret.Source
}

func (s bothSecrets) source(ref string) secret.Source {
	if strings.HasPrefix(ref, "aws:") {
		return s.stack
	}
	return s.here
}

func (s bothSecrets) Get(ctx context.Context, ref string) (flow.Secret, error) {
	return s.source(ref).Get(ctx, ref)
}

func (s bothSecrets) Forget(ref string) { s.source(ref).Forget(ref) }

// Set keeps what a log-in brought under the stack's path, whatever the reference is called.
func (s bothSecrets) Set(ctx context.Context, ref string, value flow.Secret) error {
	if name, ok := strings.CutPrefix(ref, "env:"); ok {
		return fault.New(fault.Invalid, "the configuration names env:%s, which functions do not have: name aws:%s there", name, strings.ToLower(name))
	}
	return s.stack.Set(ctx, ref, value)
}

// settingsOf reads what a stack says of itself.
func settingsOf(outputs map[string]string, region string) (cloud.Settings, error) {
	env := map[string]string{}
	if err := json.Unmarshal([]byte(outputs["Environment"]), &env); err != nil {
		return cloud.Settings{}, fault.New(fault.Invalid, "the stack has no readable output Environment: deploy it anew with this version: %w", err)
	}
	return cloud.Read(func(name string) string {
		if name == "AWS_REGION" {
			return region
		}
		if value, ok := env[name]; ok {
			return value
		}
		return os.Getenv(name)
	})
}

// described is the answer of CloudFormation:
// https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html
type described struct {
	Stacks []struct {
		Status  string `xml:"StackStatus"`
		Outputs []struct {
			Key   string `xml:"OutputKey"`
			Value string `xml:"OutputValue"`
		} `xml:"Outputs>member"`
	} `xml:"DescribeStacksResult>Stacks>member"`
}

// outputs asks what the stack says of itself.
func (f *flags) outputs(ctx context.Context, c aws.Config) (map[string]string, error) {
	endpoint := os.Getenv("AWS_ENDPOINT_URL_CLOUDFORMATION")
	if endpoint == "" {
		endpoint = os.Getenv("AWS_ENDPOINT_URL")
	}
	client, err := awsapi.New(awsapi.Options{Service: "cloudformation", Region: c.Region, Endpoint: endpoint, Credentials: c.Credentials,
		HTTP: &http.Client{Timeout: 30 * time.Second}})
	if err != nil {
		return nil, err
	}
	form := url.Values{"Action": {"DescribeStacks"}, "Version": {"2010-05-15"}, "StackName": {f.stack}}
	answer, err := client.Do(ctx, awsapi.Call{Operation: "DescribeStacks", Method: http.MethodPost, Path: "/", Body: []byte(form.Encode()),
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}})
	if err != nil {
		return nil, fault.New(fault.NotFound, "the stack %s in %s cannot be read: %w", f.stack, c.Region, err)
	}
	var d described
	if err := xml.Unmarshal(answer.Body, &d); err != nil || len(d.Stacks) == 0 {
		return nil, fault.New(fault.NotFound, "there is no stack %s in %s", f.stack, c.Region)
	}
	found := map[string]string{}
	for _, o := range d.Stacks[0].Outputs {
		found[o.Key] = o.Value
	}
	return found, nil
}
