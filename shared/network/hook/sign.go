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
