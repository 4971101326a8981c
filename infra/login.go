package main

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awscognito"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsssm"
	"github.com/aws/jsii-runtime-go"

	"rapport/shared/topology"
)

// groups of the user pool, which are roles for all brands; rapport-viewer:nordlicht is one for a brand.
var groups = []string{"rapport-viewer", "rapport-operator", "rapport-admin", "rapport-privacy"}

// federatedGroups is the attribute of the user pool in which the groups of another provider arrive.
const federatedGroups = "groups"

// login says in a parameter where people log in to the console: at a provider of the customer's own, or at a user pool of
// the stack. The function does the log-in itself and reads the parameter at run time: its own address, which is part of
// it, is known only once the function exists.
func (s *Stack) login(address *string) {
	where := map[string]any{"base": address}
	if s.Settings.Issuer != "" {
		where["issuer"], where["client"] = s.Settings.Issuer, s.Settings.Client
		if s.Settings.ClientKey != "" {
			where["secret"] = "aws:" + s.Settings.ClientKey
		}
		where["claims"] = []string{s.Settings.Groups}
	} else {
		s.users(address, where)
	}
	awsssm.NewStringParameter(s.Stack, jsii.String("ConsoleParameter"), &awsssm.StringParameterProps{
		ParameterName: jsii.String(topology.SecretPath(s.Settings.Prefix()) + topology.ConsoleParameter), StringValue: s.Stack.ToJsonString(where, nil),
		Description: jsii.String("where people log in to the console; no secret")})
	s.out("ConsoleUrl", "where people log in", address)
	s.out("CallbackUrl", "to be registered at a provider of your own", join(address, topology.ConsoleBack))
}

// users makes the user pool: nobody signs up by themselves, a second factor is a must, and the only way in is the log-in
// page. Were a password or SRP taken by the API, its tokens could change attributes, and so groups of federated people.
func (s *Stack) users(address *string, where map[string]any) {
	props := &awscognito.UserPoolProps{
		UserPoolName: s.name("users"), SelfSignUpEnabled: jsii.Bool(false), SignInAliases: &awscognito.SignInAliases{Email: jsii.Bool(true)},
		SignInCaseSensitive: jsii.Bool(false), AccountRecovery: awscognito.AccountRecovery_EMAIL_ONLY,
		Mfa: awscognito.Mfa_REQUIRED, MfaSecondFactor: &awscognito.MfaSecondFactor{Otp: jsii.Bool(true), Sms: jsii.Bool(false)},
		PasswordPolicy: &awscognito.PasswordPolicy{MinLength: jsii.Number(12), RequireLowercase: jsii.Bool(true), RequireUppercase: jsii.Bool(true),
			RequireDigits: jsii.Bool(true), RequireSymbols: jsii.Bool(true), TempPasswordValidity: days(3)},
		FeaturePlan: awscognito.FeaturePlan_ESSENTIALS, DeletionProtection: jsii.Bool(!s.Settings.Disposal), RemovalPolicy: s.keep(),
	}
	if s.federates() {
		props.CustomAttributes = &map[string]awscognito.ICustomAttribute{federatedGroups: awscognito.NewStringAttribute(&awscognito.StringAttributeProps{MaxLen: jsii.Number(2048), Mutable: jsii.Bool(true)})}
	}
	pool := awscognito.NewUserPool(s.Stack, jsii.String("Users"), props)
	s.explain(pool, "AwsSolutions-COG3", "Threat protection is a plan of its own price; sign-up is closed and a second factor required.")
	s.explain(pool, "AwsSolutions-COG8", "The Plus plan brings threat protection only; see COG3.")
	for _, name := range groups {
		awscognito.NewCfnUserPoolGroup(s.Stack, id(name, "group"), &awscognito.CfnUserPoolGroupProps{UserPoolId: pool.UserPoolId(), GroupName: jsii.String(name)})
	}
	prefix := jsii.String(s.Settings.LoginName)
	if *prefix == "" {
		prefix = awscdk.Fn_Join(jsii.String("-"), &[]*string{jsii.String(s.Settings.Stack), s.Stack.Account()})
	}
	domain := pool.AddDomain(jsii.String("Login"), &awscognito.UserPoolDomainOptions{CognitoDomain: &awscognito.CognitoDomainOptions{DomainPrefix: prefix}})
	client := s.client(pool, address)
	claims := []string{"cognito:groups"}
	if s.federates() {
		claims = append(claims, "custom:"+federatedGroups)
	}
	where["issuer"] = join(jsii.String("https://cognito-idp."+s.Settings.Region+"."), *s.Stack.UrlSuffix(), "/", *pool.UserPoolId())
	where["client"], where["logout"], where["claims"] = client.UserPoolClientId(), join(domain.BaseUrl(nil), "/logout"), claims
	s.out("UserPoolId", "user pool of the console: invite people here", pool.UserPoolId())
	s.out("LoginUrl", "log-in page; a SAML provider posts to its /saml2/idpresponse, an OIDC provider sends back to its /oauth2/idpresponse", domain.BaseUrl(nil))
}

// client makes the console's own client of the user pool: a code with PKCE, and nothing else.
func (s *Stack) client(pool awscognito.UserPool, address *string) awscognito.UserPoolClient {
	providers := []awscognito.UserPoolClientIdentityProvider{awscognito.UserPoolClientIdentityProvider_COGNITO()}
	federated := s.federation(pool)
	for _, f := range federated {
		providers = append(providers, awscognito.UserPoolClientIdentityProvider_Custom(f.ProviderName()))
	}
	client := pool.AddClient(jsii.String("Client"), &awscognito.UserPoolClientOptions{
		UserPoolClientName: s.name("console"), GenerateSecret: jsii.Bool(false), PreventUserExistenceErrors: jsii.Bool(true), SupportedIdentityProviders: &providers,
		OAuth: &awscognito.OAuthSettings{Flows: &awscognito.OAuthFlows{AuthorizationCodeGrant: jsii.Bool(true)},
			Scopes:       &[]awscognito.OAuthScope{awscognito.OAuthScope_OPENID(), awscognito.OAuthScope_EMAIL(), awscognito.OAuthScope_PROFILE()},
			CallbackUrls: &[]*string{join(address, topology.ConsoleBack)}, LogoutUrls: &[]*string{join(address, "/")}},
		AccessTokenValidity: minutes(5), IdTokenValidity: minutes(5), RefreshTokenValidity: awscdk.Duration_Hours(jsii.Number(1)), EnableTokenRevocation: jsii.Bool(true),
	})
	client.Node().DefaultChild().(awscognito.CfnUserPoolClient).SetExplicitAuthFlows(jsii.Strings("ALLOW_REFRESH_TOKEN_AUTH"))
	for _, f := range federated {
		client.Node().AddDependency(f)
	}
	return client
}

func (s *Stack) federates() bool { return s.Settings.SAML+s.Settings.OIDC != "" }

// federation makes the identity providers that the context names.
func (s *Stack) federation(pool awscognito.UserPool) (list []awscognito.IUserPoolIdentityProvider) {
	who := &awscognito.AttributeMapping{Email: awscognito.ProviderAttribute_Other(jsii.String(s.Settings.Mail)),
		Custom: &map[string]awscognito.ProviderAttribute{"custom:" + federatedGroups: awscognito.ProviderAttribute_Other(jsii.String(s.Settings.Groups))}}
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

// join puts texts together that are known only when the stack is deployed.
func join(first *string, more ...string) *string {
	parts := []*string{first}
	for _, m := range more {
		parts = append(parts, jsii.String(m))
	}
	return awscdk.Fn_Join(jsii.String(""), &parts)
}
