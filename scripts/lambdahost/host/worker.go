package host

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// boot is how long a process may take until it polls, as on Lambda.
const boot = 10 * time.Second

// call is one event on its way into a process.
type call struct {
	id       string
	arn      string
	deadline time.Time
	event    []byte
}

// answer is what a process said to it.
type answer struct {
	body []byte
	err  error
}

// worker is one process with a Runtime API of its own.
type worker struct {
	cmd    *exec.Cmd
	server *http.Server
	calls  chan call
	polled chan struct{} // closed at the first poll
	once   sync.Once
	ended  chan struct{} // closed when the process is gone
	closed chan struct{} // closed when we are done with it
	end    func()

	mu      sync.Mutex
	current string // request id under way
	answers chan answer
}

// start starts a process and waits until it polls.
func start(f Function, log io.Writer) (*worker, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	w := &worker{calls: make(chan call), polled: make(chan struct{}), ended: make(chan struct{}), closed: make(chan struct{}), answers: make(chan answer, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", w.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", w.response)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", w.failure)
	mux.HandleFunc("POST /2018-06-01/runtime/init/error", w.initFailure)
	w.server = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	w.cmd = exec.Command(f.Program)
	w.cmd.Dir = filepath.Dir(f.Program)
	w.cmd.Stdout, w.cmd.Stderr = log, log
	w.cmd.Env = append(append([]string{}, f.Env...), "PATH=/usr/local/bin:/usr/bin:/bin", "LANG=en_US.UTF-8", "TZ=:UTC", "_HANDLER=bootstrap", "LAMBDA_TASK_ROOT="+w.cmd.Dir,
		"AWS_LAMBDA_RUNTIME_API="+ln.Addr().String(), "AWS_LAMBDA_FUNCTION_NAME="+f.Name, "AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE="+strconv.Itoa(f.Memory), "AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/"+f.Name, "AWS_LAMBDA_LOG_STREAM_NAME=local", "AWS_LAMBDA_LOG_FORMAT=JSON")
	if err := w.cmd.Start(); err != nil {
		return nil, errors.Join(&Fault{"Runtime.InvalidEntrypoint", err.Error()}, ln.Close())
	}
	go func() { _ = w.server.Serve(ln) }()
	go func() {
		_ = w.cmd.Wait()
		close(w.ended)
	}()
	w.end = sync.OnceFunc(func() {
		close(w.closed)
		_ = w.cmd.Process.Kill() // nothing happens where it has ended
		<-w.ended
		_ = w.server.Close()
	})
	timer := time.NewTimer(boot)
	defer timer.Stop()
	select {
	case <-w.polled:
		return w, nil
	case a := <-w.answers: // it says why it cannot start
		w.end()
		return nil, a.err
	case <-w.ended:
		w.end()
		return nil, w.exit("")
	case <-timer.C:
		w.end()
		return nil, &Fault{"Sandbox.Timedout", fmt.Sprintf("%s did not poll within %s", f.Name, boot)}
	}
}

func (w *worker) alive() bool {
	select {
	case <-w.ended:
		return false
	default:
		return true
	}
}

func (w *worker) exit(request string) error {
	return &Fault{"Runtime.ExitError", strings.TrimSpace("RequestId: " + request + " Error: Runtime exited with error: " + w.cmd.ProcessState.String())}
}

// run hands one event over and waits for the answer. After any error but a *Fault of the handler the process is not to be used again.
func (w *worker) run(ctx context.Context, c call) ([]byte, error) {
	late := func() error {
		w.end()
		return &Fault{"Sandbox.Timedout", "RequestId: " + c.id + " Error: Task timed out"}
	}
	select {
	case w.calls <- c:
	case <-w.ended:
		return nil, w.exit(c.id)
	case <-ctx.Done():
		return nil, late()
	}
	select {
	case a := <-w.answers:
		return a.body, a.err
	case <-w.ended:
		select { // it may have answered with its last breath
		case a := <-w.answers:
			return a.body, a.err
		default:
			return nil, w.exit(c.id)
		}
	case <-ctx.Done():
		return nil, late()
	}
}

func (w *worker) next(rw http.ResponseWriter, r *http.Request) {
	w.once.Do(func() { close(w.polled) })
	select {
	case c := <-w.calls:
		w.mu.Lock()
		w.current = c.id
		w.mu.Unlock()
		head := rw.Header()
		head.Set("Content-Type", "application/json")
		head.Set("Lambda-Runtime-Aws-Request-Id", c.id)
		head.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(c.deadline.UnixMilli(), 10))
		head.Set("Lambda-Runtime-Invoked-Function-Arn", c.arn)
		_, _ = rw.Write(c.event)
	case <-r.Context().Done():
	case <-w.closed:
	}
}

// settle takes the answer to the event under way; an answer to any other is refused.
func (w *worker) settle(rw http.ResponseWriter, r *http.Request, make func(body []byte) answer) {
	body, err := io.ReadAll(http.MaxBytesReader(rw, r.Body, 6<<20+1<<10))
	w.mu.Lock()
	known := r.PathValue("id") == w.current && w.current != ""
	w.current = ""
	w.mu.Unlock()
	if !known {
		http.Error(rw, `{"errorType":"InvalidRequestID"}`, http.StatusBadRequest)
		return
	}
	a := make(body)
	if err != nil {
		a = answer{err: &Fault{"Function.ResponseSizeTooLarge", err.Error()}}
	}
	w.answers <- a
	rw.WriteHeader(http.StatusAccepted)
}

func (w *worker) response(rw http.ResponseWriter, r *http.Request) {
	w.settle(rw, r, func(body []byte) answer { return answer{body: body} })
}

func (w *worker) failure(rw http.ResponseWriter, r *http.Request) {
	w.settle(rw, r, func(body []byte) answer { return answer{err: told(body)} })
}

func (w *worker) initFailure(rw http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(http.MaxBytesReader(rw, r.Body, 1<<20))
	select {
	case w.answers <- answer{err: told(body)}:
	default:
	}
	rw.WriteHeader(http.StatusAccepted)
}

func told(body []byte) error {
	f := &Fault{Type: "Runtime.Unknown"}
	if err := json.Unmarshal(body, f); err != nil {
		f.Message = string(body)
	}
	return f
}
