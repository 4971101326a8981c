// Package expression compiles and runs the expressions of mappings, rules and generic connectors: the language of
// github.com/expr-lang/expr, typed, with limits on size, memory and time, without clock or chance.
package expression

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/vm"
	"github.com/rivo/uniseg"
)

// Limits of one expression.
const (
	MaxSource = 8 << 10 // bytes
	MaxNodes  = 500
	MaxMemory = 50_000 // cells of the expr virtual machine, which also bounds its time
)

// Error is a mistake in an expression.
type Error struct {
	Source       string
	Line, Column int // from 1; 0 = not known
	Message      string
	Nearest      string // the nearest right name, where one was misspelt
}

// Error says what, where and what to do.
func (e *Error) Error() string {
	s := e.Message
	if e.Nearest != "" {
		s += fmt.Sprintf("; did you mean %q?", e.Nearest)
	}
	if e.Line > 0 {
		s = fmt.Sprintf("%d:%d: %s", e.Line, e.Column, s)
	}
	return s
}

// Program is a compiled expression. It is immutable and safe for concurrent use.
type Program struct {
	source   string
	program  *vm.Program
	kind     reflect.Kind
	machines sync.Pool // of *vm.VM, used again because their stacks have grown to what the program needs
}

// Any, Bool: what an expression must give.
const (
	Any  = reflect.Interface
	Bool = reflect.Bool
)

// Compile checks source against the type of env (a struct or map value) and compiles it. want is Any or Bool. An env that
// is a map[string]any is untyped: unknown names give nil.
func Compile(source string, env any, want reflect.Kind) (*Program, error) {
	if len(source) > MaxSource {
		return nil, &Error{Source: source[:40] + "…", Message: fmt.Sprintf("the expression is longer than %d bytes", MaxSource)}
	}
	opts := []expr.Option{expr.Env(env), expr.MaxNodes(MaxNodes), expr.DisableBuiltin("now"), expr.Timezone("UTC")}
	if _, untyped := env.(map[string]any); untyped {
		opts = append(opts, expr.AllowUndefinedVariables())
	}
	if want == Bool {
		opts = append(opts, expr.AsBool())
	}
	opts = append(opts, functions()...)
	opts = append(opts, expr.Patch(plainTexts{}))
	var c calls
	if mayCall(source) {
		c.known = methods()
		opts = append(opts, c.options()...)
	}
	p, err := expr.Compile(source, opts...)
	if c.wrong != nil {
		c.wrong.Source = source
		return nil, c.wrong
	}
	if err != nil {
		return nil, wrap(source, err, env)
	}
	return &Program{source: source, program: p, kind: want}, nil
}

// plainTexts makes plain texts of values whose type is a text with a name of its own (mention.kind), so that they compare
// with and join to other texts.
type plainTexts struct{}

// Visit wraps a node.
func (plainTexts) Visit(node *ast.Node) {
	t := (*node).Type()
	if t == nil || t.Kind() != reflect.String || t == reflect.TypeFor[string]() {
		return
	}
	switch (*node).(type) {
	case *ast.MemberNode, *ast.IdentifierNode, *ast.PointerNode, *ast.CallNode:
		ast.Patch(node, &ast.CallNode{Callee: &ast.IdentifierNode{Value: "plain"}, Arguments: []ast.Node{*node}})
	}
}

// String gives the source.
func (p *Program) String() string { return p.source }

// Type gives the kind of value the expression is known to give; reflect.Interface where that is not known.
func (p *Program) Type() reflect.Type {
	if t := p.program.Node().Type(); t != nil {
		return t
	}
	return reflect.TypeFor[any]()
}

// Gives names what kind of value the expression is known to give: text, flag, integer, number, time, list, object, nil, or
// any where that shows at run time only.
func (p *Program) Gives() string {
	t := p.Type()
	if t == reflect.TypeFor[time.Time]() {
		return "time"
	}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "flag"
	case reflect.Float32, reflect.Float64:
		return "number"
	case reflect.Slice, reflect.Array:
		return "list"
	case reflect.Struct, reflect.Map:
		return "object"
	}
	if t.Kind() >= reflect.Int && t.Kind() <= reflect.Uint64 {
		return "integer"
	}
	if _, ok := p.program.Node().(*ast.NilNode); ok {
		return "nil"
	}
	return "any"
}

// Texts gives the texts that stand in the expression as possible results: "high" and "low" of x > 1 ? "high" : "low".
func (p *Program) Texts() []string { return results(p.program.Node(), nil) }

func results(n ast.Node, texts []string) []string {
	switch n := n.(type) {
	case *ast.StringNode:
		texts = append(texts, n.Value)
	case *ast.ConstantNode:
		if s, ok := n.Value.(string); ok {
			texts = append(texts, s)
		}
	case *ast.ConditionalNode:
		texts = results(n.Exp2, results(n.Exp1, texts))
	}
	return texts
}

// Eval runs the program.
func (p *Program) Eval(env any) (any, error) {
	machine, _ := p.machines.Get().(*vm.VM)
	if machine == nil {
		machine = &vm.VM{MemoryBudget: MaxMemory}
	}
	v, err := machine.Run(p.program, env)
	clear(machine.Stack[:cap(machine.Stack)]) // what was looked at must not outlive the call
	clear(machine.Variables)
	p.machines.Put(machine)
	if err != nil {
		return nil, wrap(p.source, err, nil)
	}
	return v, nil
}

// True runs a program compiled with Bool.
func (p *Program) True(env any) (bool, error) {
	v, err := p.Eval(env)
	b, _ := v.(bool)
	return b, err
}

func wrap(source string, err error, env any) error {
	e := &Error{Source: source, Message: err.Error()}
	var fe *file.Error
	if errors.As(err, &fe) {
		e.Line, e.Column, e.Message = fe.Line, fe.Column+1, fe.Message
	}
	if env != nil {
		e.Nearest = nearest(e.Message, env)
	}
	return e
}

// nearest finds the known name that is most like the unknown one in a message of the checker.
func nearest(message string, env any) string {
	var unknown string
	t := reflect.TypeOf(env)
	if rest, ok := strings.CutPrefix(message, "unknown name "); ok {
		unknown, _, _ = strings.Cut(rest, " ")
	} else if _, rest, ok := strings.Cut(message, "has no field "); ok {
		unknown, _, _ = strings.Cut(rest, " ")
		owner := strings.TrimPrefix(strings.TrimPrefix(strings.Fields(message)[1], "*"), "[]")
		if f := typeNamed(t, owner, 0); f != nil {
			t = f
		}
	}
	if unknown == "" {
		return ""
	}
	return Nearest(unknown, fieldNames(t))
}

func typeNamed(t reflect.Type, name string, depth int) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.String() == name {
		return t
	}
	if t.Kind() != reflect.Struct || depth > 4 || t == reflect.TypeFor[time.Time]() {
		return nil
	}
	for i := range t.NumField() {
		if f := typeNamed(t.Field(i).Type, name, depth+1); f != nil {
			return f
		}
	}
	return nil
}

func fieldNames(t reflect.Type) []string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return nil
	}
	var names []string
	for i := range t.NumField() {
		f := t.Field(i)
		if name := f.Tag.Get("expr"); f.Anonymous && name == "" {
			names = append(names, fieldNames(f.Type)...)
		} else if name != "" {
			names = append(names, name)
		} else {
			names = append(names, f.Name)
		}
	}
	return names
}

// Nearest gives the name most like unknown, "" if none is near.
func Nearest(unknown string, names []string) string {
	best, most := "", max(2, len(unknown)/3)+1
	for _, n := range names {
		if d := distance(strings.ToLower(unknown), strings.ToLower(n)); d < most {
			best, most = n, d
		}
	}
	return best
}

// distance is the Levenshtein distance in bytes.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		prev := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := prev
			if a[i] != b[j] {
				cost = min(prev, row[j], row[j+1]) + 1
			}
			prev, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

// Cut shortens s to at most n characters as people count them, with … at the end where something went.
func Cut(s string, n int) string {
	if len(s) <= n || uniseg.GraphemeClusterCount(s) <= n {
		return s
	}
	if n < 1 {
		return ""
	}
	g, end := uniseg.NewGraphemes(s), 0
	for k := 0; k < n-1 && g.Next(); k++ {
		_, end = g.Positions()
	}
	return strings.TrimRight(s[:end], " \n\t") + "…"
}

// functions adds what mappings need beside expr's own: all pure.
func functions() []expr.Option {
	return []expr.Option{
		expr.Function("cut", func(p ...any) (any, error) { return Cut(p[0].(string), p[1].(int)), nil }, new(func(string, int) string)),
		expr.Function("runes", func(p ...any) (any, error) {
			text, n := p[0].(string), max(p[1].(int), 0)
			if len(text) <= n {
				return text, nil
			}
			for at := range text {
				if n == 0 {
					return text[:at], nil
				}
				n--
			}
			return text, nil
		}, new(func(string, int) string)),
		expr.Function("plain", func(p ...any) (any, error) { return reflect.ValueOf(p[0]).String(), nil }, new(func(any) string)),
		expr.Function("iso", func(p ...any) (any, error) { return ISO(p[0].(time.Time)), nil }, new(func(time.Time) string)),
		expr.Function("unix", func(p ...any) (any, error) {
			switch n := p[0].(type) {
			case float64:
				return time.Unix(int64(n), int64((n-float64(int64(n)))*1e9)).UTC(), nil
			case int:
				return time.Unix(int64(n), 0).UTC(), nil
			}
			return nil, fmt.Errorf("unix wants a number of seconds, not %T", p[0])
		}, new(func(float64) time.Time), new(func(int) time.Time), new(func(any) time.Time)),
	}
}

// ISO writes a time as CRMs take it: 2026-11-21T09:30:00Z; the zero time is "".
func ISO(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}
