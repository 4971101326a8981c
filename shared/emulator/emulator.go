// Package emulator gives tests an AWS endpoint: the one that AWS_ENDPOINT_URL names, or else an emulator of their own.
//
// The emulator is ministack (https://pypi.org/project/ministack/), installed by scripts/venv.sh into .venv at the
// module's root (or where RAPPORT_VENV says). One process serves one test binary, on a free port of the loopback, with
// state in memory. It ends with the test binary, even when that is killed: it holds the other end of a pipe.
//
// Only tests import this package.
package emulator

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Region is the region that tests use.
const Region = "eu-west-1"

// Key is both halves of the credential that tests use.
const Key = "test"

const (
	ready    = 60 * time.Second // how long it may take to start, on a busy machine
	services = "dynamodb,sqs,s3,ssm,secretsmanager,sts"
	endpoint = "AWS_ENDPOINT_URL"
)

// program starts the emulator and ends it as soon as its input closes, so that no orphan stays behind.
const program = `
import os, sys, threading
def watch():
    sys.stdin.buffer.read()
    os._exit(0)
threading.Thread(target=watch, daemon=True).start()
sys.argv = ["ministack"]
from ministack.app import main
main()
`

// Main runs the tests of a package with an endpoint in AWS_ENDPOINT_URL. Call it from TestMain:
//
//	func TestMain(m *testing.M) { emulator.Main(m) }
func Main(m *testing.M) {
	stop, err := start()
	if err != nil {
		fmt.Fprintln(os.Stderr, "no AWS endpoint for the tests:", err)
		os.Exit(1)
	}
	code := m.Run()
	stop()
	os.Exit(code)
}

// URL gives the endpoint; the test fails where Main was not called.
func URL(t testing.TB) string {
	t.Helper()
	url := os.Getenv(endpoint)
	if url == "" {
		t.Fatal("no AWS endpoint: the package needs func TestMain(m *testing.M) { emulator.Main(m) }")
	}
	return url
}

func start() (stop func(), err error) {
	if os.Getenv(endpoint) != "" {
		return func() {}, nil
	}
	python, err := venv()
	if err != nil {
		return nil, err
	}
	url, stop, err := launch(python, Options{Region: Region, Services: services})
	if err != nil {
		return nil, err
	}
	return stop, os.Setenv(endpoint, url)
}

// Options of an emulator that a test starts by hand.
type Options struct {
	Region   string
	Services string   // their names with commas between
	Env      []string // NAME=VALUE of the emulator's process, over its own
}

// Launch starts an emulator whatever AWS_ENDPOINT_URL says, for a test that wants one with more services.
func Launch(o Options) (url string, stop func(), err error) {
	python, err := venv()
	if err != nil {
		return "", nil, err
	}
	return launch(python, o)
}

func launch(python string, o Options) (url string, stop func(), err error) {
	for range 3 { // the free port may be taken by another until the emulator listens
		if url, stop, err = launchOn(python, o); err == nil {
			return url, stop, nil
		}
	}
	return "", nil, err
}

// venv finds the interpreter that has the emulator.
func venv() (string, error) {
	dir := os.Getenv("RAPPORT_VENV")
	if dir == "" {
		root, err := moduleRoot()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(root, ".venv")
	}
	python := filepath.Join(dir, "bin", "python3")
	for _, file := range []string{python, filepath.Join(dir, "bin", "ministack")} {
		if _, err := os.Stat(file); err != nil {
			return "", fmt.Errorf("%s is missing: run scripts/venv.sh, or set %s to an endpoint that is there", file, endpoint)
		}
	}
	return python, nil
}

func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.mod above the test")
		}
		dir = up
	}
}

func launchOn(python string, o Options) (url string, stop func(), err error) {
	port, err := freePort()
	if err != nil {
		return "", nil, err
	}
	url = "http://127.0.0.1:" + strconv.Itoa(port)
	tmp, err := os.MkdirTemp("", "rapport-emulator-")
	if err != nil {
		return "", nil, err
	}
	var out tail
	cmd := exec.Command(python, "-c", program)
	cmd.Dir = tmp
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + tmp, "TMPDIR=" + tmp,
		"AWS_ACCESS_KEY_ID=" + Key, "AWS_SECRET_ACCESS_KEY=" + Key, "AWS_ENDPOINT_URL=" + url,
		"BIND_HOST=127.0.0.1", "GATEWAY_PORT=" + strconv.Itoa(port), "MINISTACK_REGION=" + o.Region,
		"IOT_MTLS_ENABLED=0", "LOG_LEVEL=WARNING", "SERVICES=" + o.Services}, o.Env...)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = 5 * time.Second
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, fmt.Errorf("the emulator does not start: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	stop = sync.OnceFunc(func() {
		_ = pipe.Close()
		select {
		case <-ended:
		case <-time.After(5 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
		}
		_ = os.RemoveAll(tmp)
	})
	if err := await(url, ended, &out); err != nil {
		stop()
		return "", nil, err
	}
	return url, stop, nil
}

// await returns when the emulator answers, or an error when it has ended or takes too long.
func await(url string, ended chan error, out *tail) error {
	client := &http.Client{Timeout: 2 * time.Second}
	deadline := time.After(ready)
	poll := time.NewTicker(50 * time.Millisecond)
	defer poll.Stop()
	for {
		if res, err := client.Get(url + "/_ministack/health"); err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case err := <-ended:
			ended <- err
			return fmt.Errorf("the emulator ended while starting (%v): %s", err, out)
		case <-deadline:
			return fmt.Errorf("the emulator did not answer within %s: %s", ready, out)
		case <-poll.C:
		}
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// tail keeps the last output of the emulator for the error message.
type tail struct {
	mu  sync.Mutex
	buf []byte
}

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, p...)
	if len(t.buf) > 4096 {
		t.buf = bytes.Clone(t.buf[len(t.buf)-2048:])
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(bytes.TrimSpace(t.buf))
}
