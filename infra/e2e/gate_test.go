package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"rapport/shared/topology"
)

// gate stands between a function and the services and lets through what the function's role in the template allows: the
// emulator itself refuses nothing.
type gate struct {
	s        *stage
	function string
	rights   []right
	next     *httputil.ReverseProxy
}

// right is what a statement of a role allows.
type right struct{ actions, resources []string }

// guarded gives the address of the services for a function.
func (s *stage) guarded(f topology.Function) string {
	s.t.Helper()
	target, err := url.Parse(s.endpoint)
	if err != nil {
		s.t.Fatal(err)
	}
	g := &gate{s: s, function: f.Name, rights: s.rights(f), next: &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target) }}}
	if len(g.rights) == 0 {
		s.t.Fatalf("the template allows %s nothing", f.Name)
	}
	server := httptest.NewServer(g)
	s.t.Cleanup(server.Close)
	return server.URL
}

// ServeHTTP refuses what the role does not allow, as the service would, and fails the test.
func (g *gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	action, resources := asked(r, body)
	for _, resource := range resources {
		if !g.allows(action, resource) {
			g.s.t.Errorf("the role of %s does not allow %s on %s", g.function, action, resource)
			w.Header().Set("X-Amzn-Errortype", "AccessDeniedException")
			http.Error(w, `{"__type":"AccessDeniedException","message":"not allowed"}`, http.StatusBadRequest)
			return
		}
	}
	g.next.ServeHTTP(w, r)
}

func (g *gate) allows(action, resource string) bool {
	for _, right := range g.rights {
		for _, a := range right.actions {
			for _, pattern := range right.resources {
				begin, wild := strings.CutSuffix(pattern, "*")
				if a == action && (pattern == resource || wild && strings.HasPrefix(resource, begin)) {
					return true
				}
			}
		}
	}
	return false
}

// asked tells what a call does, in IAM's words, and with what: the last part of an ARN, or kind and name of what is ours.
func asked(r *http.Request, body []byte) (action string, resources []string) {
	var in struct {
		TableName, QueueURL, QueueName, Name string
		RequestItems                         map[string]any
	}
	_ = json.Unmarshal(body, &in) // what is no JSON names nothing
	service, operation, ok := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch {
	case ok && strings.HasPrefix(service, "DynamoDB"):
		for table := range in.RequestItems {
			resources = append(resources, "table/"+table)
		}
		if in.TableName != "" {
			resources = append(resources, "table/"+in.TableName)
		}
		return "dynamodb:" + operation, resources
	case ok && service == "AmazonSQS":
		return "sqs:" + strings.TrimSuffix(operation, "Batch"), []string{"queue/" + path.Base(in.QueueURL+in.QueueName)}
	case ok:
		return "ssm:" + operation, []string{"parameter" + in.Name}
	case strings.HasPrefix(r.URL.Path, "/2015-03-31/functions/"):
		return "lambda:InvokeFunction", []string{strings.Split(r.URL.Path, "/")[3]}
	case r.URL.Query().Has("list-type"):
		return "s3:ListBucket", []string{"bucket/" + strings.Trim(r.URL.Path, "/")}
	}
	verb := map[string]string{http.MethodGet: "Get", http.MethodPut: "Put", http.MethodDelete: "Delete"}[r.Method]
	return "s3:" + verb + "Object", []string{"bucket" + r.URL.Path}
}

type values = map[string]any

// rights reads what the deployed template allows a function.
func (s *stage) rights(f topology.Function) (all []right) {
	s.t.Helper()
	raw, err := os.ReadFile(filepath.Join(s.work, "cdk.out", stackName+".template.json"))
	if err != nil {
		s.t.Fatal(err)
	}
	var template struct {
		Resources map[string]struct {
			Type       string
			Properties values
		}
	}
	if err := json.Unmarshal(raw, &template); err != nil {
		s.t.Fatal(err)
	}
	names, role := map[string]string{}, ""
	for id, r := range template.Resources {
		switch r.Type {
		case "AWS::SQS::Queue":
			names[id] = "queue/" + r.Properties["QueueName"].(string)
		case "AWS::DynamoDB::GlobalTable":
			names[id] = "table/" + s.outputs["TableName"]
		case "AWS::S3::Bucket":
			names[id] = "bucket/" + s.outputs["ArchiveName"]
		case "AWS::Lambda::Function":
			if r.Properties["FunctionName"] == stackName+"-"+f.Name {
				role = r.Properties["Role"].(values)["Fn::GetAtt"].([]any)[0].(string)
			}
		}
	}
	statements := func(policy any) {
		for _, one := range many(policy.(values)["PolicyDocument"].(values)["Statement"]) {
			st := one.(values)
			var r right
			for _, a := range many(st["Action"]) {
				r.actions = append(r.actions, a.(string))
			}
			for _, what := range many(st["Resource"]) {
				r.resources = append(r.resources, written(what, names))
			}
			all = append(all, r)
		}
	}
	for id, r := range template.Resources {
		switch {
		case id == role:
			for _, policy := range many(r.Properties["Policies"]) {
				statements(policy)
			}
		case r.Type == "AWS::IAM::Policy":
			for _, of := range many(r.Properties["Roles"]) {
				if of.(values)["Ref"] == role {
					statements(values(r.Properties))
				}
			}
		}
	}
	return all
}

// written gives a resource of a statement as asked does.
func written(v any, names map[string]string) string {
	switch v := v.(type) {
	case string:
		return v[strings.LastIndexByte(v, ':')+1:]
	case values:
		if of, ok := v["Fn::GetAtt"].([]any); ok {
			return names[of[0].(string)]
		}
		if join, ok := v["Fn::Join"].([]any); ok {
			var all strings.Builder
			for _, part := range join[1].([]any) {
				if text, ok := part.(string); ok {
					all.WriteString(text)
				} else {
					all.WriteString(written(part, names))
				}
			}
			return written(all.String(), names)
		}
	}
	return ""
}

// many gives a list, also of one.
func many(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	if v == nil {
		return nil
	}
	return []any{v}
}

// TestGate wants the gate to tell calls apart, and to let pass none but those that a role allows.
func TestGate(t *testing.T) {
	g := gate{rights: []right{
		{[]string{"sqs:SendMessage"}, []string{"queue/rapport-jobs"}}, {[]string{"dynamodb:PutItem"}, []string{"table/t"}},
		{[]string{"s3:GetObject"}, []string{"bucket/a/*"}}, {[]string{"ssm:GetParameter"}, []string{written("arn:aws:ssm:r:1:parameter/rapport/*", nil)}}}}
	for _, c := range []struct {
		method, path, target, body, action, resource string
		allowed                                      bool
	}{
		{"POST", "/", "AmazonSQS.SendMessageBatch", `{"QueueUrl":"http://x/1/rapport-jobs"}`, "sqs:SendMessage", "queue/rapport-jobs", true},
		{"POST", "/", "AmazonSQS.SendMessageBatch", `{"QueueUrl":"http://x/1/rapport-polls"}`, "sqs:SendMessage", "queue/rapport-polls", false},
		{"POST", "/", "DynamoDB_20120810.PutItem", `{"TableName":"t"}`, "dynamodb:PutItem", "table/t", true},
		{"POST", "/", "DynamoDB_20120810.BatchGetItem", `{"RequestItems":{"t":{}}}`, "dynamodb:BatchGetItem", "table/t", false},
		{"GET", "/a/social/2026/x", "", "", "s3:GetObject", "bucket/a/social/2026/x", true},
		{"PUT", "/a/social/2026/x", "", "", "s3:PutObject", "bucket/a/social/2026/x", false},
		{"GET", "/a?list-type=2", "", "", "s3:ListBucket", "bucket/a", false},
		{"POST", "/", "AmazonSSM.GetParameter", `{"Name":"/rapport/token"}`, "ssm:GetParameter", "parameter/rapport/token", true},
		{"POST", "/", "AmazonSSM.GetParameter", `{"Name":"/other/token"}`, "ssm:GetParameter", "parameter/other/token", false},
		{"POST", "/2015-03-31/functions/rapport-report/invocations", "", "{}", "lambda:InvokeFunction", "rapport-report", false},
	} {
		r := httptest.NewRequest(c.method, c.path, nil)
		r.Header.Set("X-Amz-Target", c.target)
		action, resources := asked(r, []byte(c.body))
		if action != c.action || len(resources) != 1 || resources[0] != c.resource || g.allows(action, resources[0]) != c.allowed {
			t.Errorf("%s %s %s: %s on %v, allowed %v", c.method, c.path, c.target, action, resources, !c.allowed)
		}
	}
}
