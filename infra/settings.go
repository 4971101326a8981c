package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
)

// Settings is what a customer may choose, by CDK context: cdk.json, cdk.context.json or --context NAME=VALUE.
type Settings struct {
	Stack     string // name of the stack; names of functions, queues and secrets begin with it
	Region    string
	Qualifier string // of the CDK's bootstrap stack, "" = the CDK's own
	Boundary  string // ARN of the permissions boundary of every role, "" = none

	Hooks       string // "url": a Function URL; "httpapi": an HTTP API, with Domain and Certificate
	Domain      string // such as hooks.example.com, "" = the API's own address
	Certificate string // ARN of its certificate, in the same region
	Bounded     bool   // calls of every lane are bounded, not only where masses come: for small quotas
	Dashboard   bool   // one in CloudWatch
	Receivers   int    // reserved concurrency of receive, 0 = none

	Table     string // name of a table that is there already, restored or left by an earlier stack; "" = the stack makes one
	Bucket    string // likewise of the archive
	Key       string // "" = keys that AWS owns; "new" = one of the stack's own; or the ARN of one
	Secrets   string // "ssm" or "secretsmanager"
	Stage     string // environment whose overlay of the configuration holds
	Arch      string // "arm64" or "x86_64"
	Build     string // folder of the binaries, <function>/bootstrap
	Private   bool   // allow calls to private and loopback addresses
	LogDays   int    // how long logs are kept
	KeepDays  int    // how long the archive is kept at most
	Email     string // who is told of alarms, "" = nobody yet
	Budget    int    // USD a month above which Email is told, 0 = no budget
	Cost      string // value of the tag cost-center, "" = none
	Disposal  bool   // everything may be deleted with the stack: for trials and tests only
	Sums      bool   // alarms over several metrics at once; emulators know none
	Console   bool   // the console and its user pool
	SAML      string // address of the metadata of a SAML identity provider, "" = none
	OIDC      string // issuer of an OpenID Connect identity provider, "" = none
	OIDCID    string // our client id there
	OIDCName  string // of the secret, in Secrets Manager, with our client secret there
	Mail      string // attribute or claim of that provider with the e-mail address
	Groups    string // attribute or claim of that provider with the groups
	Issuer    string // issuer of a provider that people log in at instead of Cognito, "" = Cognito
	Client    string // our client id there
	ClientKey string // name of the secret with our client secret there, behind the stack's path; "" = a public client
	LoginName string // prefix of the log-in page's domain, unique in the region; "" = made of the stack's name and account
}

// context reads settings and collects what is wrong with them.
type context struct {
	node constructs.Node
	errs []string
}

func (c *context) text(name, fallback string) string {
	switch v := c.node.TryGetContext(jsii.String(name)).(type) {
	case nil:
		return fallback
	case string:
		return v
	default:
		return fmt.Sprint(v) // numbers and booleans of cdk.json
	}
}

func (c *context) number(name string, fallback, least, most int) int {
	text := c.text(name, strconv.Itoa(fallback))
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		c.wrong(name, "a number from %d to %d", least, most)
	}
	return n
}

func (c *context) yes(name string, fallback bool) bool {
	text := c.text(name, strconv.FormatBool(fallback))
	b, err := strconv.ParseBool(text)
	if err != nil {
		c.wrong(name, "true or false")
	}
	return b
}

func (c *context) choice(name, fallback string, among ...string) string {
	text := c.text(name, fallback)
	if !slices.Contains(among, text) {
		c.wrong(name, "one of %s", strings.Join(among, ", "))
	}
	return text
}

func (c *context) match(name, fallback, pattern, say string) string {
	text := c.text(name, fallback)
	if !regexp.MustCompile("^(" + pattern + ")$").MatchString(text) {
		c.wrong(name, "%s", say)
	}
	return text
}

func (c *context) wrong(name, format string, args ...any) {
	c.errs = append(c.errs, fmt.Sprintf("context %s=%q must be %s", name, c.text(name, ""), fmt.Sprintf(format, args...)))
}

// logDays are the retentions that CloudWatch Logs knows, as far as they make sense here.
var logDays = []string{"1", "3", "5", "7", "14", "30", "60", "90", "120", "150", "180", "365"}

// settings reads and checks the context. The error lists everything that is wrong.
func settings(node constructs.Node) (Settings, error) {
	c := &context{node: node}
	const arn = `|arn:aws[a-z-]*:`
	s := Settings{
		Stack:     c.match("stack", "rapport", `[a-z][a-z0-9-]{0,30}`, "a name of at most 31 small letters, digits and -"),
		Region:    c.match("region", "eu-central-1", `[a-z]{2}(-[a-z]+)+-\d`, "a region such as eu-central-1"),
		Qualifier: c.match("qualifier", "", `|[a-z0-9]{1,10}`, "at most 10 small letters and digits"),
		Boundary:  c.match("boundary", "", arn+`iam::(aws|\d{12}):policy/.+`, "the ARN of a policy"),
		Hooks:     c.choice("hooks", "url", "url", "httpapi"), Domain: c.match("domain", "", `|[a-z0-9-]+(\.[a-z0-9-]+)+`, "a host name"),
		Certificate: c.match("certificate", "", arn+`acm:.+`, "the ARN of a certificate"),
		Receivers:   c.number("receivers", 50, 0, 10000),
		Table:       c.match("table", "", `|[A-Za-z0-9_.-]{3,255}`, "the name of a table"), Bucket: c.match("bucket", "", `|[a-z0-9.-]{3,63}`, "the name of a bucket"),
		Key:     c.match("key", "", `|new|arn:aws[a-z-]*:kms:.+`, `empty, "new", or the ARN of a key`),
		Secrets: c.choice("secrets", "ssm", "ssm", "secretsmanager"), Stage: c.text("stage", ""),
		Arch: c.choice("arch", "arm64", "arm64", "x86_64"), Build: c.text("build", "build"), Private: c.yes("private", false),
		LogDays: c.number("logs", 30, 1, 365), KeepDays: c.number("archive", 400, 1, 3650),
		Email: c.match("email", "", `|[^@\s]+@[^@\s]+`, "an e-mail address"), Budget: c.number("budget", 0, 0, 1_000_000), Cost: c.text("cost-center", ""),
		Disposal: c.yes("disposable", false), Sums: c.yes("sums", true), Console: c.yes("console", true),
		Bounded: c.yes("bounded", false), Dashboard: c.yes("dashboard", true),
		SAML: c.match("saml", "", `|https://.+`, "an https address"), OIDC: c.match("oidc", "", `|https://.+`, "an https address"),
		Mail: c.text("email-attribute", "email"), Groups: c.text("groups-attribute", "groups"),
		Issuer: c.match("issuer", "", `|https://.+`, "an https address"), Client: c.text("client", ""), ClientKey: c.match("client-secret", "", `|[A-Za-z0-9._-]+`, "the name of a secret"),
		OIDCID: c.text("oidc-client", ""), OIDCName: c.text("oidc-secret", ""), LoginName: c.match("login", "", `|[a-z0-9-]{1,63}`, "small letters, digits and -"),
	}
	if !slices.Contains(logDays, strconv.Itoa(s.LogDays)) {
		c.wrong("logs", "one of %s", strings.Join(logDays, ", "))
	}
	if (s.Domain == "") != (s.Certificate == "") || s.Domain != "" && s.Hooks != "httpapi" {
		c.wrong("domain", "given together with certificate and hooks=httpapi")
	}
	if s.OIDC != "" && (s.OIDCID == "" || s.OIDCName == "") {
		c.wrong("oidc", "given together with oidc-client and oidc-secret")
	}
	if (s.Issuer == "") != (s.Client == "") || s.Issuer != "" && s.SAML+s.OIDC != "" {
		c.wrong("issuer", "given together with client, and without saml and oidc, which are behind Cognito")
	}
	if s.Budget > 0 && s.Email == "" {
		c.wrong("budget", "given together with email")
	}
	var err error
	if s.Build, err = filepath.Abs(s.Build); err != nil {
		c.errs = append(c.errs, err.Error())
	}
	if _, err := os.Stat(s.binaries("receive")); err != nil {
		c.errs = append(c.errs, fmt.Sprintf("there are no binaries in %s: run `make functions`", s.Build))
	}
	if len(c.errs) > 0 {
		return s, fmt.Errorf("%s", strings.Join(c.errs, "\n"))
	}
	return s, nil
}

// Prefix is what names begin with.
func (s Settings) Prefix() string { return s.Stack + "-" }

// binaries gives the folder of a function's binary.
func (s Settings) binaries(function string) string { return s.Build + "/" + function }
