package lambdarun

import (
	"context"
	"encoding/json"

	"rapport/shared/telemetry"
)

// Calls makes the handler of a function that a schedule or a person wakes. do gets the event as it is and answers with
// what becomes JSON, and with numbers for the line. An error is told to the service, which then wakes it again.
func Calls(do func(ctx context.Context, f *Function, event []byte) (any, []telemetry.Measure, error)) func(*Function) Handler {
	return func(f *Function) Handler {
		return func(ctx context.Context, event []byte) ([]byte, error) {
			w := f.begin()
			var out any
			var measures []telemetry.Measure
			err := f.safely(func() (err error) {
				inner, cancel := f.Time(ctx)
				defer cancel()
				out, measures, err = do(inner, f, event)
				return err
			})
			w.fail(err)
			w.end(ctx, measures...)
			if err != nil {
				return nil, err
			}
			return json.Marshal(out)
		}
	}
}
