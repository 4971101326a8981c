package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// where reads the console's parameter; what is known only when deployed stands in it as it is in the template.
func where(t *testing.T, p template) (text string) {
	t.Helper()
	for _, r := range p.all("AWS::SSM::Parameter") {
		if strings.HasSuffix(r["Name"].(string), "/console") {
			raw, err := json.Marshal(r["Value"])
			if err != nil {
				t.Fatal(err)
			}
			return strings.ReplaceAll(string(raw), `\"`, `"`)
		}
	}
	t.Fatal("no parameter for the console")
	return ""
}

// People get in through the log-in page of the pool and nowhere else: nobody signs up, no API takes a password, a second
// factor is a must, only codes are given, and only to the console's own address.
func TestLogin(t *testing.T) {
	p := synth(t, nil)
	for _, r := range p.all("AWS::Cognito::UserPool") {
		want(t, "second factor", r["MfaConfiguration"], "ON")
		want(t, "factors", r["EnabledMfas"], []string{"SOFTWARE_TOKEN_MFA"})
		want(t, "sign-up", at(r, "AdminCreateUserConfig", "AllowAdminCreateUserOnly"), true)
		want(t, "protection", r["DeletionProtection"], "ACTIVE")
		want(t, "attributes of others' groups", r["Schema"], nil)
	}
	for _, r := range p.all("AWS::Cognito::UserPoolClient") {
		want(t, "ways in by API", r["ExplicitAuthFlows"], []string{"ALLOW_REFRESH_TOKEN_AUTH"})
		want(t, "flows", r["AllowedOAuthFlows"], []string{"code"})
		if scopes := text(r["AllowedOAuthScopes"]); strings.Contains(scopes, "aws.cognito.signin.user.admin") || !strings.Contains(scopes, "openid") {
			t.Errorf("scopes %s: with that one people change their own attributes", scopes)
		}
		if urls := list(r["CallbackURLs"]); len(urls) != 1 || !strings.Contains(text(urls), "/login/back") || strings.Contains(text(urls), "localhost") {
			t.Errorf("people may be sent to %s", text(urls))
		}
	}
	var names []string
	for _, r := range p.all("AWS::Cognito::UserPoolGroup") {
		names = append(names, r["GroupName"].(string))
	}
	slices.Sort(names)
	want(t, "groups", names, []string{"rapport-admin", "rapport-operator", "rapport-privacy", "rapport-viewer"})
	said := where(t, p)
	for _, part := range []string{`"issuer":"https://cognito-idp.eu-central-1.`, `"claims":["cognito:groups"]`, `"logout":"`, `/logout"`, `"base":"`, `"client":"`} {
		if !strings.Contains(said, part) {
			t.Errorf("the parameter lacks %s: %s", part, said)
		}
	}
}

// What the console may do, no more: its table, its queues, its secrets, its own parameter.
func TestConsoleRights(t *testing.T) {
	for kind, context := range map[string]map[string]any{"ssm": nil, "secretsmanager": {"secrets": "secretsmanager"}} {
		p := synth(t, context)
		for id, role := range p.all("AWS::IAM::Role") {
			said := text(role)
			takes := strings.Contains(said, `"sqs:ReceiveMessage","sqs:DeleteMessage","sqs:ChangeMessageVisibility"`)
			if console := strings.Contains(id, "Consolerole") || strings.Contains(id, "ConsoleRole"); takes != console {
				t.Errorf("%s: %s takes dead letters: %t", kind, id, takes)
			} else if !console {
				continue
			}
			for _, word := range []string{"s3:PutObject", "s3:DeleteObject", "cognito", "lambda:", "iam:"} {
				if strings.Contains(said, word) {
					t.Errorf("%s: the console may %s", kind, word)
				}
			}
			if !strings.Contains(said, "ssm:GetParameter") {
				t.Errorf("%s: the console cannot read where people log in", kind)
			}
		}
	}
}

// A provider of one's own is behind Cognito, with its groups, or instead of it.
func TestProviders(t *testing.T) {
	p := synth(t, map[string]any{"saml": "https://login.example/metadata", "email-attribute": "mail", "groups-attribute": "memberOf"})
	for _, r := range p.all("AWS::Cognito::UserPoolIdentityProvider") {
		want(t, "attributes", r["AttributeMapping"], object{"email": "mail", "custom:groups": "memberOf"})
	}
	if said := where(t, p); !strings.Contains(said, `"claims":["cognito:groups","custom:groups"]`) {
		t.Error(said)
	}
	p = synth(t, map[string]any{"issuer": "https://login.example/realms/nord", "client": "rapport", "client-secret": "login"})
	want(t, "pools beside a provider of one's own", len(p.all("AWS::Cognito::UserPool")), 0)
	if said := where(t, p); !strings.Contains(said, `"issuer":"https://login.example/realms/nord"`) || !strings.Contains(said, `"secret":"aws:login"`) {
		t.Error(said)
	}
	for name, context := range map[string]map[string]any{
		"issuer=\"https://login.example\"": {"issuer": "https://login.example"},
		"issuer=\"http://login.example\"":  {"issuer": "http://login.example", "client": "x"},
	} {
		if _, _, err := made(t, context); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
