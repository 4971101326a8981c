package lambdarun

import (
	"context"
	"net/http"

	"rapport/shared/webhook"
)

// page is shown to who is not logged in; it names nothing of the stack.
const page = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Rapport</title><h1>Rapport</h1><p>Please log in.</p></html>
`

// Console runs the function of the console: a page without content, until people can log in.
func Console() {
	Start("console", HTTP(func(_ context.Context, _ *Function, r webhook.Request) (webhook.Answer, error) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			return webhook.Answer{Status: http.StatusMethodNotAllowed}, nil
		}
		if r.Path != "/" {
			return webhook.Answer{Status: http.StatusNotFound}, nil
		}
		return webhook.Answer{Type: "text/html; charset=utf-8", Body: []byte(page)}, nil
	}))
}
