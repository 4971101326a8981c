package aws

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"strings"

	"rapport/shared/awsapi"
)

// parameters keeps secrets in SSM Parameter Store.
type parameters struct {
	client *awsapi.Client
	key    string
}

const ssm = "AmazonSSM"

func (p parameters) get(ctx context.Context, name string, before bool) (string, error) {
	text, version, err := p.read(ctx, name)
	if err != nil || !before || version < 2 {
		return text, err
	}
	older, _, err := p.read(ctx, name+":"+strconv.FormatInt(version-1, 10))
	if errors.Is(err, errMissing) { // the service keeps a hundred versions
		return text, nil
	}
	return older, err
}

func (p parameters) read(ctx context.Context, name string) (text string, version int64, err error) {
	var out struct {
		Parameter struct {
			Value   string
			Version int64
		}
	}
	in := map[string]any{"Name": name, "WithDecryption": true}
	if err := p.client.JSON(ctx, ssm, "GetParameter", in, &out); err != nil {
		return "", 0, missing(err, "ParameterNotFound", "ParameterVersionNotFound")
	}
	return out.Parameter.Value, out.Parameter.Version, nil
}

func (p parameters) set(ctx context.Context, name, text string) error {
	in := map[string]any{"Name": name, "Value": text, "Type": "SecureString", "Overwrite": true}
	if p.key != "" {
		in["KeyId"] = p.key
	}
	return p.client.JSON(ctx, ssm, "PutParameter", in, nil)
}

// manager keeps secrets in Secrets Manager, whose names begin with no slash by custom.
type manager struct {
	client *awsapi.Client
	key    string
}

const sm = "secretsmanager"

func (m manager) get(ctx context.Context, name string, before bool) (string, error) {
	var out struct{ SecretString string }
	in := map[string]any{"SecretId": strings.TrimPrefix(name, "/")}
	if before {
		in["VersionStage"] = "AWSPREVIOUS"
		err := missing(m.client.JSON(ctx, sm, "GetSecretValue", in, &out), "ResourceNotFoundException")
		if !errors.Is(err, errMissing) {
			return out.SecretString, err
		}
		delete(in, "VersionStage")
	}
	err := m.client.JSON(ctx, sm, "GetSecretValue", in, &out)
	return out.SecretString, missing(err, "ResourceNotFoundException")
}

func (m manager) set(ctx context.Context, name, text string) error {
	id := strings.TrimPrefix(name, "/")
	// The token makes a repetition of the call harmless; it is chance, 32 letters at least.
	in := map[string]any{"SecretId": id, "SecretString": text, "ClientRequestToken": rand.Text() + rand.Text()}
	err := missing(m.client.JSON(ctx, sm, "PutSecretValue", in, nil), "ResourceNotFoundException")
	if !errors.Is(err, errMissing) {
		return err
	}
	delete(in, "SecretId")
	in["Name"] = id
	if m.key != "" {
		in["KmsKeyId"] = m.key
	}
	return m.client.JSON(ctx, sm, "CreateSecret", in, nil)
}

// missing turns the service's words for nothing there into errMissing.
func missing(err error, words ...string) error {
	var e *awsapi.Error
	if errors.As(err, &e) {
		for _, word := range words {
			if e.Code == word {
				return errMissing
			}
		}
	}
	return err
}
