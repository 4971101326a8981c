package main

import (
	"fmt"
	"strconv"

	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsbudgets"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatch"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscloudwatchactions"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsiam"
	"github.com/aws/aws-cdk-go/awscdk/v2/awskms"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssns"
	"github.com/aws/aws-cdk-go/awscdk/v2/awssnssubscriptions"
	"github.com/aws/constructs-go/constructs/v10"
	"github.com/aws/jsii-runtime-go"
	"github.com/cdklabs/cdk-nag-go/cdknag/v2"

	"rapport/shared/topology"
)

// alarm is one reason to get up; docs/operations.md says under its name what to do.
type alarm struct {
	name   string
	says   string
	metric awscloudwatch.IMetric
	above  float64 // alarm when the value is greater; with below, when it is less
	below  bool
	times  int // periods in a row
	silent awscloudwatch.TreatMissingData
}

// watch makes alarms, the dashboard, and the budget where one is wanted.
func (s *Stack) watch() {
	topic := &awssns.TopicProps{TopicName: s.name("alarms"), EnforceSSL: jsii.Bool(true)}
	if s.key != nil {
		topic.MasterKey = s.key
		if own, ok := s.key.(awskms.Key); ok { // alarms publish through it
			own.GrantEncryptDecrypt(cloudwatch())
		}
	}
	s.alarms = awssns.NewTopic(s.Stack, jsii.String("Alarms"), topic)
	s.explain(s.alarms, "AwsSolutions-SNS2", "Messages hold names of alarms and numbers, no content; a key that AWS manages would keep CloudWatch from publishing. Context key=new encrypts it.")
	if s.Settings.Email != "" {
		s.alarms.AddSubscription(awssnssubscriptions.NewEmailSubscription(jsii.String(s.Settings.Email), nil))
	}
	for _, a := range s.reasons() {
		if _, several := a.metric.(awscloudwatch.MathExpression); !several || s.Settings.Sums {
			s.alarm(a)
		}
	}
	if s.Settings.Dashboard {
		s.dashboard()
	}
	s.budget()
	s.out("AlarmTopic", "who wants to be told of alarms subscribes here", s.alarms.TopicArn())
}

func (s *Stack) alarm(a alarm) {
	compare := awscloudwatch.ComparisonOperator_GREATER_THAN_THRESHOLD
	if a.below {
		compare = awscloudwatch.ComparisonOperator_LESS_THAN_THRESHOLD
	}
	made := awscloudwatch.NewAlarm(s.Stack, id(a.name, "alarm"), &awscloudwatch.AlarmProps{AlarmName: s.name(a.name), AlarmDescription: jsii.String(a.says + " See docs/operations.md, " + a.name + "."),
		Metric: a.metric, Threshold: jsii.Number(a.above), ComparisonOperator: compare, EvaluationPeriods: jsii.Number(a.times), TreatMissingData: a.silent})
	action := awscloudwatchactions.NewSnsAction(s.alarms)
	made.AddAlarmAction(action)
	made.AddOkAction(action)
}

// reasons are ten at most.
func (s *Stack) reasons() []alarm {
	quiet, loud := awscloudwatch.TreatMissingData_NOT_BREACHING, awscloudwatch.TreatMissingData_BREACHING
	return []alarm{
		{name: "dead-letters", says: "A message was given up.", metric: s.measure(topology.MetricDead, "Maximum", 15), times: 1, silent: quiet},
		{name: "old-messages", says: "The oldest message of a live lane waits for more than 15 minutes.", above: 900, times: 2, silent: quiet,
			metric: s.oldest(topology.MentionsLive, topology.DeliverUrgent)},
		// What stands still in the other lanes becomes dead letters.
		{name: "unaccounted", says: "Something that was received is open and waits nowhere.", metric: s.measure(topology.MetricUnaccounted, "Maximum", 60), times: 2, silent: quiet},
		{name: "closed-accounts", says: "A CRM account takes nothing for half an hour.", metric: s.measure(topology.MetricClosed, "Minimum", 5), times: 6, silent: quiet},
		{name: "expiring-token", says: "A token runs out within a week and nobody renews it.", metric: s.measure(topology.MetricExpiring, "Maximum", 60), times: 1, silent: quiet},
		{name: "quota", says: "At this pace a CRM's or network's daily quota will not last.", metric: s.measure(topology.MetricQuota, "Maximum", 15), above: 90, times: 2, silent: quiet},
		{name: "crisis", says: "A brand is in crisis: many complain at once.", metric: s.measure(topology.MetricCrisis, "Maximum", 5), times: 1, silent: quiet},
		{name: "refused", says: "Many calls of hooks are refused: a secret was changed, or somebody tries.", metric: s.measure(topology.MetricRefused, "Sum", 5), above: 50, times: 3, silent: quiet},
		{name: "not-taken", says: "Genuine webhooks were answered with an error or throttled.", metric: s.lost(), times: 2, silent: quiet},
		// At the end of a run that went well tick wakes report, every quarter of an hour: so one metric tells of a clock that is
		// not woken, crashes, or runs out of time. What a queue wakes becomes dead letters.
		{name: "clock", says: "No run of tick has gone well for half an hour: no polls, nothing parked is fed back.", above: 1, below: true, times: 2, silent: loud,
			metric: s.functions["report"].MetricInvocations(every("Sum", 15))},
	}
}

// measure is one of our own metrics.
func (s *Stack) measure(name, statistic string, period int) awscloudwatch.IMetric {
	return awscloudwatch.NewMetric(&awscloudwatch.MetricProps{Namespace: jsii.String(topology.Namespace), MetricName: jsii.String(name),
		DimensionsMap: &map[string]*string{topology.Dimension: jsii.String(s.Settings.Stack)}, Statistic: jsii.String(statistic), Period: minutes(period)})
}

// oldest is the age of the oldest message of some lanes, in seconds.
func (s *Stack) oldest(names ...string) awscloudwatch.IMetric {
	all := map[string]awscloudwatch.IMetric{}
	for i, name := range names {
		all["m"+strconv.Itoa(i)] = s.lanes[name].queue.MetricApproximateAgeOfOldestMessage(every("Maximum", 5))
	}
	return math("MAX(METRICS())", "oldest message", all, 5)
}

// lost are genuine webhooks that their sender has to repeat: answered with 5xx, also when the function crashed, or throttled.
func (s *Stack) lost() awscloudwatch.IMetric {
	if s.api != nil { // which answers throttled calls with 5xx too
		return s.api.MetricServerError(every("Sum", 5))
	}
	receive := s.functions["receive"]
	return math("SUM(METRICS())", "not taken", map[string]awscloudwatch.IMetric{
		"m0": receive.Metric(jsii.String("Url5xxCount"), every("Sum", 5)), "m1": receive.MetricThrottles(every("Sum", 5))}, 5)
}

func (s *Stack) dashboard() {
	board := awscloudwatch.NewDashboard(s.Stack, jsii.String("Dashboard"), &awscloudwatch.DashboardProps{DashboardName: s.name("overview")})
	graph := func(title string, metrics ...awscloudwatch.IMetric) awscloudwatch.IWidget {
		return awscloudwatch.NewGraphWidget(&awscloudwatch.GraphWidgetProps{Title: jsii.String(title), Width: jsii.Number(8), Left: &metrics})
	}
	var depth, oldest, spent, failed []awscloudwatch.IMetric
	for _, q := range topology.Queues() {
		depth = append(depth, s.lanes[q.Name].queue.MetricApproximateNumberOfMessagesVisible(every("Maximum", 5)))
		oldest = append(oldest, s.lanes[q.Name].queue.MetricApproximateAgeOfOldestMessage(every("Maximum", 5)))
	}
	for _, f := range topology.Functions() {
		if fn, ok := s.functions[f.Name]; ok {
			spent = append(spent, fn.MetricDuration(every("p95", 5)))
			failed = append(failed, fn.MetricErrors(every("Sum", 5)))
		}
	}
	board.AddWidgets(
		graph("Webhooks", s.measure(topology.MetricReceived, "Sum", 5), s.measure(topology.MetricRefused, "Sum", 5), s.measure(topology.MetricNotTaken, "Sum", 5)),
		graph("Written to CRMs", s.measure(topology.MetricWritten, "Sum", 5)),
		graph("Oldest message, s", oldest...))
	board.AddWidgets(graph("Waiting", depth...), graph("Dead letters", s.measure(topology.MetricDead, "Maximum", 15), s.stray.queue.MetricApproximateNumberOfMessagesVisible(every("Maximum", 5))),
		graph("Accounts", s.measure(topology.MetricClosed, "Maximum", 5), s.measure(topology.MetricDegraded, "Maximum", 5), s.measure(topology.MetricExpiring, "Maximum", 60), s.measure(topology.MetricQuota, "Maximum", 15), s.measure(topology.MetricCrisis, "Maximum", 5)))
	board.AddWidgets(graph("Unaccounted", s.measure(topology.MetricUnaccounted, "Maximum", 60)), graph("Errors", failed...), graph("Time of a call, p95 ms", spent...))
	s.out("DashboardUrl", "the numbers", jsii.String(fmt.Sprintf("https://%s.console.aws.amazon.com/cloudwatch/home?region=%s#dashboards:name=%s", s.Settings.Region, s.Settings.Region, *s.name("overview"))))
}

// budget tells when the stack costs more a month than was thought.
func (s *Stack) budget() {
	if s.Settings.Budget == 0 {
		return
	}
	awsbudgets.NewCfnBudget(s.Stack, jsii.String("Budget"), &awsbudgets.CfnBudgetProps{
		Budget: &awsbudgets.CfnBudget_BudgetDataProperty{BudgetName: s.name("budget"), BudgetType: jsii.String("COST"), TimeUnit: jsii.String("MONTHLY"),
			BudgetLimit: &awsbudgets.CfnBudget_SpendProperty{Amount: jsii.Number(s.Settings.Budget), Unit: jsii.String("USD")},
			CostFilters: map[string]any{"TagKeyValue": []string{"user:stack$" + s.Settings.Stack}}},
		NotificationsWithSubscribers: []any{&awsbudgets.CfnBudget_NotificationWithSubscribersProperty{
			Notification: &awsbudgets.CfnBudget_NotificationProperty{NotificationType: jsii.String("FORECASTED"), ComparisonOperator: jsii.String("GREATER_THAN"), Threshold: jsii.Number(100)},
			Subscribers:  []any{&awsbudgets.CfnBudget_SubscriberProperty{SubscriptionType: jsii.String("EMAIL"), Address: jsii.String(s.Settings.Email)}}}},
	})
}

func math(expression, label string, metrics map[string]awscloudwatch.IMetric, period int) awscloudwatch.IMetric {
	return awscloudwatch.NewMathExpression(&awscloudwatch.MathExpressionProps{Expression: jsii.String(expression), Label: jsii.String(label), UsingMetrics: &metrics, Period: minutes(period)})
}

func every(statistic string, period int) *awscloudwatch.MetricOptions {
	return &awscloudwatch.MetricOptions{Statistic: jsii.String(statistic), Period: minutes(period)}
}

func minutes(n int) awscdk.Duration { return awscdk.Duration_Minutes(jsii.Number(n)) }

func decimal(n int) string { return strconv.Itoa(n) }

// explain says why a finding of cdk-nag is right as it is; applies narrows it to the resources that match.
func (s *Stack) explain(what constructs.IConstruct, finding, reason string, applies ...string) {
	suppression := &cdknag.NagPackSuppression{Id: jsii.String(finding), Reason: jsii.String(reason)}
	if len(applies) > 0 {
		var list []any
		for _, a := range applies {
			list = append(list, &cdknag.RegexAppliesTo{Regex: jsii.String("/^Resource::" + a + "$/")})
		}
		suppression.AppliesTo = &list
	}
	cdknag.NagSuppressions_AddResourceSuppressions(what, &[]*cdknag.NagPackSuppression{suppression}, jsii.Bool(true))
}

func cloudwatch() awsiam.IPrincipal {
	return awsiam.NewServicePrincipal(jsii.String("cloudwatch.amazonaws.com"), nil)
}
