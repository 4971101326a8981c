package shared_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"
)

// checkCalls reports uses of forbidden functions and imports of chance in one file.
func checkCalls(t *testing.T, path string, forbidden map[string][]string) {
	t.Helper()
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, path, nil, 0)
	if err != nil {
		t.Error(err)
		return
	}
	for _, imp := range file.Imports {
		if name, _ := strconv.Unquote(imp.Path.Value); name == "math/rand" || name == "math/rand/v2" {
			t.Errorf("%s imports %s: chance comes from app.Ports", path, name)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if pkg, ok := sel.X.(*ast.Ident); ok && slices.Contains(forbidden[pkg.Name], sel.Sel.Name) {
			t.Errorf("%s: %s.%s: clock and environment come from the caller", fset.Position(sel.Pos()), pkg.Name, sel.Sel.Name)
		}
		return true
	})
}
