package simulation

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"rapport/shared/archive"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/queue"
	"rapport/shared/store"
	"rapport/shared/topology"
)

// secret is part of every secret and token: it must never be seen in store, queue, archive, log, or a body sent to a CRM or network.
const secret = "c4n4ry-c4n4ry"

// disguises lists the forms in which a secret would be seen: as it is, and inside base64, whatever stands before it.
func disguises() [][]byte {
	list := [][]byte{[]byte(secret)}
	for skip := range 3 {
		text := base64.StdEncoding.EncodeToString([]byte("..."[:skip] + secret))
		list = append(list, []byte(text[4*min(skip, 1):len(text)-4]))
	}
	return list
}

// allowed wants the function of the active worker to have a right: on AWS its role would refuse the call.
func (s *Sim) allowed(what string, may func(topology.Function) bool) {
	if s == nil || s.active == nil {
		return
	}
	verb, _, _ := strings.Cut(s.active.name, "-")
	for _, f := range topology.Functions() {
		if f.Name == verb && !may(f) {
			s.violate("function %s %s, which topology does not allow", verb, what)
		}
	}
}

// canary has one secret for everything.
type canary struct{ s *Sim }

func (c canary) Get(context.Context, string) (flow.Secret, error) {
	c.s.allowed("reads a secret", func(f topology.Function) bool { return f.Secrets != topology.None })
	return flow.NewSecret(secret + "-app"), nil
}
func (canary) Forget(string) {}

// watchful is the log: it holds no secret.
type watchful struct{ s *Sim }

func (w *watchful) Write(line []byte) (int, error) {
	w.s.clean("the log", line)
	return len(line), nil
}

// clean watches over what leaves the process.
func (s *Sim) clean(where string, data []byte) {
	s.searched++
	for _, trace := range s.traces {
		if bytes.Contains(data, trace) {
			s.violate("a secret stands in %s: %s", where, data)
		}
	}
}

// mirror is what the store holds, for looking at it whatever the driver.
type mirror map[store.Key][]byte

// table gives the rows of a table, by partition and sort key.
func (m mirror) table(name string) map[store.Key][]byte {
	out := map[store.Key][]byte{}
	for k, v := range m {
		if rest, ok := strings.CutPrefix(k.Part, name+"#"); ok {
			out[store.Key{Part: rest, Sort: k.Sort}] = v
		}
	}
	return out
}

// unsafeStore gives way and fails at every call.
type unsafeStore struct {
	store.Store
	s    *Sim
	past map[store.Key]bygone
}

// throttled draws a failure before anything took effect; while a burst lasts, nearly every second call fails.
func (s *Sim) throttled(k Kind, p float64) bool {
	if s.active == nil {
		return false
	}
	if s.now.Before(s.burst) {
		p = 0.4
	}
	return s.chance(k, p)
}

// before draws what happens at a call: nothing, or a failure before it took effect.
func (s *Sim) before(where string) error {
	s.point(where)
	if s.lost() {
		return errLost
	}
	kind := storeBusy
	if strings.HasPrefix(where, "archive") {
		kind = archiveBusy
	}
	if s.throttled(kind, 0.03) {
		s.active.troubled = true
		s.log("  %s throttled at %s", s.active.name, where)
		return fault.New(fault.Transient, "throttled at %s", where)
	}
	return nil
}

func (u *unsafeStore) Get(ctx context.Context, keys ...store.Key) ([]store.Item, error) {
	if err := u.s.before("get"); err != nil {
		return nil, err
	}
	return u.Store.Get(ctx, keys...)
}

// lag is how old what a glance shows may be.
const lag = 10 * time.Second

// bygone is an item as it was before its last change.
type bygone struct {
	item store.Item
	at   time.Time // of the change
}

// Glance implements store.Glancer: of what was changed lately it often shows what was there before.
func (u *unsafeStore) Glance(ctx context.Context, keys ...store.Key) ([]store.Item, error) {
	items, err := u.Get(ctx, keys...)
	for i, key := range keys {
		if was, ok := u.past[key]; err == nil && ok && u.s.now.Sub(was.at) < lag && u.s.chance(storeStale, 0.5) {
			items[i] = was.item
		}
	}
	return items, err
}

// change carries out a write and keeps what was there before.
func (u *unsafeStore) change(ctx context.Context, key store.Key, write func() store.Result) store.Result {
	items, err := u.Store.Get(ctx, key)
	res := write()
	if err == nil && res.Err == nil {
		u.past[key] = bygone{items[0], u.s.now}
	}
	return res
}

func (u *unsafeStore) Put(ctx context.Context, items ...store.Item) []store.Result {
	return u.each("put", items, func(item store.Item) store.Result {
		text, err := store.Unpack(item.Data)
		if err != nil {
			return store.Result{Err: err}
		}
		u.s.clean("the store", text)
		res := u.change(ctx, item.Key(), func() store.Result { return u.Store.Put(ctx, item)[0] })
		if res.Err == nil {
			u.s.mirror[item.Key()] = text
			u.s.noteSettled(item.Key(), text)
		}
		return res
	})
}

func (u *unsafeStore) Delete(ctx context.Context, items ...store.Item) []store.Result {
	return u.each("delete", items, func(item store.Item) store.Result {
		res := u.change(ctx, item.Key(), func() store.Result { return u.Store.Delete(ctx, item)[0] })
		if res.Err == nil {
			delete(u.s.mirror, item.Key())
		}
		return res
	})
}

// each writes items one by one: in between the worker may die, and a write may happen although its answer is lost.
func (u *unsafeStore) each(where string, items []store.Item, write func(store.Item) store.Result) []store.Result {
	out := make([]store.Result, len(items))
	for i, item := range items {
		if i%4 == 0 {
			u.s.point(where)
		}
		if u.s.lost() {
			out[i].Err = errLost
			continue
		}
		if u.s.throttled(storeBusy, 0.015) {
			u.s.active.troubled = true
			out[i].Err = fault.New(fault.Transient, "throttled at %s", where)
			continue
		}
		out[i] = write(item)
		if out[i].Err == nil && u.s.active != nil && u.s.chance(storeCut, 0.01) {
			u.s.active.troubled = true
			out[i] = store.Result{Err: fault.New(fault.Ambiguous, "%s was done, the answer was cut", where)}
		}
	}
	return out
}

// unsafeQueue fails before and after sending, and delays.
type unsafeQueue struct {
	queue.Queue
	s *Sim
}

func (u *unsafeQueue) Send(ctx context.Context, messages ...queue.Message) []error {
	errs := make([]error, len(messages))
	u.s.point("send")
	for i, m := range messages {
		u.s.allowed("sends to "+string(m.Lane), func(f topology.Function) bool { return slices.Contains(f.Sends, string(m.Lane)) })
		u.s.clean("a queue", m.Body)
		switch {
		case u.s.lost():
			errs[i] = errLost
		case u.s.active != nil && u.s.chance(queueBusy, 0.02):
			errs[i] = fault.New(fault.Transient, "the queue is busy")
		default:
			if u.s.chance(queueLate, 0.08) {
				m.Delay += time.Duration(u.s.rng.IntN(25)) * time.Second
			}
			errs[i] = u.Queue.Send(ctx, m)[0]
			if u.s.active != nil && u.s.chance(queueCut, 0.01) {
				errs[i] = fault.New(fault.Ambiguous, "sent, but the answer was cut")
			}
		}
	}
	return errs
}

// unsafeArchive fails now and then.
type unsafeArchive struct {
	archive.Archive
	s *Sim
}

func (u *unsafeArchive) Write(ctx context.Context, b archive.Batch) (string, error) {
	u.s.allowed("writes into the archive", func(f topology.Function) bool { return f.Archive == topology.Adds || f.Archive == topology.Works })
	if err := u.s.before("archive"); err != nil {
		return "", err
	}
	for _, e := range b.Entries {
		u.s.clean("the archive", fmt.Append(nil, string(e.Raw), string(e.Inputs), string(e.Decision), string(e.Previous), e.Headers))
	}
	ref, err := u.Archive.Write(ctx, b)
	if err == nil && u.s.active != nil && u.s.chance(archiveCut, 0.01) {
		return "", fault.New(fault.Ambiguous, "written, but the answer was cut")
	}
	return ref, err
}

func (u *unsafeArchive) Read(ctx context.Context, ref string) (archive.Batch, error) {
	u.s.allowed("reads the archive", func(f topology.Function) bool { return f.Archive == topology.Reads || f.Archive == topology.Works })
	if err := u.s.before("archive read"); err != nil {
		return archive.Batch{}, err
	}
	return u.Archive.Read(ctx, ref)
}

func (u *unsafeArchive) Rewrite(ctx context.Context, ref string, drop func(archive.Entry) bool) error {
	u.s.allowed("rewrites the archive", func(f topology.Function) bool { return f.Archive == topology.Works })
	if err := u.s.before("archive rewrite"); err != nil {
		return err
	}
	return u.Archive.Rewrite(ctx, ref, drop)
}
