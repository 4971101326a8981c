package privacy_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// source is the product's code under shared, without tests, twins and simulations: what is stored is read out of it.
type source struct {
	files map[string][]*ast.File // package, such as "pipeline" or "network/x" → its files
	types map[string]*ast.TypeSpec
}

func readSource(t *testing.T) *source {
	t.Helper()
	s := &source{files: map[string][]*ast.File{}, types: map[string]*ast.TypeSpec{}}
	fset := token.NewFileSet()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		pkg, _ := filepath.Rel("..", filepath.Dir(path))
		pkg = filepath.ToSlash(pkg)
		if root, _, _ := strings.Cut(pkg, "/"); root == "twin" || root == "simulation" || root == "world" || strings.HasSuffix(pkg, "test") {
			return nil
		}
		file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		s.files[pkg] = append(s.files[pkg], file)
		for _, decl := range file.Decls {
			if g, ok := decl.(*ast.GenDecl); ok && g.Tok == token.TYPE {
				for _, spec := range g.Specs {
					ts := spec.(*ast.TypeSpec)
					s.types[pkg+"."+ts.Name.Name] = ts
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fileOf finds the file in which a type is declared, for its imports.
func (s *source) fileOf(pkg string, spec *ast.TypeSpec) *ast.File {
	for _, f := range s.files[pkg] {
		if f.FileStart <= spec.Pos() && spec.Pos() < f.FileEnd {
			return f
		}
	}
	return nil
}

// name gives the full name of the type that an expression means, such as flow.Mention; "" for what is not ours.
func (s *source) name(pkg string, file *ast.File, x ast.Expr) string {
	switch x := x.(type) {
	case *ast.Ident:
		if s.types[pkg+"."+x.Name] != nil {
			return pkg + "." + x.Name
		}
	case *ast.SelectorExpr:
		q, ok := x.X.(*ast.Ident)
		if !ok {
			return ""
		}
		for _, imp := range file.Imports {
			path, _ := strconv.Unquote(imp.Path.Value)
			ours, is := strings.CutPrefix(path, "rapport/shared/")
			local := path[strings.LastIndexByte(path, '/')+1:]
			if imp.Name != nil {
				local = imp.Name.Name
			}
			if is && local == q.Name && s.types[ours+"."+x.Sel.Name] != nil {
				return ours + "." + x.Sel.Name
			}
		}
	}
	return ""
}

// parts gives the struct types that an expression holds, through pointers, lists, maps, aliases and named types.
func (s *source) parts(pkg string, file *ast.File, x ast.Expr) []string {
	switch x := x.(type) {
	case *ast.StarExpr:
		return s.parts(pkg, file, x.X)
	case *ast.ArrayType:
		return s.parts(pkg, file, x.Elt)
	case *ast.MapType:
		return s.parts(pkg, file, x.Value)
	case *ast.Ident, *ast.SelectorExpr:
		name := s.name(pkg, file, x)
		if name == "" {
			return nil
		}
		spec := s.types[name]
		if _, is := spec.Type.(*ast.StructType); is {
			return []string{name}
		}
		of := name[:strings.LastIndexByte(name, '.')]
		return s.parts(of, s.fileOf(of, spec), spec.Type)
	}
	return nil
}

// stored is one field as it stands in the store: the type that declares it, its name in JSON, and of which types it consists.
type stored struct {
	of, name string
	parts    []string
}

// walk lists the fields of a struct type and of all it holds, each type once.
func (s *source) walk(name string, seen map[string]bool, out *[]stored) {
	if seen[name] {
		return
	}
	seen[name] = true
	spec := s.types[name]
	pkg := name[:strings.LastIndexByte(name, '.')]
	file := s.fileOf(pkg, spec)
	st, ok := spec.Type.(*ast.StructType)
	if !ok {
		for _, p := range s.parts(pkg, file, spec.Type) {
			s.walk(p, seen, out)
		}
		return
	}
	for _, f := range st.Fields.List {
		tag := ""
		if f.Tag != nil {
			text, _ := strconv.Unquote(f.Tag.Value)
			tag, _, _ = strings.Cut(reflect.StructTag(text).Get("json"), ",")
		}
		parts := s.parts(pkg, file, f.Type)
		names := f.Names
		if len(names) == 0 && tag == "" { // embedded: its fields stand among ours
			for _, p := range parts {
				s.walk(p, seen, out)
			}
			continue
		}
		if len(names) == 0 {
			names = []*ast.Ident{{Name: "embedded"}}
		}
		for _, n := range names {
			as := n.Name
			if tag != "" {
				as = tag
			}
			if tag == "-" || !n.IsExported() {
				continue
			}
			*out = append(*out, stored{name, as, parts})
			for _, p := range parts {
				s.walk(p, seen, out)
			}
		}
	}
}

// table is one store.Table in the code: what it is called and what it keeps.
type table struct{ name, of string }

// tables finds every store.Table that is made anywhere.
func (s *source) tables() map[table]bool {
	out := map[table]bool{}
	for pkg, files := range s.files {
		for _, file := range files {
			ast.Inspect(file, func(n ast.Node) bool {
				lit, ok := n.(*ast.CompositeLit)
				if !ok {
					return true
				}
				index, ok := lit.Type.(*ast.IndexExpr)
				if !ok {
					return true
				}
				if sel, ok := index.X.(*ast.SelectorExpr); !ok || sel.Sel.Name != "Table" {
					return true
				}
				tab := table{of: s.name(pkg, file, index.Index)}
				if id, ok := index.Index.(*ast.Ident); ok && tab.of == "" {
					tab.of = id.Name
				}
				for _, e := range lit.Elts {
					if kv, ok := e.(*ast.KeyValueExpr); ok && fmt.Sprint(kv.Key) == "Name" {
						if text, ok := kv.Value.(*ast.BasicLit); ok {
							tab.name, _ = strconv.Unquote(text.Value)
						}
					}
				}
				out[tab] = true
				return true
			})
		}
	}
	return out
}

// makers lists the functions that make a value of a type with a given field set: who puts what into a queue or into the store.
func (s *source) makers(typ, field string) map[string]bool {
	out := map[string]bool{}
	for pkg, files := range s.files {
		for _, file := range files {
			for _, decl := range file.Decls {
				fn, ok := decl.(*ast.FuncDecl)
				if !ok {
					continue
				}
				ast.Inspect(fn, func(n ast.Node) bool {
					lit, ok := n.(*ast.CompositeLit)
					if ok && s.name(pkg, file, lit.Type) == typ && sets(lit, field) {
						out[pkg+"."+fn.Name.Name] = true
					}
					return true
				})
			}
		}
	}
	return out
}

func sets(lit *ast.CompositeLit, field string) bool {
	for _, e := range lit.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok && fmt.Sprint(kv.Key) == field {
			return true
		}
	}
	return false
}

// reads tells whether a package's code asks for a field or calls a function of this name.
func (s *source) reads(pkg, name string) (found bool) {
	for _, file := range s.files[pkg] {
		ast.Inspect(file, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && sel.Sel.Name == name {
				found = true
			}
			return !found
		})
	}
	return found
}

// declares tells whether any function of a package has a name that holds this, whatever its case.
func (s *source) declares(pkg, part string) (found bool) {
	for _, file := range s.files[pkg] {
		for _, decl := range file.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			found = found || ok && strings.Contains(strings.ToLower(fn.Name.Name), part)
		}
	}
	return found
}
