package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsapigatewayv2integrations"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscertificatemanager"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscognito"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslambda"
	"github.com/aws/aws-cdk-go/awscdk/v2/awslogs"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsssm"
	"github.com/aws/jsii-runtime-go"

	"rapport/shared/topology"
)

// doors lets calls in: webhooks to receive, people to the console.
func (s *Stack) doors() {
	hooks := s.door("receive", s.Settings.Domain)
	s.out("HooksUrl", "address before /hooks/<name>, to be entered at the vendors", hooks)
	if s.Settings.Console {
		s.console(s.door("console", ""))
	}
}

// door gives a function an address, without a slash at its end. Both kinds hand over the same payload (2.0).
func (s *Stack) door(name, domain string) *string {
	if s.Settings.Hooks == "httpapi" {
		return s.api(name, domain)
	}
	fn := s.functions[name]
	url := fn.AddFunctionUrl(&awslambda.FunctionUrlOptions{AuthType: awslambda.FunctionUrlAuthType_NONE})
	// https://HOST/ becomes https://HOST
	return awscdk.Fn_Join(jsii.String(""), &[]*string{jsii.String("https://"), awscdk.Fn_Select(jsii.Number(2), awscdk.Fn_Split(jsii.String("/"), url.Url(), nil))})
}

// api is the door for organisations whose guardrails refuse public Function URLs.
func (s *Stack) api(name, domain string) *string {
	fn := s.functions[name]
	api := awsapigatewayv2.NewHttpApi(s.Stack, id(name, "api"), &awsapigatewayv2.HttpApiProps{ApiName: s.name(name), CreateDefaultStage: jsii.Bool(false),
		DefaultIntegration: awsapigatewayv2integrations.NewHttpLambdaIntegration(id(name), fn, nil), DisableExecuteApiEndpoint: jsii.Bool(domain != "")})
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

// roles of people in the console are groups of the user pool.
var roles = []string{"viewer", "agent", "operator", "admin"}

// consoleParameter is the name of what the console reads when it starts.
const consoleParameter = "console"

// console makes the user pool behind the console. The function does the log-in itself (code + PKCE) and reads client id
// and addresses from a parameter at run time: its own address is known only once it exists.
func (s *Stack) console(address *string) {
	pool := awscognito.NewUserPool(s.Stack, jsii.String("Users"), &awscognito.UserPoolProps{
		UserPoolName: s.name("users"), SelfSignUpEnabled: jsii.Bool(false), SignInAliases: &awscognito.SignInAliases{Email: jsii.Bool(true)},
		SignInCaseSensitive: jsii.Bool(false), AccountRecovery: awscognito.AccountRecovery_EMAIL_ONLY,
		Mfa: awscognito.Mfa_REQUIRED, MfaSecondFactor: &awscognito.MfaSecondFactor{Otp: jsii.Bool(true), Sms: jsii.Bool(false)},
		PasswordPolicy: &awscognito.PasswordPolicy{MinLength: jsii.Number(12), RequireLowercase: jsii.Bool(true), RequireUppercase: jsii.Bool(true),
			RequireDigits: jsii.Bool(true), RequireSymbols: jsii.Bool(true), TempPasswordValidity: days(3)},
		FeaturePlan: awscognito.FeaturePlan_ESSENTIALS, DeletionProtection: jsii.Bool(!s.Settings.Disposal), RemovalPolicy: s.keep(),
	})
	s.explain(pool, "AwsSolutions-COG3", "Threat protection is a plan of its own price; sign-up is closed and a second factor required.")
	s.explain(pool, "AwsSolutions-COG8", "The Plus plan brings threat protection only; see COG3.")
	for _, role := range roles {
		awscognito.NewCfnUserPoolGroup(s.Stack, id(role, "group"), &awscognito.CfnUserPoolGroupProps{UserPoolId: pool.UserPoolId(), GroupName: jsii.String(role)})
	}
	prefix := jsii.String(s.Settings.LoginName)
	if *prefix == "" {
		prefix = awscdk.Fn_Join(jsii.String("-"), &[]*string{jsii.String(s.Settings.Stack), s.Stack.Account()})
	}
	domain := pool.AddDomain(jsii.String("Login"), &awscognito.UserPoolDomainOptions{CognitoDomain: &awscognito.CognitoDomainOptions{DomainPrefix: prefix}})
	callback := awscdk.Fn_Join(jsii.String(""), &[]*string{address, jsii.String("/login/back")})
	providers := []awscognito.UserPoolClientIdentityProvider{awscognito.UserPoolClientIdentityProvider_COGNITO()}
	federated := s.federation(pool)
	for _, f := range federated {
		providers = append(providers, awscognito.UserPoolClientIdentityProvider_Custom(f.ProviderName()))
	}
	client := pool.AddClient(jsii.String("Client"), &awscognito.UserPoolClientOptions{
		UserPoolClientName: s.name("console"), GenerateSecret: jsii.Bool(false), PreventUserExistenceErrors: jsii.Bool(true), SupportedIdentityProviders: &providers,
		OAuth: &awscognito.OAuthSettings{Flows: &awscognito.OAuthFlows{AuthorizationCodeGrant: jsii.Bool(true)},
			Scopes:       &[]awscognito.OAuthScope{awscognito.OAuthScope_OPENID(), awscognito.OAuthScope_EMAIL(), awscognito.OAuthScope_PROFILE()},
			CallbackUrls: &[]*string{callback}, LogoutUrls: &[]*string{address}},
		AccessTokenValidity: awscdk.Duration_Hours(jsii.Number(1)), IdTokenValidity: awscdk.Duration_Hours(jsii.Number(1)), RefreshTokenValidity: days(1),
	})
	for _, f := range federated {
		client.Node().AddDependency(f)
	}
	name := topology.SecretPath(s.Settings.Prefix()) + consoleParameter
	issuer := awscdk.Fn_Join(jsii.String(""), &[]*string{jsii.String("https://cognito-idp." + s.Settings.Region + "."), s.Stack.UrlSuffix(), jsii.String("/"), pool.UserPoolId()})
	value := s.Stack.ToJsonString(map[string]any{"issuer": issuer, "client": client.UserPoolClientId(), "login": domain.BaseUrl(nil), "base": address}, nil)
	awsssm.NewStringParameter(s.Stack, jsii.String("ConsoleParameter"), &awsssm.StringParameterProps{ParameterName: jsii.String(name), StringValue: value,
		Description: jsii.String("what the console's log-in needs; no secret")})
	s.out("ConsoleUrl", "where people log in", address)
	s.out("UserPoolId", "user pool of the console: invite people here", pool.UserPoolId())
	s.out("LoginUrl", "log-in page; a SAML provider posts to its /saml2/idpresponse", domain.BaseUrl(nil))
}

// federation makes the identity providers that the context names.
func (s *Stack) federation(pool awscognito.UserPool) (list []awscognito.IUserPoolIdentityProvider) {
	who := &awscognito.AttributeMapping{Email: awscognito.ProviderAttribute_Other(jsii.String("email"))}
	if s.Settings.SAML != "" {
		list = append(list, awscognito.NewUserPoolIdentityProviderSaml(s.Stack, jsii.String("Saml"), &awscognito.UserPoolIdentityProviderSamlProps{UserPool: pool,
			Name: jsii.String("saml"), AttributeMapping: who, Metadata: awscognito.UserPoolIdentityProviderSamlMetadata_Url(jsii.String(s.Settings.SAML))}))
	}
	if s.Settings.OIDC != "" {
		secret := awscdk.SecretValue_SecretsManager(jsii.String(s.Settings.OIDCName), nil).UnsafeUnwrap() // a reference that CloudFormation resolves
		list = append(list, awscognito.NewUserPoolIdentityProviderOidc(s.Stack, jsii.String("Oidc"), &awscognito.UserPoolIdentityProviderOidcProps{UserPool: pool,
			Name: jsii.String("oidc"), AttributeMapping: who, IssuerUrl: jsii.String(s.Settings.OIDC), ClientId: jsii.String(s.Settings.OIDCID), ClientSecret: secret,
			Scopes: jsii.Strings("openid", "email", "profile")}))
	}
	return list
}
