// Package secret is the contract of long-lived secrets: app secrets, API keys, refresh seeds. Workers only read them.
// Access tokens that rotate live in the store, encrypted.
package secret

import (
	"context"

	"rapport/shared/flow"
)

// Source reads secrets by reference. A reference names its source: env:NAME (environment, or the .env file beside the
// configuration), aws:NAME (parameter or secret). Safe for concurrent use; drivers cache, so a call is cheap.
type Source interface {
	// Get gives the secret. NotFound: no such reference; Invalid: a reference this source does not understand.
	Get(ctx context.Context, ref string) (flow.Secret, error)
	// Forget drops what is cached of ref, after the vendor refused it: the next Get reads a rotated value.
	Forget(ref string)
}

// Writer stores secrets, for connect and the console only.
type Writer interface {
	// Set stores a secret under ref.
	Set(ctx context.Context, ref string, s flow.Secret) error
}
