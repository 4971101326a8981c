// Package demo holds one invented day of the brand Nordlicht Rad as files: what people write on Mastodon, what a
// monitoring tool and a review portal send, what happens in the CRMs, and the configuration it is played with.
//
// Each line of a .jsonl file is one thing that happens, with the time of day as "at". In echolot.jsonl and sterne.jsonl
// "body" is the vendor's body, byte for byte but for the date, which the player moves to the day that ends now.
package demo

import "embed"

// Files are mastodon.jsonl, echolot.jsonl, sterne.jsonl, crm.jsonl, reisen.jsonl and rapport.yaml.
//
//go:embed *.jsonl rapport.yaml
var Files embed.FS
