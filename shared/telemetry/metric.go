package telemetry

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"time"

	"rapport/shared/topology"
)

// Measure is one number of a line.
type Measure struct {
	Name  string // of package topology
	Unit  string // Count, Milliseconds, Percent
	Value float64
}

// Count makes a number of things.
func Count(name string, n int) Measure { return Measure{name, "Count", float64(n)} }

// Milliseconds makes a duration.
func Milliseconds(name string, d time.Duration) Measure {
	return Measure{name, "Milliseconds", float64(d.Microseconds()) / 1000}
}

// Percent makes a share.
func Percent(name string, p float64) Measure { return Measure{name, "Percent", p} }

// NewLambda makes the log of a function: JSON lines as Lambda's own, whose service filters by level.
func NewLambda(w io.Writer, level slog.Level) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey && len(groups) == 0 {
			a.Key = "timestamp"
		}
		return a
	}}))
}

// metricName, directive and embedded are what CloudWatch reads of a line:
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
type metricName struct {
	Name string `json:"Name"`
	Unit string `json:"Unit"`
}

type directive struct {
	Namespace  string       `json:"Namespace"`
	Dimensions [][]string   `json:"Dimensions"`
	Metrics    []metricName `json:"Metrics"`
}

type embedded struct {
	Timestamp int64       `json:"Timestamp"` // Unix milliseconds
	Metrics   []directive `json:"CloudWatchMetrics"`
}

// Line writes one line with its facts, from which CloudWatch makes metrics of a stack (its prefix), but of zeros: they are
// in the line and nothing else. log must let slog.LevelInfo through.
func Line(ctx context.Context, log *slog.Logger, at time.Time, prefix string, facts []slog.Attr, measures ...Measure) {
	d := directive{Namespace: topology.Namespace, Dimensions: [][]string{{topology.Dimension}}}
	attrs := make([]slog.Attr, 0, len(facts)+len(measures)+2)
	attrs = append(attrs, slog.String(topology.Dimension, strings.TrimSuffix(prefix, "-")))
	attrs = append(attrs, facts...)
	for _, m := range measures {
		if m.Value != 0 {
			d.Metrics = append(d.Metrics, metricName{m.Name, m.Unit})
		}
		attrs = append(attrs, slog.Float64(m.Name, m.Value))
	}
	if len(d.Metrics) > 0 {
		attrs = append(attrs, slog.Any("_aws", embedded{at.UnixMilli(), []directive{d}}))
	}
	log.LogAttrs(ctx, slog.LevelInfo, "batch", attrs...)
}
