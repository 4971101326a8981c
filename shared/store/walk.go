package store

import (
	"context"
	"iter"
)

// Walker is a store that can be read whole: every item of every partition, in no promised order, expired ones left out. It is
// there for one purpose, to prove that somebody's traces are gone; it costs what reading everything costs, and no verb uses
// it. On AWS the functions have no right to it: it takes the credentials of an operator.
type Walker interface {
	// Walk reads everything that is there from beginning to end; of what is written meanwhile it may see some. An error ends it.
	Walk(ctx context.Context) iter.Seq2[Item, error]
}
