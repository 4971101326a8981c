package main

import (
	"os"
	"strings"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"

	"rapport/shared/topology"
)

// Stack is one Rapport. Several stand side by side under different names.
type Stack struct {
	Stack     awscdk.Stack
	Settings  Settings
	key       awskms.IKey // nil: AWS's own
	store     storage
	lanes     map[string]lane
	stray     lane // where the schedules' undelivered calls end
	functions map[string]awslambda.Function
	api       awsapigatewayv2.HttpApi // of the hooks; nil where they come by Function URL
	alarms    awssns.Topic
}

// NewStack makes it.
func NewStack(app constructs.Construct, settings Settings) *Stack {
	props := &awscdk.StackProps{
		StackName:   jsii.String(settings.Stack),
		Description: jsii.String("Rapport: what people say on social networks goes into the CRM, and the CRM's answers go back"),
		Env:         &awscdk.Environment{Account: account(), Region: jsii.String(settings.Region)},
	}
	if settings.Qualifier != "" {
		props.Synthesizer = awscdk.NewDefaultStackSynthesizer(&awscdk.DefaultStackSynthesizerProps{Qualifier: jsii.String(settings.Qualifier)})
	}
	s := &Stack{Stack: awscdk.NewStack(app, jsii.String(settings.Stack), props), Settings: settings,
		lanes: map[string]lane{}, functions: map[string]awslambda.Function{}}
	if settings.Boundary != "" {
		boundary := awsiam.ManagedPolicy_FromManagedPolicyArn(s.Stack, jsii.String("Boundary"), jsii.String(settings.Boundary))
		awsiam.PermissionsBoundary_Of(s.Stack).Apply(boundary)
	}
	// The CDK lets every function depend on its role, which it references anyway.
	s.Stack.TemplateOptions().SetMetadata(&map[string]any{"cfn-lint": map[string]any{"config": map[string]any{"ignore_checks": []string{"W3005"}}}})
	s.tag()
	s.keys()
	s.storage()
	for _, q := range topology.Queues() {
		s.lanes[q.Name] = s.queue(q)
	}
	s.stray = s.strays()
	for _, f := range topology.Functions() {
		if f.Name != "console" || settings.Console {
			s.function(f)
		}
	}
	s.schedules()
	s.doors()
	s.watch()
	s.out("Region", "region of the stack", jsii.String(settings.Region))
	s.out("Environment", "what the command line needs to know of the stack", s.Stack.ToJsonString(s.environment(), nil))
	s.out("Prefix", "what names of functions and queues begin with", jsii.String(settings.Prefix()))
	return s
}

// account is the caller's, where the CDK's command line knows it; a template made without one fits every account.
func account() *string {
	if a := os.Getenv("CDK_DEFAULT_ACCOUNT"); a != "" {
		return jsii.String(a)
	}
	return nil
}

func (s *Stack) tag() {
	tags := awscdk.Tags_Of(s.Stack)
	tags.Add(jsii.String("application"), jsii.String("rapport"), nil)
	tags.Add(jsii.String("stack"), jsii.String(s.Settings.Stack), nil)
	if s.Settings.Cost != "" {
		tags.Add(jsii.String("cost-center"), jsii.String(s.Settings.Cost), nil)
	}
}

// name puts the stack's prefix before a name.
func (s *Stack) name(of string) *string { return jsii.String(s.Settings.Prefix() + of) }

// out names something an operator needs.
func (s *Stack) out(name, does string, value *string) {
	awscdk.NewCfnOutput(s.Stack, jsii.String(name), &awscdk.CfnOutputProps{Value: value, Description: jsii.String(does)})
}

// keep says what happens with something that holds data when the stack goes: it stays, unless everything is disposable.
func (s *Stack) keep() awscdk.RemovalPolicy {
	if s.Settings.Disposal {
		return awscdk.RemovalPolicy_DESTROY
	}
	return awscdk.RemovalPolicy_RETAIN
}

// id makes the id of a construct of a name with dashes: mentions-live becomes MentionsLive.
func id(parts ...string) *string {
	var b strings.Builder
	for _, word := range strings.Split(strings.Join(parts, "-"), "-") {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return jsii.String(b.String())
}
