package expression

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
)

// Methods of values cannot be called in expressions, but these of times and durations, as in mention.created.Unix(). They
// are functions under names that nobody can write, put in the methods' places while an expression is compiled. So the
// library needs to look up no method by its name, for which the linker would have to keep every method of every type.

// method is a function in a method's place.
type method struct {
	call func(v any, p []any) (any, error)
	sign any // its signature, the value first
}

// onTime makes a method of times without arguments.
func onTime[T any](do func(time.Time) T) method {
	return method{func(v any, _ []any) (any, error) { return do(v.(time.Time)), nil }, new(func(time.Time) T)}
}

// onTimes makes a method of times with one argument.
func onTimes[A, T any](do func(time.Time, A) T) method {
	return method{func(v any, p []any) (any, error) { return do(v.(time.Time), p[0].(A)), nil }, new(func(time.Time, A) T)}
}

// onDuration makes a method of durations.
func onDuration[T any](do func(time.Duration) T) method {
	return method{func(v any, _ []any) (any, error) { return do(v.(time.Duration)), nil }, new(func(time.Duration) T)}
}

// methods gives the functions by type and method.
func methods() map[string]method {
	return map[string]method{
		"time.Time.Unix": onTime(time.Time.Unix), "time.Time.UnixMilli": onTime(time.Time.UnixMilli), "time.Time.IsZero": onTime(time.Time.IsZero),
		"time.Time.Year": onTime(time.Time.Year), "time.Time.Month": onTime(func(t time.Time) int { return int(t.Month()) }), "time.Time.Day": onTime(time.Time.Day),
		"time.Time.YearDay": onTime(time.Time.YearDay), "time.Time.Weekday": onTime(func(t time.Time) int { return int(t.Weekday()) }),
		"time.Time.Hour": onTime(time.Time.Hour), "time.Time.Minute": onTime(time.Time.Minute), "time.Time.Second": onTime(time.Time.Second),
		"time.Time.UTC": onTime(time.Time.UTC), "time.Time.String": onTime(time.Time.String), "time.Time.Format": onTimes(time.Time.Format),
		"time.Time.Add": onTimes(time.Time.Add), "time.Time.Sub": onTimes(time.Time.Sub), "time.Time.Truncate": onTimes(time.Time.Truncate),
		"time.Time.Before": onTimes(time.Time.Before), "time.Time.After": onTimes(time.Time.After), "time.Time.Equal": onTimes(time.Time.Equal),
		"time.Duration.Hours": onDuration(time.Duration.Hours), "time.Duration.Minutes": onDuration(time.Duration.Minutes),
		"time.Duration.Seconds": onDuration(time.Duration.Seconds), "time.Duration.Milliseconds": onDuration(time.Duration.Milliseconds),
		"time.Duration.String": onDuration(time.Duration.String),
	}
}

// mayCall tells whether a source may hold a call of a method: names of methods begin with a capital letter.
func mayCall(source string) bool {
	for i := 1; i < len(source); i++ {
		if c := source[i]; c >= 'A' && c <= 'Z' && strings.IndexByte(".\"'`", source[i-1]) >= 0 {
			return true
		}
	}
	return false
}

// calls puts functions in the places of methods, and finds methods that there are no functions for. It looks again until
// nothing is left to put, because what a call gives is known only once it is a function's.
type calls struct {
	known map[string]method
	more  bool
	wrong *Error
}

// Reset begins a look.
func (c *calls) Reset() { c.more, c.wrong = false, nil }

// ShouldRepeat tells whether another look is needed.
func (c *calls) ShouldRepeat() bool { return c.more }

// Visit looks at a node.
func (c *calls) Visit(node *ast.Node) {
	call, ok := (*node).(*ast.CallNode)
	if !ok {
		return
	}
	member, ok := call.Callee.(*ast.MemberNode)
	if !ok {
		return
	}
	name, ok := member.Property.(*ast.StringNode)
	if !ok {
		return
	}
	owner := "any"
	if t := member.Node.Type(); t != nil && t.Kind() != reflect.Interface {
		owner = strings.TrimPrefix(t.String(), "*")
	}
	if _, ok := c.known[owner+"."+name.Value]; !ok {
		if t := call.Type(); owner == "any" && t != nil && t.Kind() != reflect.Interface { // what it is called of was put there just now
			call.SetType(reflect.TypeFor[any]())
			c.more = true
		} else if c.wrong == nil {
			c.wrong = &Error{Message: fmt.Sprintf("%s of %s cannot be called: of methods there are those of times only, such as created.Unix()", name.Value, owner)}
		}
		return
	}
	ast.Patch(node, &ast.CallNode{Callee: &ast.IdentifierNode{Value: owner + "." + name.Value}, Arguments: append([]ast.Node{member.Node}, call.Arguments...)})
	c.more = true
}

// options are the functions, and what puts them in their places.
func (c *calls) options() []expr.Option {
	options := []expr.Option{expr.Patch(c)}
	for name, m := range c.known {
		options = append(options, expr.Function(name, func(p ...any) (any, error) { return m.call(p[0], p[1:]) }, m.sign))
	}
	return options
}
