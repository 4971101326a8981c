package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"rapport/shared/topology"
)

// drivers are the packages that call a service, with the prefix of its actions; that of secrets is found by the operation.
var drivers = map[string]string{"store/dynamo": "dynamodb:", "queue/sqs": "sqs:", "archive/s3": "s3:", "secret/aws": "ssm:", "cloud": "lambda:"}

// renamed are operations whose right has another name.
var renamed = map[string]string{"sqs:SendMessageBatch": "sqs:SendMessage", "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
	"sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility", "s3:ListObjectsV2": "s3:ListBucket", "lambda:Invoke": "lambda:InvokeFunction"}

// operators alone may do these: they make what a stack has, or read everything.
var operators = []string{"dynamodb:CreateTable", "dynamodb:DescribeTable", "dynamodb:UpdateTimeToLive", "dynamodb:Scan", "sqs:CreateQueue", "s3:CreateBucket"}

// operations reads the drivers' code for the operations that they call, as rights.
func operations(t *testing.T) map[string]bool {
	t.Helper()
	found, named := map[string]bool{}, regexp.MustCompile(`^[A-Z][a-z]+[A-Za-z]*\d?$`)
	for dir, prefix := range drivers {
		add := func(e ast.Expr) {
			lit, ok := e.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return
			}
			if name, _ := strconv.Unquote(lit.Value); named.MatchString(name) && name != "AmazonSQS" { // the service's own name
				action := prefix + name
				if strings.Contains(name, "Secret") {
					action = "secretsmanager:" + name
				}
				if as, ok := renamed[action]; ok {
					action = as
				}
				found[action] = true
			}
		}
		files, _ := filepath.Glob(filepath.Join("..", "shared", dir, "*.go"))
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.CallExpr:
					if f, ok := n.Fun.(*ast.SelectorExpr); ok && (f.Sel.Name == "call" || f.Sel.Name == "JSON") {
						for _, arg := range n.Args {
							add(arg)
						}
					}
				case *ast.KeyValueExpr:
					if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Operation" {
						add(n.Value)
					}
				}
				return true
			})
		}
	}
	return found
}

// wanted gives the rights that a function must have by what topology says of it.
func wanted(f topology.Function, manager bool) map[string]bool {
	all := map[string]bool{"logs:CreateLogStream": true, "logs:PutLogEvents": true}
	add := func(yes bool, actions ...string) {
		for _, a := range actions {
			all[a] = all[a] || yes
		}
	}
	reads := func(a topology.Access) bool { return a == topology.Reads || a == topology.Works }
	adds := func(a topology.Access) bool { return a == topology.Adds || a == topology.Works }
	add(reads(f.Table), "dynamodb:BatchGetItem", "dynamodb:Query")
	add(adds(f.Table), "dynamodb:PutItem")
	add(f.Table == topology.Works, "dynamodb:DeleteItem")
	add(reads(f.Archive), "s3:GetObject", "s3:ListBucket")
	add(adds(f.Archive), "s3:PutObject")
	add(f.Archive == topology.Works, "s3:DeleteObject")
	add(reads(f.Secrets) && !manager || manager && f.Name == "console", "ssm:GetParameter") // where people log in is always there
	add(adds(f.Secrets) && !manager, "ssm:PutParameter")
	add(reads(f.Secrets) && manager, "secretsmanager:GetSecretValue")
	add(adds(f.Secrets) && manager, "secretsmanager:PutSecretValue", "secretsmanager:CreateSecret")
	add(len(f.Sends)+len(f.Lanes) > 0, "sqs:SendMessage")
	add(len(f.Sends)+len(f.Lanes) > 0 || f.Counts, "sqs:GetQueueUrl")
	add(f.Counts || len(f.Lanes) > 0, "sqs:GetQueueAttributes")
	add(f.Mends || len(f.Lanes) > 0, "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility")
	add(f.Timer, "lambda:InvokeFunction")
	maps.DeleteFunc(all, func(_ string, needed bool) bool { return !needed })
	return all
}

// TestActions wants each role to allow exactly what the drivers call for what topology says of its function, and every
// operation of a driver to be allowed to somebody, or to be the operators' own.
func TestActions(t *testing.T) {
	given := map[string]bool{}
	for _, kind := range []string{"ssm", "secretsmanager"} {
		p := synth(t, map[string]any{"secrets": kind})
		for _, f := range topology.Functions() {
			fn := p.one("AWS::Lambda::Function", "FunctionName", "rapport-"+f.Name)
			role := at(fn, "Role", "Fn::GetAtt").([]any)[0].(string)
			parts := statements(p.all("AWS::IAM::Role")[role])
			for _, policy := range p.all("AWS::IAM::Policy") { // of the triggers, which the CDK makes
				if strings.Contains(text(policy["Roles"]), `"`+role+`"`) {
					for _, s := range list(at(policy, "PolicyDocument", "Statement")) {
						parts = append(parts, s.(object))
					}
				}
			}
			has := map[string]bool{}
			for _, s := range parts {
				for _, a := range list(s["Action"]) {
					has[a.(string)] = true
				}
			}
			want := wanted(f, kind == "secretsmanager")
			if got, should := slices.Sorted(maps.Keys(has)), slices.Sorted(maps.Keys(want)); !slices.Equal(got, should) {
				t.Errorf("%s with %s may %v,\nwant %v", f.Name, kind, got, should)
			}
			maps.Copy(given, has)
		}
	}
	calls := operations(t)
	for _, action := range slices.Sorted(maps.Keys(calls)) {
		if given[action] == slices.Contains(operators, action) {
			t.Errorf("a driver calls %s: allowed to a function %v, operators' own %v", action, given[action], slices.Contains(operators, action))
		}
	}
	for _, action := range slices.Sorted(maps.Keys(given)) {
		if !calls[action] && !strings.HasPrefix(action, "logs:") {
			t.Errorf("functions may %s, which no driver calls", action)
		}
	}
}
