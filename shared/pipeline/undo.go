package pipeline

import "context"

func (p *Pipeline) draftUndo(ctx context.Context, plan *Plan, j *JobRow) error { return nil }
