package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2integrations"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscertificatemanager"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/jsii-runtime-go"
)

// doors lets calls in: webhooks to receive, people to the console.
func (s *Stack) doors() {
	hooks := s.door("receive", s.Settings.Domain)
	s.out("HooksUrl", "address before /hooks/<name>, to be entered at the vendors", hooks)
	if s.Settings.Console {
		s.login(s.door("console", ""))
	}
}

// door gives a function an address, without a slash at its end. Both kinds hand over the same payload (2.0).
func (s *Stack) door(name, domain string) *string {
	if s.Settings.Hooks == "httpapi" {
		return s.gateway(name, domain)
	}
	fn := s.functions[name]
	url := fn.AddFunctionUrl(&awslambda.FunctionUrlOptions{AuthType: awslambda.FunctionUrlAuthType_NONE})
	// https://HOST/ becomes https://HOST
	return awscdk.Fn_Join(jsii.String(""), &[]*string{jsii.String("https://"), awscdk.Fn_Select(jsii.Number(2), awscdk.Fn_Split(jsii.String("/"), url.Url(), nil))})
}

// api is the door for organisations whose guardrails refuse public Function URLs.
func (s *Stack) gateway(name, domain string) *string {
	fn := s.functions[name]
	api := awsapigatewayv2.NewHttpApi(s.Stack, id(name, "api"), &awsapigatewayv2.HttpApiProps{ApiName: s.name(name), CreateDefaultStage: jsii.Bool(false),
		DefaultIntegration: awsapigatewayv2integrations.NewHttpLambdaIntegration(id(name), fn, nil), DisableExecuteApiEndpoint: jsii.Bool(domain != "")})
	if name == "receive" {
		s.api = api
	}
	stage := &awsapigatewayv2.HttpStageProps{HttpApi: api, StageName: jsii.String("$default"), AutoDeploy: jsii.Bool(true),
		Throttle: &awsapigatewayv2.ThrottleSettings{RateLimit: jsii.Number(500), BurstLimit: jsii.Number(1000)}}
	var address *string
	if domain != "" {
		host := awsapigatewayv2.NewDomainName(s.Stack, jsii.String("Domain"), &awsapigatewayv2.DomainNameProps{DomainName: jsii.String(domain),
			Certificate: awscertificatemanager.Certificate_FromCertificateArn(s.Stack, jsii.String("Certificate"), jsii.String(s.Settings.Certificate))})
		stage.DomainMapping = &awsapigatewayv2.DomainMappingOptions{DomainName: host}
		s.out("DomainTarget", "where the DNS record (CNAME) of "+domain+" must point", host.RegionalDomainName())
		address = jsii.String("https://" + domain)
	} else {
		address = api.ApiEndpoint()
	}
	logs := awslogs.NewLogGroup(s.Stack, id(name, "access"), &awslogs.LogGroupProps{LogGroupName: jsii.String("/aws/apigateway/" + *s.name(name)),
		Retention: retention(s.Settings.LogDays), RemovalPolicy: awscdk.RemovalPolicy_DESTROY})
	made := awsapigatewayv2.NewHttpStage(s.Stack, id(name, "stage"), stage)
	// No address of a caller, no query: neither belongs in a log.
	made.Node().DefaultChild().(awsapigatewayv2.CfnStage).SetAccessLogSettings(&awsapigatewayv2.CfnStage_AccessLogSettingsProperty{
		DestinationArn: logs.LogGroupArn(), Format: jsii.String(`{"id":"$context.requestId","method":"$context.httpMethod","path":"$context.path","status":"$context.status","ms":"$context.responseLatency"}`)})
	s.explain(api, "AwsSolutions-APIG4", "Callers prove themselves to the function: vendors by their signature over the raw body, people by their log-in.")
	return address
}
