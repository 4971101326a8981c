// Package cloud opens the drivers of the AWS home: the table, the queues, the archive and the secrets of one stack. The
// functions find them by their environment, operators by the stack's outputs.
//
// Only the standard variables of AWS say where the services are, AWS_ENDPOINT_URL among them. Opening calls nothing.
package cloud

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"rapport/shared/archive/s3"
	"rapport/shared/awsapi"
	"rapport/shared/fault"
	"rapport/shared/queue/sqs"
	secrets "rapport/shared/secret/aws"
	"rapport/shared/store/dynamo"
	"rapport/shared/topology"
)

// Settings is what the environment says of a stack.
type Settings struct {
	Table, Archive, Prefix, Queues string
	Secrets, SecretPath            string
	Base, Stage                    string
	Private                        bool
	Level                          slog.Level // lowest that is logged
	Region                         string
	Endpoint                       func(service string) string // "" = the public one
}

// Read reads the environment. Invalid: something is missing or not understood.
func Read(getenv func(string) string) (Settings, error) {
	s := Settings{Table: getenv(topology.EnvTable), Archive: getenv(topology.EnvArchive), Prefix: cmp.Or(getenv(topology.EnvPrefix), topology.Prefix),
		Queues: getenv(topology.EnvQueues), Secrets: cmp.Or(getenv(topology.EnvSecrets), "ssm"), SecretPath: getenv(topology.EnvSecretPath),
		Base: strings.TrimSuffix(getenv(topology.EnvBase), "/"), Stage: getenv(topology.EnvStage), Private: getenv(topology.EnvPrivate) == "1",
		Level: slog.LevelWarn, Region: cmp.Or(getenv("AWS_REGION"), getenv("AWS_DEFAULT_REGION"))}
	s.SecretPath = cmp.Or(s.SecretPath, topology.SecretPath(s.Prefix))
	s.Endpoint = func(service string) string {
		if getenv("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") == "true" {
			return ""
		}
		return cmp.Or(getenv("AWS_ENDPOINT_URL_"+strings.ToUpper(service)), getenv("AWS_ENDPOINT_URL"))
	}
	for name, value := range map[string]string{topology.EnvTable: s.Table, topology.EnvArchive: s.Archive, "AWS_REGION": s.Region} {
		if value == "" {
			return s, fault.New(fault.Invalid, "%s is not set", name)
		}
	}
	if s.Secrets != "ssm" && s.Secrets != "secretsmanager" {
		return s, fault.New(fault.Invalid, "%s is %q: it must be ssm or secretsmanager", topology.EnvSecrets, s.Secrets)
	}
	if level := getenv(topology.EnvLog); level != "" {
		if err := s.Level.UnmarshalText([]byte(level)); err != nil {
			return s, fault.New(fault.Invalid, "%s is %q: it must be debug, info, warn or error", topology.EnvLog, level)
		}
	}
	return s, nil
}

// Env is the credentials in the environment, as Lambda puts them there for a process's life.
func Env(getenv func(string) string) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		c := aws.Credentials{AccessKeyID: getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: getenv("AWS_SECRET_ACCESS_KEY"), SessionToken: getenv("AWS_SESSION_TOKEN")}
		if !c.HasKeys() {
			return c, fault.New(fault.Unauthorized, "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not set")
		}
		return c, nil
	})
}

// Options is what the drivers of a stack are made of.
type Options struct {
	Settings
	Credentials aws.CredentialsProvider
	Lanes       []string // that are used; nil = all. Others are as good as unknown, as they are to a function's role
	Units       *Units   // counts; nil = nothing is counted
}

// Drivers is a stack's state.
type Drivers struct {
	Store   *dynamo.Store
	Queue   *sqs.Queue
	Archive *s3.Archive
	Secrets *secrets.Source

	Parameters *secrets.Source // what is configured at run time and no secret, always in Parameter Store

	lambda *awsapi.Client
	prefix string
}

// Wake lets another function of the stack run once; nobody waits for it. An event is JSON.
func (d Drivers) Wake(ctx context.Context, function string, event []byte) error {
	_, err := d.lambda.Do(ctx, awsapi.Call{Operation: "Invoke", Method: http.MethodPost, Path: "/2015-03-31/functions/" + topology.FunctionName(d.prefix, function) + "/invocations",
		Header: http.Header{"X-Amz-Invocation-Type": {"Event"}, "Content-Type": {"application/json"}}, Body: event})
	if err != nil {
		return fault.New(fault.Transient, "function %s cannot be woken: %w", function, err)
	}
	return nil
}

// Open makes the drivers.
func Open(o Options) (Drivers, error) {
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 16, IdleConnTimeout: 50 * time.Second,
		TLSHandshakeTimeout: 5 * time.Second, ForceAttemptHTTP2: false, ResponseHeaderTimeout: 30 * time.Second}}
	call := func(service, json string) (*awsapi.Client, error) {
		c := awsapi.Options{Service: service, Region: o.Region, Endpoint: o.Endpoint(strings.ReplaceAll(service, "secretsmanager", "secrets_manager")),
			Credentials: o.Credentials, HTTP: client, JSON: json}
		if o.Units != nil {
			c.OnCall = o.Units.call
		}
		return awsapi.New(c)
	}
	d := Drivers{prefix: o.Prefix}
	db, err := call("dynamodb", "1.0")
	if err != nil {
		return d, fault.New(fault.Invalid, "%w", err)
	}
	table := dynamo.Options{Client: db, Table: o.Table}
	if o.Units != nil {
		table.Used = o.Units.used
	}
	d.Store = dynamo.New(table)
	mq, err := call("sqs", "1.0")
	if err != nil {
		return d, fault.New(fault.Invalid, "%w", err)
	}
	d.Queue = o.queues(mq)
	if d.lambda, err = call("lambda", ""); err != nil {
		return d, fault.New(fault.Invalid, "%w", err)
	}
	objects, err := call("s3", "")
	if err != nil {
		return d, fault.New(fault.Invalid, "%w", err)
	}
	host := ""
	if o.Endpoint("s3") == "" {
		host = o.Archive + "." + strings.TrimPrefix(awsapi.Endpoint("s3", o.Region), "https://")
	}
	if d.Archive, err = s3.New(s3.Options{Client: objects, Bucket: o.Archive, Host: host}); err != nil {
		return d, err
	}
	keeper, err := call(o.Settings.Secrets, "")
	if err != nil {
		return d, fault.New(fault.Invalid, "%w", err)
	}
	s := secrets.Options{Path: o.SecretPath, Calm: 10 * time.Second}
	if o.Settings.Secrets == "ssm" {
		s.Parameters = keeper
		d.Secrets, err = secrets.New(s)
		d.Parameters = d.Secrets
		return d, err
	}
	plain := s
	s.Manager = keeper
	if d.Secrets, err = secrets.New(s); err != nil {
		return d, err
	}
	if plain.Parameters, err = call("ssm", ""); err != nil {
		return d, fault.New(fault.Invalid, "%w", err)
	}
	d.Parameters, err = secrets.New(plain)
	return d, err
}

func (o Options) queues(client *awsapi.Client) *sqs.Queue {
	q := sqs.Options{Client: client, Prefix: o.Prefix, URLs: map[string]string{}, Wait: 20 * time.Second}
	for _, l := range topology.Queues() {
		if o.Lanes != nil && !slices.Contains(o.Lanes, l.Name) {
			continue
		}
		q.Queues = append(q.Queues, l)
		if o.Queues != "" {
			q.URLs[l.Name] = o.Queues + topology.QueueName(o.Prefix, l.Name)
		}
	}
	return sqs.New(q)
}
