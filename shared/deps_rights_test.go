package shared_test

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rapport/shared/topology"
)

// studied are the packages between the functions and the drivers, each after those that it imports.
var studied = []string{"store", "pipeline", "app", "console", "lambdarun", "lambdarun/worker", "lambdarun/desk"}

// begins says where the work of a function begins; that of the lanes begins with its verb.
func begins(f topology.Function) []string {
	switch f.Name {
	case "receive":
		return []string{"worker.Receive"}
	case "tick":
		return []string{"worker.Tick"}
	case "report":
		return []string{"worker.Report"}
	case "console":
		return []string{"desk.Console"}
	}
	return []string{"worker.Lanes", "pipeline.Pipeline." + strings.ToUpper(f.Name[:1]) + f.Name[1:]}
}

// spared says what a function reaches by its code, but never does, and why.
var spared = map[string]string{
	"report adds to the table":    "the key of the hashes is made by whoever starts first, and that is tick, which wakes it",
	"console adds to the archive": "a correction is never so long that it goes by way of the archive",
}

// reach is which function of the studied packages may come to call which.
type reach struct {
	calls  map[string][]string // by name: package.Function or package.Type.Method
	lanes  map[string][]string // lanes that it names
	own    map[string]bool     // sends a message back into the lane that it came from
	feeds  map[string]bool     // sends what was parked
	passes map[string]bool     // sends a delivery that was made before
	parked []string            // lanes of messages that are made to be parked
	asked  map[string][]*types.Func
	has    map[string][]*types.Func // methods of ours, by their name alone
}

// study type-checks the packages and notes which function refers to which. A call of an interface's method may reach that
// method of every type of ours that satisfies the interface, so more may be reached than ever is, but never less.
func study(t *testing.T) reach {
	t.Helper()
	args := []string{"list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}"}
	for _, name := range studied {
		args = append(args, "./"+name)
	}
	out, err := exec.Command("go", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	exports := map[string]string{}
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), "\t")
		exports[path] = file
	}
	fset := token.NewFileSet()
	known := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	r := reach{calls: map[string][]string{}, lanes: map[string][]string{}, own: map[string]bool{}, feeds: map[string]bool{}, passes: map[string]bool{},
		asked: map[string][]*types.Func{}, has: map[string][]*types.Func{}}
	for _, name := range studied {
		var files []*ast.File
		paths, _ := filepath.Glob(name + "/*.go")
		for _, path := range paths {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
		info := &types.Info{Defs: map[*ast.Ident]types.Object{}, Uses: map[*ast.Ident]types.Object{}, Types: map[ast.Expr]types.TypeAndValue{}}
		if _, err := (&types.Config{Importer: known}).Check("rapport/shared/"+name, fset, files, info); err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			for _, d := range file.Decls {
				r.declared(d, info)
			}
		}
	}
	for from, list := range r.asked {
		for _, m := range list {
			for _, f := range r.has[m.Name()] {
				if kinds(m) == kinds(f) {
					r.calls[from] = append(r.calls[from], nameOf(f))
				}
			}
		}
	}
	return r
}

// declared notes the functions and variables of a declaration.
func (r *reach) declared(d ast.Decl, info *types.Info) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		f := info.Defs[d.Name].(*types.Func)
		if f.Signature().Recv() != nil {
			r.has[f.Name()] = append(r.has[f.Name()], f)
		}
		r.note(nameOf(f), d, info)
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			if v, ok := spec.(*ast.ValueSpec); ok && d.Tok == token.VAR {
				for _, name := range v.Names {
					r.note(nameOf(info.Defs[name]), v, info)
				}
			}
		}
	}
}

// kinds writes the types of a function's parameters and results without their names. They are compared as they are written,
// since a package that was read and the same package compiled hold different ones.
func kinds(f *types.Func) string {
	var b strings.Builder
	for _, tuple := range []*types.Tuple{f.Signature().Params(), f.Signature().Results()} {
		for v := range tuple.Variables() {
			b.WriteString(types.TypeString(v.Type(), nil) + ";")
		}
		b.WriteString("→")
	}
	return b.String()
}

// nameOf names a function or a variable of a package as reach does, "" if it is none of ours.
func nameOf(o types.Object) string {
	if o == nil || o.Pkg() == nil || !strings.HasPrefix(o.Pkg().Path(), "rapport/shared/") {
		return ""
	}
	name := o.Pkg().Name() + "."
	if f, ok := o.(*types.Func); ok && f.Signature().Recv() != nil {
		t := f.Signature().Recv().Type()
		if p, ok := t.(*types.Pointer); ok {
			t = p.Elem()
		}
		if n, ok := t.(*types.Named); ok {
			name += n.Obj().Name() + "."
		}
	}
	return name + o.Name()
}

// note writes down what one function refers to, or one variable of a package when it is made.
func (r *reach) note(from string, body ast.Node, info *types.Info) {
	makes, sends := false, false
	asked := map[ast.Expr]bool{} // lanes that are compared with something, or asked about: nothing is sent there
	ask := func(list ...ast.Expr) bool {
		for _, e := range list {
			asked[e] = info.Types[e].Value != nil
		}
		return true
	}
	ast.Inspect(body, func(n ast.Node) bool {
		if e, ok := n.(ast.Expr); ok && asked[e] {
			return false
		}
		switch n := n.(type) {
		case *ast.Ident:
			r.refer(from, info.Uses[n])
			sends = sends || nameOf(info.Uses[n]) == "pipeline.Task.message"
		case *ast.CallExpr: // what is parked is not sent by who parks it
			if f, ok := n.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "park" {
				aside := reach{calls: map[string][]string{}, lanes: map[string][]string{}, asked: r.asked, own: r.own, feeds: r.feeds, passes: r.passes}
				for _, arg := range n.Args {
					aside.note(from, arg, info)
				}
				r.parked = append(r.parked, aside.lanes[from]...)
				r.calls[from] = append(append(r.calls[from], aside.calls[from]...), nameOf(info.Uses[f.Sel]))
				return false
			}
			if f, ok := n.Fun.(*ast.Ident); ok && (nameOf(info.Uses[f]) == "pipeline.gatesOf" || nameOf(info.Uses[f]) == "pipeline.parkOf") {
				return ask(n.Args...)
			}
		case *ast.BinaryExpr:
			return n.Op != token.EQL && n.Op != token.NEQ || ask(n.X, n.Y)
		case *ast.CaseClause:
			return ask(n.List...)
		case *ast.CompositeLit:
			switch kind := types.TypeString(info.Types[n].Type, nil); {
			case strings.HasSuffix(kind, "[]rapport/shared/queue.Lane"):
				return ask(n.Elts...)
			case strings.HasSuffix(kind, "pipeline.Task"):
				makes = true
			case strings.HasSuffix(kind, "queue.Message"):
				r.message(from, n, info)
			}
		}
		return true
	})
	r.passes[from] = sends && !makes
}

// refer notes a reference to a function, a variable of a package, or a lane.
func (r *reach) refer(from string, to types.Object) {
	switch o := to.(type) {
	case *types.Func:
		o = o.Origin()
		if recv := o.Signature().Recv(); recv != nil && types.IsInterface(recv.Type()) {
			r.asked[from] = append(r.asked[from], o)
		}
		r.calls[from] = append(r.calls[from], nameOf(o))
	case *types.Var:
		if o.Pkg() != nil && o.Parent() == o.Pkg().Scope() {
			r.calls[from] = append(r.calls[from], nameOf(o))
		}
	case *types.Const:
		name := strings.Trim(o.Val().ExactString(), `"`)
		if o.Pkg() != nil && o.Pkg().Path() == "rapport/shared/topology" && slices.ContainsFunc(topology.Queues(), func(q topology.Queue) bool { return q.Name == name }) {
			r.lanes[from] = append(r.lanes[from], name)
		}
	}
}

// message looks where the lane of a message comes from.
func (r *reach) message(from string, m *ast.CompositeLit, info *types.Info) {
	for _, e := range m.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		if lane, ok := kv.Value.(*ast.SelectorExpr); ok && lane.Sel.Name == "Lane" {
			of := types.TypeString(info.Types[lane.X].Type, nil)
			r.own[from] = r.own[from] || strings.HasSuffix(of, "queue.Message")
			r.feeds[from] = r.feeds[from] || strings.HasSuffix(of, "ParkedRow")
		}
	}
}

// from gives everything that some functions may come to call, each with who calls it.
func (r *reach) from(begin ...string) map[string]string {
	by, todo := map[string]string{}, begin
	for _, name := range begin {
		by[name] = ""
	}
	for ; len(todo) > 0; todo = todo[1:] {
		for _, to := range r.calls[todo[0]] {
			if _, ok := by[to]; !ok && to != "" {
				by[to], todo = todo[0], append(todo[:len(todo):len(todo)], to)
			}
		}
	}
	return by
}

// way tells how a function is reached.
func way(by map[string]string, name string) string {
	steps := []string{}
	for ; name != ""; name = by[name] {
		steps = append([]string{name}, steps...)
	}
	return strings.Join(steps, " → ")
}

// needs gives the lanes that a function may send to, each with the way to where it does.
func (r *reach) needs(f topology.Function, by map[string]string) map[string]string {
	lanes := map[string]string{}
	if f.Mends {
		for _, q := range topology.Queues() {
			lanes[q.Name] = "it sends dead letters again"
		}
	}
	for _, name := range slices.Sorted(maps.Keys(by)) {
		named := slices.Clone(r.lanes[name])
		if r.own[name] {
			named = append(named, f.Lanes...)
		}
		if r.passes[name] {
			named = append(named, topology.DeliverUrgent, topology.DeliverBulk)
		}
		if r.feeds[name] {
			named = append(named, r.parked...)
			for _, other := range topology.Functions() {
				if _, ok := r.from(begins(other)...)["pipeline.Pipeline.park"]; ok {
					named = append(named, other.Lanes...)
				}
			}
		}
		for _, l := range named {
			lanes[l] = way(by, name)
		}
	}
	return lanes
}

// contracts says what a call of a driver needs: whether it reads, adds, removes, and of what.
var contracts = map[string]struct {
	of string
	do topology.Access
}{
	"store.Store.Get": {"table", topology.Reads}, "store.Store.List": {"table", topology.Reads}, "store.Glancer.Glance": {"table", topology.Reads},
	"store.Store.Put": {"table", topology.Adds}, "store.Store.Delete": {"table", topology.Works},
	"archive.Archive.Read": {"archive", topology.Reads}, "archive.Archive.List": {"archive", topology.Reads},
	"archive.Archive.Write": {"archive", topology.Adds}, "archive.Archive.Rewrite": {"archive", topology.Works},
	"secret.Source.Get": {"secrets", topology.Reads}, "aws.Source.Get": {"secrets", topology.Reads}, "secret.Writer.Set": {"secrets", topology.Adds},
}

// keepers says who alone looks after queues or wakes others.
var keepers = map[string]func(topology.Function) bool{
	"queue.Admin.Depth": func(f topology.Function) bool { return f.Counts }, "sqs.Queue.Depth": func(f topology.Function) bool { return f.Counts },
	"queue.Admin.Dead": func(f topology.Function) bool { return f.Mends }, "queue.Admin.Redrive": func(f topology.Function) bool { return f.Mends },
	"cloud.Drivers.Wake": func(f topology.Function) bool { return f.Timer },
	"store.Walker.Walk":  func(topology.Function) bool { return false },
}

// TestRights wants of every function that topology, from which its role is made, allows what its code may come to do, and
// nothing that no way leads to. A right that is missing is found only on AWS; one too many, never.
func TestRights(t *testing.T) {
	r := study(t)
	used := map[string]bool{}
	for _, f := range topology.Functions() {
		by := r.from(begins(f)...)
		lanes := r.needs(f, by)
		for _, q := range topology.Queues() {
			at, needed := lanes[q.Name]
			switch has := slices.Contains(f.Sends, q.Name); {
			case needed && !has:
				t.Errorf("%s sends to %s, which topology does not allow: %s", f.Name, q.Name, at)
			case has && !needed:
				t.Errorf("topology allows %s to send to %s, but no way leads there", f.Name, q.Name)
			}
		}
		need, who := map[string]topology.Access{}, map[string]string{}
		for _, name := range slices.Sorted(maps.Keys(by)) {
			if may, ok := keepers[name]; ok && !may(f) {
				t.Errorf("%s may not call %s: %s", f.Name, name, way(by, name))
			}
			c, ok := contracts[name]
			if !ok {
				continue
			}
			if say := f.Name + map[topology.Access]string{topology.Reads: " reads ", topology.Adds: " adds to ", topology.Works: " works on "}[c.do] + "the " + c.of; spared[say] != "" {
				used[say] = true
				continue
			}
			if need[c.of] == topology.None {
				need[c.of] = c.do
			} else if need[c.of] != c.do {
				need[c.of] = topology.Works
			}
			who[c.of] += "\n\t" + way(by, name)
		}
		for of, has := range map[string]topology.Access{"table": f.Table, "archive": f.Archive, "secrets": f.Secrets} {
			if need[of] != has {
				t.Errorf("%s: access to the %s is %d in topology, but the code wants %d:%s", f.Name, of, has, need[of], who[of])
			}
		}
	}
	for say := range spared {
		if !used[say] {
			t.Errorf("%q is spared, but no way leads there any more", say)
		}
	}
}
