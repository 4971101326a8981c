package x

import "time"

// prices of https://docs.x.com/x-api/getting-started/pricing as of August 2026, in USD.
func price(of string) float64 {
	switch of {
	case "post", "count":
		return 0.005
	case "user", "message", "count_all", "create_summoned":
		return 0.010
	case "create", "send":
		return 0.015
	case "create_address":
		return 0.200
	}
	return 0
}

// charge books a resource; one that was charged on the same UTC day already is free. s.mu is held.
func (s *Server) charge(of, id string) {
	key := of + " " + id + " " + s.o.Now().UTC().Format(time.DateOnly)
	if id != "" && s.seen[key] && !s.o.Twice {
		return
	}
	s.seen[key] = true
	s.charged[of]++
	s.usd += price(of)
}
