package expression_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"rapport/shared/expression"
)

// Methods of times can be called, typed or not known before; all others are refused alike wherever Rapport runs.
func TestMethods(t *testing.T) {
	type thing struct {
		Created time.Time     `expr:"created"`
		Took    time.Duration `expr:"took"`
	}
	typed := thing{time.Date(2026, 11, 22, 4, 5, 6, 0, time.UTC), 90 * time.Minute}
	for source, want := range map[string]any{
		"created.Unix()": typed.Created.Unix(), "created.IsZero() ? 1 : created.Year()": 2026, "created.Weekday() == 0": true, "created.Month()": 11,
		"created.Add(took).Sub(created).Hours()": 1.5, `created.Format("2006-01")`: "2026-11", "took.Minutes() > 60": true,
		`date("2026-11-22").Before(created) and not created.After(created)`: true, "created?.Hour()": 4,
	} {
		p, err := expression.Compile(source, thing{}, expression.Any)
		if err != nil {
			t.Errorf("%s: %v", source, err)
			continue
		}
		if got, err := p.Eval(typed); err != nil || got != want {
			t.Errorf("%s gives %v (%T), %v; want %v", source, got, got, err, want)
		}
	}
	for _, source := range []string{"created.GobEncode()", "created.Location()", "took.Nanosecondz()", "created.Add(1.5)", `created.Add("x")`, "created.Sub(took)", `"x".Len()`, "created.Unix().String()"} {
		if _, err := expression.Compile(source, thing{}, expression.Any); err == nil {
			t.Errorf("%s compiles", source)
		}
	}
	p, err := expression.Compile("unix(body.at).Unix()", map[string]any{}, expression.Any)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := p.Eval(map[string]any{"body": map[string]any{"at": 5}}); err != nil || got != int64(5) {
		t.Errorf("of what is not typed: %v, %v", got, err)
	}
	if _, err := expression.Compile("body.at.Unix()", map[string]any{}, expression.Any); err == nil || !strings.Contains(err.Error(), "cannot be called") {
		t.Errorf("of what nobody knows: %v", err)
	}
}

// The functions are linked with a copy of the library that looks up no methods: all that is tested of the language holds
// of it too.
func TestSlim(t *testing.T) {
	if os.Getenv("RAPPORT_SLIM") != "" {
		return // this is the test within the test
	}
	run := func(name string, args ...string) []byte {
		cmd := exec.Command(name, args...)
		cmd.Dir = "../.."
		cmd.Env = append(os.Environ(), "RAPPORT_SLIM=1")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
		return out
	}
	mod := strings.TrimSpace(string(run("go", "run", "./scripts/slim")))
	run("go", "test", "-modfile", mod, "./shared/expression", "./shared/mapping")
}
