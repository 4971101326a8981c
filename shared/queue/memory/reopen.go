package memory

// Reopen voids every claim, as the end of the process that made them does: the messages are visible again at once.
func (q *Queue) Reopen() {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.options.Now()
	for _, l := range q.lanes {
		for _, c := range l.claims {
			c.until = now
		}
		l.release(now)
		l.rouse()
	}
}
