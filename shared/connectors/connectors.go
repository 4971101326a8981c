// Package connectors lists what Rapport connects: one line per network, one per CRM.
package connectors

import (
	"rapport/shared/crm"
	"rapport/shared/crm/hubspot"
	"rapport/shared/crm/salesforce"
	"rapport/shared/crm/sink"
	"rapport/shared/network"
	"rapport/shared/network/bluesky"
	"rapport/shared/network/feed"
	"rapport/shared/network/hook"
	"rapport/shared/network/mastodon"
	"rapport/shared/network/meta"
	"rapport/shared/network/x"
)

// Networks gives every network by name.
func Networks() map[string]network.Network {
	return networks(
		bluesky.New(),
		feed.New(),
		hook.New(),
		mastodon.New(),
		meta.New(),
		x.New(),
	)
}

// CRMs gives every CRM by name.
func CRMs() map[string]crm.CRM {
	return crms(
		hubspot.New(),
		salesforce.New(),
		sink.New(),
	)
}

func networks(list ...network.Network) map[string]network.Network {
	m := make(map[string]network.Network, len(list))
	for _, n := range list {
		m[n.Info().Name] = n
	}
	return m
}

func crms(list ...crm.CRM) map[string]crm.CRM {
	m := make(map[string]crm.CRM, len(list))
	for _, c := range list {
		m[c.Info().Name] = c
	}
	return m
}
