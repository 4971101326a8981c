package pipeline

import (
	"bytes"
	"context"
	"sync"
	"time"

	"rapport/shared/fault"
	"rapport/shared/store"
)

// StoreLeases keeps leases as items, for workers that share nothing but the store.
type StoreLeases struct {
	Store store.Store
	Now   func() time.Time
	NewID func() string
}

// Acquire implements Leaser.
func (l *StoreLeases) Acquire(ctx context.Context, name string, ttl time.Duration) (func(), bool, error) {
	// Expiry counts whole seconds, so one is added: a lease must never end early.
	item := store.Item{Part: "lease#" + name, Sort: "-", Expires: l.Now().Add(ttl + time.Second), Data: []byte(l.NewID())}
	res := l.Store.Put(ctx, item)[0]
	switch {
	case fault.Is(res.Err, fault.Conflict) && bytes.Equal(res.Stored.Data, item.Data):
		res.Version = res.Stored.Version // the driver's own repeat met what it had written
	case fault.Is(res.Err, fault.Conflict):
		return nil, false, nil
	case res.Err != nil:
		return nil, false, res.Err
	}
	item.Version = res.Version
	return func() {
		if l.Now().Before(item.Expires.Add(-time.Second)) { // else it may be somebody else's already, under the same version
			l.Store.Delete(context.WithoutCancel(ctx), item)
		}
	}, true, nil
}

// LocalLeases keeps leases in memory, for the one process of the local home: they are void when it ends.
type LocalLeases struct {
	Now  func() time.Time
	mu   sync.Mutex
	held map[string]lease
	next uint64
}

type lease struct {
	until time.Time
	token uint64
}

// Acquire implements Leaser.
func (l *LocalLeases) Acquire(_ context.Context, name string, ttl time.Duration) (func(), bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.Now()
	if have, ok := l.held[name]; ok && now.Before(have.until) {
		return nil, false, nil
	}
	if l.held == nil {
		l.held = map[string]lease{}
	}
	l.next++
	token := l.next
	l.held[name] = lease{now.Add(ttl), token}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.held[name].token == token {
			delete(l.held, name)
		}
	}, true, nil
}
