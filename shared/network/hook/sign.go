package hook

import (
	"net/http"
	"time"

	"rapport/shared/network"
)

var _ network.Signer = (*Hook)(nil)

// Sign implements network.Signer. The address is no part of what hooks sign.
func (k *Hook) Sign(h network.Hook, _ string, body []byte, at time.Time) (http.Header, error) {
	return Sign(h, body, at)
}

// Check looks into a hook's settings before they are used; see the function of that name.
func (k *Hook) Check(settings map[string]any) []error { return Check(settings) }
