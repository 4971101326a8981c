package localrun

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"rapport/shared/config"
	"rapport/shared/expression"
	"rapport/shared/fault"
	"rapport/shared/network"
	"rapport/shared/pipeline"
)

// api is the local API: writing commands of the command line go through it while the process runs. It listens on the
// loopback interface only; a file beside the data file, readable by its owner alone, tells address and token.
type api struct {
	Addr  string `json:"addr"`
	Token string `json:"token"`
	path  string
}

func (a *api) remove() error {
	err := os.Remove(a.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// openAPI starts the local API.
func (h *Home) openAPI() error {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fault.New(fault.Invalid, "cannot listen for the local API: %w", err)
	}
	h.api = &api{Addr: ln.Addr().String(), Token: rand.Text(), path: h.options.Data + ".api"}
	text, err := json.Marshal(h.api)
	if err != nil {
		return err
	}
	if err := os.WriteFile(h.api.path, text, 0o600); err != nil {
		return err
	}
	h.serve(ln, h.guarded(h.routes()))
	return nil
}

// guarded lets only who read the file in: right token, loopback host, no browser page.
func (h *Home) guarded(next http.Handler) http.Handler {
	want := []byte("Bearer " + h.api.Token)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), want) != 1 || r.Host != h.api.Addr {
			http.Error(w, "refused", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// byHeader names who gives a command.
const byHeader = "Rapport-By"

// command is a writing command and its answer in JSON.
type command func(ctx context.Context, in json.RawMessage) (any, error)

func (h *Home) routes() http.Handler {
	mux := http.NewServeMux()
	for name, do := range h.commands() {
		mux.HandleFunc("POST /"+name, func(w http.ResponseWriter, r *http.Request) {
			in, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 4<<20))
			var out any
			if err == nil {
				out, err = do(context.WithValue(r.Context(), operator{}, r.Header.Get(byHeader)), in)
			}
			answer(w, out, err)
		})
	}
	return mux
}

// refusal is the answer of a command that failed.
type refusal struct {
	Error    string        `json:"error"`
	Kind     fault.Kind    `json:"kind"`
	Mistakes config.Errors `json:"mistakes,omitempty"` // of a configuration
}

func answer(w http.ResponseWriter, out any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusUnprocessableEntity)
		bad := refusal{Error: err.Error(), Kind: fault.Of(err)}
		errors.As(err, &bad.Mistakes)
		out = bad
	}
	_ = json.NewEncoder(w).Encode(out)
}

// args decodes a command's input.
func args[T any](do func(context.Context, T) (any, error)) command {
	return func(ctx context.Context, raw json.RawMessage) (any, error) {
		var in T
		if err := json.Unmarshal(raw, &in); err != nil {
			return nil, fault.New(fault.Invalid, "the command's arguments: %w", err)
		}
		return do(ctx, in)
	}
}

// The inputs of commands.
type (
	// Apply publishes a configuration.
	Apply struct {
		Text []byte `json:"text"`
		File string `json:"file"`
		By   string `json:"by"`
		Note string `json:"note"`
	}
	// Roll goes back to a version.
	Roll struct {
		Number int    `json:"number"`
		By     string `json:"by"`
	}
	// Named names an account or job.
	Named struct {
		Name string `json:"name"`
	}
	// Span names a stretch of an account's past.
	Span struct {
		Account string    `json:"account"`
		From    time.Time `json:"from"`
		To      time.Time `json:"to"`
	}
	// Quote is what reading it would take.
	Quote struct {
		Mentions int     `json:"mentions"`
		Calls    int     `json:"calls"`
		Exact    bool    `json:"exact"`
		USD      float64 `json:"usd"`
	}
	// Login is what a log-in may act for.
	Login struct {
		Targets []network.Target `json:"targets"`
		Choose  bool             `json:"choose,omitempty"` // one of them has to become the account's id
	}
	// Grant is a step of a log-in at a vendor: first the address to open, then the code that came back.
	Grant struct {
		Account  string `json:"account"`
		Redirect string `json:"redirect"`
		Code     string `json:"code,omitempty"`
	}
)

func (h *Home) commands() map[string]command {
	all := h.privacyCommands()
	maps.Copy(all, h.ownCommands())
	maps.Copy(all, h.correctCommands())
	maps.Copy(all, h.reviewCommands())
	for name, do := range all {
		if !reading(name) {
			all[name] = h.audited(name, do)
		}
	}
	return all
}

// reading tells which commands change nothing. All others stand in the audit trail.
func reading(name string) bool {
	return slices.Contains([]string{"config/forecast", "queue/depth", "account/doctor", "account/estimate", "account/address", "job/show", "job/patched"}, name)
}

// operator is who gives a command, in its context.
type operator struct{}

// audited lets the audit trail tell of a command, whatever becomes of it.
func (h *Home) audited(name string, do command) command {
	return func(ctx context.Context, in json.RawMessage) (any, error) {
		out, err := do(ctx, in)
		by, _ := ctx.Value(operator{}).(string)
		row := pipeline.AuditRow{By: cmp.Or(by, h.options.By, "operator"), Did: name, What: about(in), From: "command"}
		if err != nil {
			row.Result = fault.Of(err).String()
		}
		return out, errors.Join(err, h.Note(ctx, row))
	}
}

// about names what a command is about: the name of an account, job, lane, version or hold, never a person or a text.
func about(in json.RawMessage) string {
	var of struct {
		Name, Account, Kind, Lane, File string
		Number                          int
	}
	if json.Unmarshal(in, &of) != nil {
		return ""
	}
	what := cmp.Or(of.Name, of.Account, of.Kind, of.Lane, of.File)
	if of.Number > 0 {
		what = strconv.Itoa(of.Number)
	}
	return expression.Cut(what, 100)
}

func (h *Home) ownCommands() map[string]command {
	return map[string]command{
		"config/apply": args(func(ctx context.Context, in Apply) (any, error) {
			return h.Publish(ctx, in.Text, in.File, in.By, in.Note)
		}),
		"config/forecast": args(func(ctx context.Context, in Apply) (any, error) { return h.Forecast(ctx, in.Text, in.File) }),
		"config/rollback": args(func(ctx context.Context, in Roll) (any, error) { return h.Rollback(ctx, in.Number, in.By) }),
		"queue/redrive":   args(func(ctx context.Context, in pipeline.Resending) (any, error) { return h.SendAgain(ctx, h.admin, in) }),
		"queue/depth":     args(func(ctx context.Context, _ struct{}) (any, error) { return h.admin.Depth(ctx) }),
		"account/learn":   args(func(ctx context.Context, in Named) (any, error) { return "learnt", h.Learn(ctx, in.Name) }),
		"account/doctor":  args(func(ctx context.Context, in Named) (any, error) { return h.Doctor(ctx, in.Name) }),
		"account/estimate": args(func(ctx context.Context, in Span) (any, error) {
			q := Quote{}
			var err error
			q.Mentions, q.Calls, q.Exact, q.USD, err = h.Estimate(ctx, in.Account, in.From, in.To)
			return q, err
		}),
		"account/address": args(func(ctx context.Context, in Grant) (any, error) {
			return h.LogInAddress(ctx, in.Account, in.Redirect, NewID())
		}),
		"account/login": args(func(ctx context.Context, in Grant) (any, error) {
			target, all, err := h.LogIn(ctx, in.Account, in.Redirect, in.Code)
			if err == nil && target.ID == "" && len(all) > 1 {
				return Login{all, true}, nil
			}
			return Login{Targets: all}, err
		}),
		"console/link": args(func(ctx context.Context, in Named) (any, error) { return h.ConsoleLink(ctx, in.Name) }),
		"job/start":    args(func(ctx context.Context, in pipeline.JobRow) (any, error) { return h.App.Start(ctx, in) }),
		"job/show":     args(func(ctx context.Context, in Named) (any, error) { return h.Job(ctx, in.Name) }),
		"job/patched":  args(func(ctx context.Context, in Named) (any, error) { return h.Patched(ctx, in.Name) }),
		"job/cancel":   args(func(ctx context.Context, in Named) (any, error) { return "cancelled", h.Cancel(ctx, in.Name) }),
	}
}

// Client calls the local API of a running home.
type Client struct {
	By   string // who gives the commands
	api  api
	http *http.Client
}

// Dial finds the home that holds a data file. NotFound: none is running.
func Dial(data string) (*Client, error) {
	text, err := os.ReadFile(data + ".api")
	if err != nil {
		return nil, fault.New(fault.NotFound, "no rapport is running on %s", data)
	}
	c := &Client{http: &http.Client{Timeout: 5 * time.Minute}}
	if err := json.Unmarshal(text, &c.api); err != nil {
		return nil, fault.New(fault.Invalid, "%s.api is damaged: %w", data, err)
	}
	host, _, _ := strings.Cut(c.api.Addr, ":")
	conn, err := net.DialTimeout("tcp", c.api.Addr, time.Second)
	if err != nil || host != "127.0.0.1" {
		return nil, fault.New(fault.NotFound, "no rapport is running on %s", data)
	}
	return c, conn.Close()
}

// Do carries out a command and decodes its answer into out, which may be nil.
func (c *Client) Do(ctx context.Context, name string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.api.Addr+"/"+name, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+c.api.Token)
	req.Header.Set(byHeader, c.By)
	resp, err := c.http.Do(req)
	if err != nil {
		return fault.New(fault.Unavailable, "the running rapport does not answer: %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return fault.New(fault.Ambiguous, "the answer of the running rapport was cut: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		var bad refusal
		switch err := json.Unmarshal(answer, &bad); {
		case err != nil:
			return fault.New(fault.Unavailable, "the local API answers %s: another program may have its place; is rapport running?", resp.Status)
		case len(bad.Mistakes) > 0:
			return bad.Mistakes
		}
		return fault.New(bad.Kind, "%s", bad.Error)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(answer, out)
}
