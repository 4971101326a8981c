package sink

// Check looks into an account's settings before they are used; see the function of that name.
func (s *Sink) Check(settings map[string]any) []error { return Check(settings) }
