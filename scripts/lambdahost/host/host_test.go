package host

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// hosted makes the test binary a function: it answers what an event asks for.
const hosted = "RAPPORT_HOSTED"

func TestMain(m *testing.M) {
	if os.Getenv(hosted) != "" {
		serve()
		return
	}
	os.Exit(m.Run())
}

// serve is a runtime of its own: it polls, does what the event says, answers.
func serve() {
	base := "http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/"
	if os.Getenv(hosted) == "broken" {
		_, _ = http.Post(base+"init/error", "application/json", strings.NewReader(`{"errorType":"Init","errorMessage":"no table"}`))
		os.Exit(1)
	}
	for n := 1; ; n++ {
		resp, err := http.Get(base + "invocation/next")
		if err != nil {
			os.Exit(0)
		}
		event, _ := io.ReadAll(resp.Body)
		id := resp.Header.Get("Lambda-Runtime-Aws-Request-Id")
		path, body := "/response", fmt.Sprintf(`{"n":%d,"event":%s,"arn":%q,"name":%q}`, n, event, resp.Header.Get("Lambda-Runtime-Invoked-Function-Arn"), os.Getenv("AWS_LAMBDA_FUNCTION_NAME"))
		switch string(event) {
		case `"fail"`:
			path, body = "/error", `{"errorType":"Mine","errorMessage":"it went wrong"}`
		case `"exit"`:
			os.Exit(3)
		case `"sleep"`:
			time.Sleep(time.Minute)
		}
		if resp, err = http.Post(base+"invocation/"+id+path, "application/json", strings.NewReader(body)); err != nil || resp.StatusCode != http.StatusAccepted {
			os.Exit(4)
		}
	}
}

func function(t *testing.T, kind string, limit time.Duration) *Host {
	t.Helper()
	h := New(Options{})
	t.Cleanup(h.Close)
	h.Set(Function{Name: "f", ARN: "arn:f", Program: os.Args[0], Env: []string{hosted + "=" + kind}, Limit: limit, Memory: 128})
	return h
}

func TestAWarmProcessTakesTheNextEvent(t *testing.T) {
	h := function(t, "yes", time.Minute)
	for n := 1; n <= 3; n++ {
		answer, err := h.Invoke(t.Context(), "f", []byte(`{"a":1}`))
		if want := fmt.Sprintf(`{"n":%d,"event":{"a":1},"arn":"arn:f","name":"f"}`, n); err != nil || string(answer) != want {
			t.Errorf("call %d: %s %v, want %s", n, answer, err, want)
		}
	}
	if s := h.Stats("f"); s.Calls != 3 || s.Starts != 1 || s.Faults != 0 || s.Boot <= 0 {
		t.Errorf("%+v", s)
	}
}

func TestEventsAtOnceHaveProcessesOfTheirOwn(t *testing.T) {
	h := function(t, "yes", time.Minute)
	var wait sync.WaitGroup
	for n := range 30 {
		wait.Go(func() {
			want := fmt.Sprintf(`"event":%d,`, n)
			if answer, err := h.Invoke(context.WithoutCancel(t.Context()), "f", fmt.Append(nil, n)); err != nil || !bytes.Contains(answer, []byte(want)) {
				t.Errorf("%s %v, want %s", answer, err, want)
			}
		})
	}
	wait.Wait()
	if s := h.Stats("f"); s.Calls != 30 || s.Starts > 10 {
		t.Errorf("%+v", s)
	}
}

func TestHowCallsFail(t *testing.T) {
	h := function(t, "yes", time.Second)
	for event, want := range map[string]string{`"fail"`: "Mine: it went wrong", `"exit"`: "Runtime.ExitError", `"sleep"`: "Sandbox.Timedout"} {
		_, err := h.Invoke(t.Context(), "f", []byte(event))
		var failed *Fault
		if !errors.As(err, &failed) || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", event, err, want)
		}
		if answer, err := h.Invoke(t.Context(), "f", []byte(`1`)); err != nil || !bytes.Contains(answer, []byte(`"event":1`)) {
			t.Errorf("after %s: %s %v", event, answer, err)
		}
	}
	if _, err := function(t, "broken", time.Second).Invoke(t.Context(), "f", []byte(`1`)); err == nil || err.Error() != "Init: no table" {
		t.Errorf("a process that cannot start: %v", err)
	}
	if _, err := h.Invoke(t.Context(), "g", nil); err == nil {
		t.Error("a function that nobody knows answers")
	}
}

func TestAReplacedFunctionTakesTheNextEvents(t *testing.T) {
	h := function(t, "yes", time.Minute)
	if _, err := h.Invoke(t.Context(), "f", []byte(`1`)); err != nil {
		t.Fatal(err)
	}
	h.Set(Function{Name: "f", ARN: "arn:new", Program: os.Args[0], Env: []string{hosted + "=yes"}, Limit: time.Minute})
	if answer, err := h.Invoke(t.Context(), "f", []byte(`2`)); err != nil || !bytes.Contains(answer, []byte(`"n":1,"event":2,"arn":"arn:new"`)) {
		t.Errorf("%s %v", answer, err)
	}
}

func TestAnEmulatorIsAnswered(t *testing.T) {
	h := function(t, "yes", time.Minute)
	for event, want := range map[string]int{`1`: http.StatusOK, `"fail"`: http.StatusInternalServerError} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(event))
		r.Header.Set("X-Amzn-Lambda-Function-Name", "f")
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want || want != http.StatusOK && !strings.Contains(w.Body.String(), `"errorType":"Mine"`) {
			t.Errorf("%s: %d %s", event, w.Code, w.Body)
		}
	}
}
