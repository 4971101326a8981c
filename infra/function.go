package main

import (
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambdaeventsources"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsscheduler"
	"github.com/aws/jsii-runtime-go"

	"rapport/shared/topology"
)

// gather is how long a batch of more than ten may fill up; the service wants some.
const gather = time.Second

// function makes a function with its own role, log and triggers.
func (s *Stack) function(f topology.Function) {
	name := topology.FunctionName(s.Settings.Prefix(), f.Name)
	logs := awslogs.NewLogGroup(s.Stack, id(f.Name, "log"), &awslogs.LogGroupProps{LogGroupName: jsii.String("/aws/lambda/" + name),
		Retention: retention(s.Settings.LogDays), RemovalPolicy: awscdk.RemovalPolicy_DESTROY})
	role := awsiam.NewRole(s.Stack, id(f.Name, "role"), &awsiam.RoleProps{AssumedBy: awsiam.NewServicePrincipal(jsii.String("lambda.amazonaws.com"), nil),
		Description: jsii.String("of " + name + ", which " + f.Does), InlinePolicies: &map[string]awsiam.PolicyDocument{
			"work": awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: s.rights(f, logs)})}})
	if f.Archive != topology.None {
		s.explain(role, "AwsSolutions-IAM5", "Keys begin with account and day, and accounts come and go while the stack stays; the bucket holds nothing else.", `<Archive.*\.Arn>\/\*`)
	}
	if f.Secrets != topology.None {
		s.explain(role, "AwsSolutions-IAM5", "Accounts and their secrets come and go while the stack stays; the path is the stack's own.", `arn:.*(parameter|secret).*\/\*`)
	}
	props := &awslambda.FunctionProps{
		FunctionName: jsii.String(name), Description: jsii.String(f.Does), Role: role, LogGroup: logs,
		Runtime: awslambda.Runtime_PROVIDED_AL2023(), Handler: jsii.String(topology.Handler), Architecture: awslambda.Architecture_ARM_64(),
		Code: awslambda.Code_FromAsset(jsii.String(s.Settings.binaries(f.Name)), nil), MemorySize: jsii.Number(f.Memory), Timeout: seconds(f.Limit),
		Environment: s.environment(), RecursiveLoop: awslambda.RecursiveLoop_ALLOW, // parked work goes round on purpose
		LoggingFormat: awslambda.LoggingFormat_JSON, SystemLogLevelV2: awslambda.SystemLogLevel_WARN, ApplicationLogLevelV2: awslambda.ApplicationLogLevel_INFO,
	}
	if s.Settings.Arch == "x86_64" {
		props.Architecture = awslambda.Architecture_X86_64()
	}
	if f.HTTP && s.Settings.Receivers > 0 {
		props.ReservedConcurrentExecutions = jsii.Number(s.Settings.Receivers)
		if f.Name == "console" {
			props.ReservedConcurrentExecutions = jsii.Number(min(s.Settings.Receivers, 10))
		}
	}
	fn := awslambda.NewFunction(s.Stack, id(f.Name, "function"), props)
	for _, l := range f.Lanes {
		source := &awslambdaeventsources.SqsEventSourceProps{BatchSize: jsii.Number(f.Batch), ReportBatchItemFailures: jsii.Bool(true)}
		if q := s.lanes[l].of; q.Masses || s.Settings.Bounded { // a bound keeps Lambda from asking less often while nothing comes
			source.MaxConcurrency = jsii.Number(q.Workers)
		}
		if f.Batch > 10 {
			source.MaxBatchingWindow = seconds(gather)
		}
		fn.AddEventSource(awslambdaeventsources.NewSqsEventSource(s.lanes[l].queue, source))
	}
	s.functions[f.Name] = fn
}

// environment is the same for every function.
func (s *Stack) environment() *map[string]*string {
	first := s.lanes[topology.MentionsLive].queue
	queues := awscdk.Fn_Select(jsii.Number(0), awscdk.Fn_Split(s.name(topology.MentionsLive), first.QueueUrl(), nil)) // the address before a name
	e := map[string]*string{
		topology.EnvTable: s.store.table.TableName(), topology.EnvArchive: s.store.archive.BucketName(), topology.EnvPrefix: jsii.String(s.Settings.Prefix()),
		topology.EnvQueues: queues, topology.EnvSecrets: jsii.String(s.Settings.Secrets), topology.EnvSecretPath: jsii.String(topology.SecretPath(s.Settings.Prefix())),
	}
	for name, value := range map[string]string{topology.EnvStage: s.Settings.Stage, topology.EnvBase: s.base(), topology.EnvPrivate: one(s.Settings.Private)} {
		if value != "" {
			e[name] = jsii.String(value)
		}
	}
	return &e
}

// base is the address before /hooks/, where it is known before anything is deployed.
func (s *Stack) base() string {
	if s.Settings.Domain != "" {
		return "https://" + s.Settings.Domain
	}
	return ""
}

// rights is everything a function may do, made of what topology says it does.
func (s *Stack) rights(f topology.Function, logs awslogs.LogGroup) *[]awsiam.PolicyStatement {
	var list []awsiam.PolicyStatement
	allow := func(resources []*string, actions ...string) {
		if len(resources) > 0 && len(actions) > 0 {
			list = append(list, awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{Actions: jsii.Strings(actions...), Resources: &resources}))
		}
	}
	allow([]*string{logs.LogGroupArn()}, "logs:CreateLogStream", "logs:PutLogEvents") // this ARN stands for the streams of the group
	table := []string{"dynamodb:BatchGetItem", "dynamodb:Query"}
	switch f.Table {
	case topology.Works:
		allow([]*string{s.store.table.TableArn()}, append(table, "dynamodb:PutItem", "dynamodb:DeleteItem")...)
	case topology.Reads:
		allow([]*string{s.store.table.TableArn()}, table...)
	case topology.Adds:
		allow([]*string{s.store.table.TableArn()}, "dynamodb:PutItem")
	}
	objects := s.store.archive.ArnForObjects(jsii.String("*"))
	switch f.Archive {
	case topology.Works:
		allow([]*string{objects}, "s3:GetObject", "s3:PutObject", "s3:DeleteObject")
		allow([]*string{s.store.archive.BucketArn()}, "s3:ListBucket")
	case topology.Reads:
		allow([]*string{objects}, "s3:GetObject")
		allow([]*string{s.store.archive.BucketArn()}, "s3:ListBucket")
	case topology.Adds:
		allow([]*string{objects}, "s3:PutObject")
	}
	var sends []*string
	for _, l := range f.Sends {
		sends = append(sends, s.lanes[l].queue.QueueArn())
	}
	for _, l := range f.Lanes { // a message that is beyond help goes there with its reason
		sends = append(sends, s.lanes[l].dead.QueueArn())
	}
	allow(sends, "sqs:SendMessage", "sqs:GetQueueUrl")
	if f.Counts {
		var all []*string
		for _, q := range topology.Queues() {
			all = append(all, s.lanes[q.Name].queue.QueueArn(), s.lanes[q.Name].dead.QueueArn())
		}
		allow(all, "sqs:GetQueueAttributes", "sqs:GetQueueUrl")
	}
	if f.Mends {
		var dead []*string
		for _, q := range topology.Queues() {
			dead = append(dead, s.lanes[q.Name].dead.QueueArn())
		}
		allow(dead, "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility")
	}
	for _, other := range topology.Functions() {
		if f.Timer && other.Woken {
			allow([]*string{s.Stack.FormatArn(&awscdk.ArnComponents{Service: jsii.String("lambda"), Resource: jsii.String("function"),
				ResourceName: jsii.String(topology.FunctionName(s.Settings.Prefix(), other.Name)), ArnFormat: awscdk.ArnFormat_COLON_RESOURCE_NAME})}, "lambda:InvokeFunction")
		}
	}
	secrets, read, write := s.secrets()
	switch f.Secrets {
	case topology.Works:
		allow(secrets, read...)
		allow(secrets, write...)
	case topology.Reads:
		allow(secrets, read...)
	case topology.Adds:
		allow(secrets, write...)
	}
	if f.Name == "console" && s.Settings.Secrets != "ssm" { // where people log in is no secret, and always there
		allow([]*string{s.parameter(topology.ConsoleParameter)}, "ssm:GetParameter")
	}
	if s.key != nil {
		allow([]*string{s.key.KeyArn()}, "kms:Decrypt", "kms:GenerateDataKey")
	}
	return &list
}

// secrets gives their ARN, with a wildcard behind the stack's own path: accounts come and go while the stack stays.
func (s *Stack) secrets() (resources []*string, read, write []string) {
	path := strings.Trim(topology.SecretPath(s.Settings.Prefix()), "/")
	if s.Settings.Secrets == "secretsmanager" {
		return []*string{s.Stack.FormatArn(&awscdk.ArnComponents{Service: jsii.String("secretsmanager"), Resource: jsii.String("secret"),
				ResourceName: jsii.String("/" + path + "/*"), ArnFormat: awscdk.ArnFormat_COLON_RESOURCE_NAME})},
			[]string{"secretsmanager:GetSecretValue"}, []string{"secretsmanager:CreateSecret", "secretsmanager:PutSecretValue"}
	}
	return []*string{s.parameter("*")},
		[]string{"ssm:GetParameter"}, []string{"ssm:PutParameter"}
}

// parameter gives the ARN of a parameter of the stack.
func (s *Stack) parameter(name string) *string {
	path := strings.TrimPrefix(topology.SecretPath(s.Settings.Prefix()), "/")
	return s.Stack.FormatArn(&awscdk.ArnComponents{Service: jsii.String("ssm"), Resource: jsii.String("parameter"), ResourceName: jsii.String(path + name)})
}

// schedules wakes what is woken by time.
func (s *Stack) schedules() {
	var timed []topology.Function
	var targets []*string
	for _, f := range topology.Functions() {
		if f.Timer {
			timed = append(timed, f)
			targets = append(targets, s.functions[f.Name].FunctionArn())
		}
	}
	allow := func(action string, resources []*string) awsiam.PolicyStatement {
		return awsiam.NewPolicyStatement(&awsiam.PolicyStatementProps{Actions: jsii.Strings(action), Resources: &resources})
	}
	statements := []awsiam.PolicyStatement{allow("lambda:InvokeFunction", targets), allow("sqs:SendMessage", []*string{s.stray.queue.QueueArn()})}
	if s.key != nil {
		statements = append(statements, allow("kms:Decrypt", []*string{s.key.KeyArn()}), allow("kms:GenerateDataKey", []*string{s.key.KeyArn()}))
	}
	role := awsiam.NewRole(s.Stack, jsii.String("ScheduleRole"), &awsiam.RoleProps{AssumedBy: awsiam.NewServicePrincipal(jsii.String("scheduler.amazonaws.com"), nil),
		InlinePolicies: &map[string]awsiam.PolicyDocument{"wake": awsiam.NewPolicyDocument(&awsiam.PolicyDocumentProps{Statements: &statements})}})
	for _, f := range timed {
		awsscheduler.NewCfnSchedule(s.Stack, id(f.Name, "schedule"), &awsscheduler.CfnScheduleProps{
			Name: s.name(f.Name), Description: jsii.String("wakes " + f.Name), ScheduleExpression: jsii.String("rate(1 minute)"),
			FlexibleTimeWindow: &awsscheduler.CfnSchedule_FlexibleTimeWindowProperty{Mode: jsii.String("OFF")},
			Target: &awsscheduler.CfnSchedule_TargetProperty{Arn: s.functions[f.Name].FunctionArn(), RoleArn: role.RoleArn(), Input: jsii.String("{}"),
				DeadLetterConfig: &awsscheduler.CfnSchedule_DeadLetterConfigProperty{Arn: s.stray.queue.QueueArn()},
				RetryPolicy:      &awsscheduler.CfnSchedule_RetryPolicyProperty{MaximumEventAgeInSeconds: jsii.Number(60), MaximumRetryAttempts: jsii.Number(2)}},
		})
	}
}

func retention(days int) awslogs.RetentionDays {
	names := []awslogs.RetentionDays{awslogs.RetentionDays_ONE_DAY, awslogs.RetentionDays_THREE_DAYS, awslogs.RetentionDays_FIVE_DAYS, awslogs.RetentionDays_ONE_WEEK,
		awslogs.RetentionDays_TWO_WEEKS, awslogs.RetentionDays_ONE_MONTH, awslogs.RetentionDays_TWO_MONTHS, awslogs.RetentionDays_THREE_MONTHS,
		awslogs.RetentionDays_FOUR_MONTHS, awslogs.RetentionDays_FIVE_MONTHS, awslogs.RetentionDays_SIX_MONTHS, awslogs.RetentionDays_ONE_YEAR}
	return names[slices.Index(logDays, decimal(days))]
}

func seconds(d time.Duration) awscdk.Duration {
	return awscdk.Duration_Seconds(jsii.Number(d.Seconds()))
}

func one(on bool) string {
	if on {
		return "1"
	}
	return ""
}
