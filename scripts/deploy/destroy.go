package main

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"rapport/shared/awsapi"
)

// destroy deletes the stack. What holds data stays, unless the name of the stack is given once more.
func destroy(ctx context.Context, a account, o options) error {
	if o.purge != "" && o.purge != o.stack {
		return fmt.Errorf("PURGE is %q and the stack %q: nothing was touched", o.purge, o.stack)
	}
	s, err := a.describe(ctx, o.stack)
	if err != nil {
		return err
	}
	if s == nil {
		return fmt.Errorf("there is no stack %s in %s", o.stack, a.region)
	}
	table, bucket, pool, key := s.output("TableName"), s.output("ArchiveName"), s.output("UserPoolId"), s.output("KeyArn")
	var list []string
	for _, what := range [][2]string{{"table", table}, {"archive", bucket}, {"users", pool}, {"key", key}} {
		if what[1] != "" {
			list = append(list, what[0]+" "+what[1])
		}
	}
	kept := strings.Join(list, "\n  ")
	if o.purge == "" {
		fmt.Fprintf(o.out, "These stay:\n  %s\n", kept)
		err = o.ask("Delete the stack " + o.stack + "?")
	} else {
		fmt.Fprintf(o.out, "These are deleted too, for good:\n  %s\n", kept)
		err = o.ask("Delete the stack " + o.stack + " and everything that it knows?")
	}
	if err != nil {
		return err
	}
	if err := a.query(ctx, "cloudformation", "2010-05-15", "DeleteStack", url.Values{"StackName": {o.stack}}, nil); err != nil {
		return err
	}
	if err := a.gone(ctx, o.stack); err != nil {
		return err
	}
	fmt.Fprintln(o.out, "the stack is gone")
	if o.purge == "" {
		return nil
	}
	return errors.Join(a.dropTable(ctx, table), a.dropBucket(ctx, bucket), a.dropPool(ctx, pool), a.dropKey(ctx, key))
}

// gone waits until a stack is deleted.
func (a account) gone(ctx context.Context, name string) error {
	timer := time.NewTicker(2 * time.Second)
	defer timer.Stop()
	for {
		s, err := a.describe(ctx, name)
		switch {
		case err != nil:
			return err
		case s == nil || s.Status == "DELETE_COMPLETE":
			return nil
		case strings.HasSuffix(s.Status, "_FAILED"):
			return fmt.Errorf("the stack is %s: look at its events in the console of CloudFormation, then try again", s.Status)
		}
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (a account) dropTable(ctx context.Context, name string) error {
	if name == "" {
		return nil
	}
	err := a.target(ctx, "dynamodb", "DynamoDB_20120810.UpdateTable", "1.0", map[string]any{"TableName": name, "DeletionProtectionEnabled": false})
	if err != nil && !missing(err) {
		return err
	}
	err = a.target(ctx, "dynamodb", "DynamoDB_20120810.DeleteTable", "1.0", map[string]any{"TableName": name})
	if missing(err) {
		return nil
	}
	return err
}

// dropBucket empties the bucket, which has no versions, and deletes it.
func (a account) dropBucket(ctx context.Context, name string) error {
	if name == "" {
		return nil
	}
	for {
		body, err := a.do(ctx, "s3", awsapi.Call{Operation: "ListObjectsV2", Method: http.MethodGet, Path: "/" + name, Query: url.Values{"list-type": {"2"}}})
		if missing(err) {
			return nil
		}
		var page struct {
			Contents []struct{ Key string }
		}
		if err == nil {
			err = xml.Unmarshal(body, &page)
		}
		if err != nil {
			return err
		}
		if len(page.Contents) == 0 {
			break
		}
		for _, object := range page.Contents {
			if _, err := a.do(ctx, "s3", awsapi.Call{Operation: "DeleteObject", Method: http.MethodDelete, Path: "/" + name + "/" + object.Key}); err != nil {
				return err
			}
		}
	}
	_, err := a.do(ctx, "s3", awsapi.Call{Operation: "DeleteBucket", Method: http.MethodDelete, Path: "/" + name})
	return err
}

func (a account) dropPool(ctx context.Context, id string) error {
	if id == "" {
		return nil
	}
	err := a.target(ctx, "cognito-idp", "AWSCognitoIdentityProviderService.UpdateUserPool", "1.1", map[string]any{"UserPoolId": id, "DeletionProtection": "INACTIVE"})
	if err == nil {
		err = a.target(ctx, "cognito-idp", "AWSCognitoIdentityProviderService.DeleteUserPool", "1.1", map[string]any{"UserPoolId": id})
	}
	if missing(err) {
		return nil
	}
	return err
}

// dropKey lets the key be deleted after the shortest wait there is; until then that can be undone.
func (a account) dropKey(ctx context.Context, arn string) error {
	if arn == "" {
		return nil
	}
	return a.target(ctx, "kms", "TrentService.ScheduleKeyDeletion", "1.1", map[string]any{"KeyId": arn, "PendingWindowInDays": 7})
}
