package dynamo

import (
	"context"
	"iter"

	"rapport/shared/store"
)

var _ store.Walker = (*Store)(nil)

// scan is a call of Scan: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Scan.html
type scan struct {
	TableName                 string
	ConsistentRead            bool
	Segment, TotalSegments    int
	FilterExpression          string
	ExpressionAttributeNames  map[string]string
	ExpressionAttributeValues attributes
	ExclusiveStartKey         attributes `json:",omitempty"`
	ReturnConsumedCapacity    string     `json:",omitempty"`
}

// segments is into how many parts a walk divides the table; it reads them at the same time.
const segments = 4

// part is a page of a segment on its way to who walks.
type part struct {
	items []store.Item
	err   error
}

// Walk implements store.Walker, by Scan. This is the only place where that is right: to prove that nothing of somebody is
// left anywhere, everything has to be read, where every verb knows the keys it needs. No function has the right to it; an
// operator calls it with credentials of their own.
func (s *Store) Walk(ctx context.Context) iter.Seq2[store.Item, error] {
	return func(yield func(store.Item, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		parts := make(chan part)
		for n := range segments {
			go func() {
				err := s.segment(ctx, n, func(items []store.Item) bool {
					select {
					case parts <- part{items: items}:
						return true
					case <-ctx.Done():
						return false
					}
				})
				select {
				case parts <- part{err: err}: // without items and error: the segment is over
				case <-ctx.Done():
				}
			}()
		}
		for left := segments; left > 0; {
			var p part
			select {
			case p = <-parts:
			case <-ctx.Done():
				p.err = classify(ctx.Err(), "walk")
			}
			if p.err != nil {
				yield(store.Item{}, p.err)
				return
			}
			if p.items == nil {
				left--
			}
			for _, item := range p.items {
				if !yield(item, nil) {
					return
				}
			}
		}
	}
}

// segment reads one part of the table page by page.
func (t *table) segment(ctx context.Context, n int, page func([]store.Item) bool) error {
	in := scan{TableName: t.name, ConsistentRead: true, Segment: n, TotalSegments: segments, FilterExpression: whenAlive,
		ExpressionAttributeNames: map[string]string{"#x": "x"}, ReturnConsumedCapacity: t.counted()}
	for {
		in.ExpressionAttributeValues = attributes{":now": attribute{N: number(t.now().Unix())}}
		var out queryOut
		if err := t.call(ctx, "Scan", in, &out); err != nil {
			return classify(err, "walk")
		}
		t.count("reads", out.ConsumedCapacity)
		items := make([]store.Item, 0, len(out.Items))
		for _, values := range out.Items {
			item, err := t.item(values)
			if err != nil {
				return err
			}
			if item.Version != 0 {
				items = append(items, item)
			}
		}
		if !page(items) || len(out.LastEvaluatedKey) == 0 {
			return nil
		}
		in.ExclusiveStartKey = out.LastEvaluatedKey
	}
}
