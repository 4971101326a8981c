package console

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

var inPath = regexp.MustCompile(`\{([a-z]+)\}`)

// openAPI describes the API. It is made of the table of routes, so it cannot tell of others.
func (c *Console) openAPI(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(c.document())
}

func (c *Console) document() map[string]any {
	paths := map[string]map[string]any{}
	for _, rt := range c.routes {
		if !rt.api {
			continue
		}
		path := prefix + rt.path
		if rt.path == "/" {
			path = prefix + "/overview"
		}
		var params []map[string]any
		for _, m := range inPath.FindAllStringSubmatch(path, -1) {
			params = append(params, map[string]any{"name": m[1], "in": "path", "required": true, "schema": map[string]any{"type": "string"}})
		}
		op := map[string]any{
			"operationId": strings.ToLower(rt.method) + strings.NewReplacer("/", "_", "{", "", "}", "").Replace(strings.TrimPrefix(path, prefix)),
			"summary":     rt.does, "x-roles": rt.right.roles, "security": []any{map[string]any{"token": []string{}}},
			"responses": map[string]any{
				"200": map[string]any{"description": "done", "content": map[string]any{kindOf(rt): map[string]any{}}},
				"401": map[string]any{"description": "no valid token"}, "403": map[string]any{"description": "the role may not"},
				"404": map[string]any{"description": "not there"}, "422": map[string]any{"description": "what was sent is wrong: error, mistakes"},
			},
		}
		text := map[string]any{"type": "string"}
		fields := map[string]any{}
		for _, name := range taken(rt.does) {
			if fields[name] = text; rt.method == "GET" {
				params = append(params, map[string]any{"name": name, "in": "query", "schema": text})
			}
		}
		if params != nil {
			op["parameters"] = params
		}
		if rt.method == "POST" {
			op["requestBody"] = map[string]any{"content": map[string]any{"application/json": map[string]any{"schema": map[string]any{"type": "object", "properties": fields, "additionalProperties": true}}}}
		}
		if paths[path] == nil {
			paths[path] = map[string]any{}
		}
		paths[path][strings.ToLower(rt.method)] = op
	}
	return map[string]any{"openapi": "3.1.0", "info": map[string]any{"title": "Rapport", "version": "1"}, "paths": paths,
		"components": map[string]any{"securitySchemes": map[string]any{"token": map[string]any{"type": "http", "scheme": "bearer"}}}}
}

var (
	aside   = regexp.MustCompile(`\([^()]*\)`)
	oneName = regexp.MustCompile(`^(?:and |or )?([a-z_]+)(?:=.*)?$`)
)

// taken gives the names of what a route takes, as its description lists them behind a colon.
func taken(does string) []string {
	_, list, ok := strings.Cut(does, ": ")
	if !ok {
		return nil
	}
	var out []string
	for _, part := range regexp.MustCompile(`,|;| and `).Split(aside.ReplaceAllString(list, ""), -1) {
		if m := oneName.FindStringSubmatch(strings.TrimSpace(part)); m != nil && !slices.Contains(out, m[1]) {
			out = append(out, m[1])
		}
	}
	return out
}

func kindOf(rt route) string {
	switch rt.path {
	case "/reports/file":
		return "text/csv"
	case "/corrections/file":
		return "application/jsonl"
	case "/configuration/file":
		return "application/yaml"
	}
	return "application/json"
}
