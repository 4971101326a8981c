// Package shared_test checks who imports whom, so that the layers of the house stay what they are.
package shared_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// layers from the bottom up; a package may import only packages of lower rows. Within a row nothing knows its neighbour.
var layers = [][]string{
	{"flow", "fault", "topology", "pattern", "direct", "memo"},
	{"config", "rest", "webhook", "expression", "datafile", "emulator", "id", "phone", "phone/table", "browser"},
	{"awsapi", "oidc"},
	{"network", "store", "queue", "archive", "secret"},
	{"telemetry"},
	{"crm"},
	{"network/networktest", "crm/crmtest", "store/storetest", "queue/queuetest", "archive/archivetest", "secret/secrettest"},
	{"network/*", "crm/*", "store/*", "queue/*", "archive/*", "secret/*"},
	{"decide/*"},
	{"decide", "privacy", "report"},
	{"mapping", "ledger"},
	{"cost"},
	{"pipeline"},
	{"console"},
	{"connectors", "cloud"},
	{"app"},
	{"app/apptest"},
	{"lambdarun", "localrun", "twin/*"},
	{"lambdarun/worker"},
	{"lambdarun/*"},
	{"twin"},
	{"world", "simulation"},
}

func layer(pkg string) int {
	for i, row := range layers {
		for _, name := range row {
			dir, any := strings.CutSuffix(name, "/*")
			if name == pkg || any && strings.HasPrefix(pkg, dir+"/") {
				return i
			}
		}
	}
	return -1
}

// sdk names who may import what of AWS.
var sdk = map[string][]string{
	"github.com/aws/aws-lambda-go": {"lambdarun"},
	"github.com/aws/aws-sdk-go-v2": {"store/dynamo", "queue/sqs", "archive/s3", "secret/aws", "awsapi", "cloud"},
}

func TestImportsPointDown(t *testing.T) {
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		pkg := filepath.ToSlash(filepath.Dir(path))
		if pkg == "." {
			return nil
		}
		at := layer(pkg)
		if at < 0 {
			t.Errorf("package %s has no layer: add it to the table", pkg)
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, imp := range file.Imports {
			name, _ := strconv.Unquote(imp.Path.Value)
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			for prefix, who := range sdk {
				if strings.HasPrefix(name, prefix) && !within(pkg, who) {
					t.Errorf("%s imports %s; only %v may", path, name, who)
				}
			}
			if at == 0 && strings.Contains(name, ".") {
				t.Errorf("%s imports %s; the bottom layer has the standard library only", path, name)
			}
			dep, ok := strings.CutPrefix(name, "rapport/shared/")
			if !ok || dep == pkg {
				continue
			}
			if to := layer(dep); to >= at {
				t.Errorf("%s imports %s: layer %d may not know layer %d", path, dep, at, to)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func within(pkg string, who []string) bool {
	for _, w := range who {
		if pkg == w || strings.HasPrefix(pkg, w+"/") {
			return true
		}
	}
	return false
}

// TestPurity forbids clock, chance and environment where a decision or an adapter is made.
func TestPurity(t *testing.T) {
	forbidden := map[string][]string{"time": {"Now", "Sleep", "After", "Since", "Until", "Tick", "NewTimer", "NewTicker"}, "os": {"Getenv", "LookupEnv", "Environ"}}
	roots := []string{"flow", "decide", "mapping", "ledger", "network", "crm", "pipeline", "expression"}
	for _, root := range roots {
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "test/") {
				return err
			}
			checkCalls(t, path, forbidden)
			return nil
		})
	}
}
