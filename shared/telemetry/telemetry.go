// Package telemetry writes what an operator watches: one line per batch, as JSON with fixed keys, from which metrics are
// made (CloudWatch embedded metric format on AWS). It never logs content, addresses with queries, or secrets.
package telemetry

import (
	"context"
	"io"
	"log/slog"
	"time"

	"rapport/shared/fault"
	"rapport/shared/queue"
)

// New makes the process's log: JSON lines on w from level on.
func New(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level}))
}

// Wrap logs one line per batch of a handler: verb, lane, messages, failures, milliseconds and the first failure's kind.
func Wrap(log *slog.Logger, now func() time.Time, verb string, h queue.Handler) queue.Handler {
	return func(ctx context.Context, batch []queue.Message) []error {
		begin := now()
		errs := h(ctx, batch)
		failed, kind, text := 0, "", ""
		for _, err := range errs {
			if err != nil {
				failed++
				if kind == "" {
					kind, text = fault.Of(err).String(), err.Error()
				}
			}
		}
		level := slog.LevelDebug
		if failed > 0 {
			level = slog.LevelWarn
		}
		attrs := []slog.Attr{slog.String("verb", verb), slog.Int("messages", len(batch)), slog.Int("failed", failed),
			slog.Int64("ms", now().Sub(begin).Milliseconds())}
		if len(batch) > 0 {
			attrs = append(attrs, slog.String("lane", string(batch[0].Lane)))
		}
		if failed > 0 {
			attrs = append(attrs, slog.String("kind", kind), slog.String("error", text))
		}
		log.LogAttrs(ctx, level, "batch", attrs...)
		return errs
	}
}
