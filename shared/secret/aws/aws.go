// Package aws reads secrets from SSM Parameter Store or from Secrets Manager:
// https://docs.aws.amazon.com/systems-manager/latest/APIReference/ and
// https://docs.aws.amazon.com/secretsmanager/latest/apireference/
//
// A reference is aws:NAME. NAME stands below the stack's path, so that a function may read its own stack's secrets and
// no others; a NAME that begins with "/" is taken as it is. aws:NAME@previous is the value before the present one, for
// hooks that take both during a rotation; where there was none it is the present one.
//
// Parameter Store (SecureString) is the default: it costs nothing and holds 4 KB. Secrets Manager rotates by itself.
//
// Values are cached. What was not asked for anew for a while is asked for, and if the service does not answer then, the
// old value goes on being used: a secret that was right is better than none.
package aws

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"rapport/shared/awsapi"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/secret"
)

var (
	_ secret.Source = (*Source)(nil)
	_ secret.Writer = (*Source)(nil)
)

const (
	scheme   = "aws:"
	previous = "@previous"
	keep     = 15 * time.Minute // how long a value is used without asking
	retry    = time.Minute      // after the service did not answer
	longest  = 512              // bytes of a name
)

// Options of a source.
type Options struct {
	Parameters *awsapi.Client // of the service ssm; used unless Manager is set
	Manager    *awsapi.Client // of the service secretsmanager
	Path       string         // before a name, with slashes around: /rapport/
	Key        string         // KMS key for what Set stores; "" = the account's own
	Calm       time.Duration  // a value that was read so shortly ago is not read again, whoever forgets it: forged calls make us forget
	Now        func() time.Time
}

// Source is a secret.Source and secret.Writer. Safe for concurrent use.
type Source struct {
	keeper keeper
	path   string
	calm   time.Duration
	now    func() time.Time

	mu    sync.Mutex
	cache map[string]value // by reference
}

type value struct {
	secret flow.Secret
	read   time.Time
	until  time.Time // used until then without asking
}

// keeper is one of the two services.
type keeper interface {
	// get gives the present or the previous value; missing where there is none.
	get(ctx context.Context, name string, before bool) (text string, err error)
	set(ctx context.Context, name, text string) error
}

var errMissing = errors.New("there is no such secret")

// New makes a source. It reads nothing yet.
func New(o Options) (*Source, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Source{path: o.Path, calm: o.Calm, now: o.Now, cache: map[string]value{}}
	switch {
	case o.Manager != nil:
		s.keeper = manager{o.Manager, o.Key}
	case o.Parameters != nil:
		s.keeper = parameters{o.Parameters, o.Key}
	default:
		return nil, fault.New(fault.Invalid, "secret: neither SSM nor Secrets Manager is given")
	}
	return s, nil
}

// String names the source and none of its secrets.
func (s *Source) String() string { return "secrets of AWS" }

// GoString names the source and none of its secrets.
func (s *Source) GoString() string { return "aws.Source" }

// Get gives the secret of a reference.
func (s *Source) Get(ctx context.Context, ref string) (flow.Secret, error) {
	name, before, err := s.name(ref)
	if err != nil {
		return flow.Secret{}, err
	}
	if err := ctx.Err(); err != nil {
		return flow.Secret{}, fault.New(fault.Transient, "secret %s: %w", ref, err)
	}
	s.mu.Lock()
	have, known := s.cache[ref]
	s.mu.Unlock()
	if known && s.now().Before(have.until) {
		return have.secret, nil
	}
	text, err := s.keeper.get(ctx, name, before)
	switch {
	case errors.Is(err, errMissing) || err == nil && text == "":
		s.drop(ref)
		return flow.Secret{}, fault.New(fault.NotFound, "secret %s is missing: store it under %s", ref, name)
	case err != nil && known && passing(err):
		return s.keep(ref, have.secret, retry), nil
	case err != nil:
		return flow.Secret{}, fault.New(fault.Transient, "secret %s cannot be read: %w", ref, err)
	}
	return s.keep(ref, flow.NewSecret(text), keep), nil
}

func (s *Source) keep(ref string, got flow.Secret, d time.Duration) flow.Secret {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.cache[ref] = value{got, now, now.Add(d)}
	return got
}

// Forget makes the next Get ask the service, which still gives what it had if the service does not answer.
func (s *Source) Forget(ref string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if have, known := s.cache[ref]; known && s.now().Sub(have.read) >= s.calm {
		have.until = time.Time{}
		s.cache[ref] = have
	}
}

func (s *Source) drop(ref string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.cache, ref)
}

// Set stores a secret.
func (s *Source) Set(ctx context.Context, ref string, given flow.Secret) error {
	name, before, err := s.name(ref)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fault.New(fault.Transient, "secret %s: %w", ref, err)
	}
	switch {
	case before:
		return fault.New(fault.Invalid, "secret %s cannot be stored: set the present one, and it becomes the previous by itself", ref)
	case given.Empty():
		return fault.New(fault.Invalid, "secret %s cannot be stored: it is empty", ref)
	case strings.ContainsRune(given.Reveal(), 0):
		return fault.New(fault.Invalid, "secret %s cannot be stored: it holds a NUL", ref)
	}
	if err := s.keeper.set(ctx, name, given.Reveal()); err != nil {
		kind := fault.Transient
		if !passing(err) {
			kind = fault.Invalid
		}
		return fault.New(kind, "secret %s cannot be stored under %s: %w", ref, name, err)
	}
	s.drop(ref + previous)
	s.keep(ref, given, keep)
	return nil
}

// name gives the service's name of a reference. The message does not repeat what may be a secret by mistake.
func (s *Source) name(ref string) (name string, before bool, err error) {
	name, ok := strings.CutPrefix(ref, scheme)
	if !ok {
		return "", false, fault.New(fault.Invalid, "secret: a reference of AWS looks like aws:NAME; env:NAME is of the local home")
	}
	name, before = strings.CutSuffix(name, previous)
	if !valid(name) {
		return "", false, fault.New(fault.Invalid, "secret: after aws: stands a name of letters, digits and . _ / -")
	}
	if !strings.HasPrefix(name, "/") {
		name = s.path + name
	}
	return name, before, nil
}

// valid accepts what both services do.
func valid(name string) bool {
	for i := range len(name) {
		c := name[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte("._/-", c) < 0 {
			return false
		}
	}
	return name != "" && len(name) <= longest && !strings.HasSuffix(name, "/") && !strings.Contains(name, "//")
}

func passing(err error) bool {
	var e *awsapi.Error
	return errors.As(err, &e) && e.Passing()
}
