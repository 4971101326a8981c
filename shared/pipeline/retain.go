package pipeline

// expired is why a tombstone of what the retention sweep removed stands.
const expired = "expired"

// aged tells whether an event is of something so old that the retention sweep may have removed it before.
func (w *world) aged(o *one) bool { return false }
