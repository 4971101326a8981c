package main

import (
	"io"
	"os"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"rapport/shared/pipeline"
)

// progress shows a job in a terminal as a bar, elsewhere not at all.
type progress struct {
	pool *mpb.Progress
	bar  *mpb.Bar
}

func newProgress(w io.Writer, quiet bool) *progress {
	file, ok := w.(*os.File)
	if !ok || quiet {
		return &progress{}
	}
	if info, err := file.Stat(); err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return &progress{}
	}
	pool := mpb.New(mpb.WithOutput(w), mpb.WithWidth(40))
	bar := pool.AddBar(0, mpb.PrependDecorators(decor.Name("reading ")), mpb.AppendDecorators(decor.CountersNoUnit("%d of %d bodies")))
	return &progress{pool, bar}
}

func (p *progress) show(j pipeline.JobRow) {
	if p.bar == nil {
		return
	}
	p.bar.SetTotal(int64(max(j.Total, j.Done+1)), j.State == "done")
	p.bar.SetCurrent(int64(j.Done))
}

// end leaves the bar as it is; what is written next stands below it.
func (p *progress) end() {
	if p.pool != nil {
		p.bar.Abort(false)
		p.pool.Wait()
		p.pool, p.bar = nil, nil
	}
}
