package bluesky

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/publicsuffix"

	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/network"
	"rapport/shared/pattern"
)

// facet marks a stretch of a text, counted in bytes of UTF-8.
type facet struct {
	Index struct {
		Start int `json:"byteStart"`
		End   int `json:"byteEnd"`
	} `json:"index"`
	Features []feature `json:"features"`
}

type feature struct {
	Type string `json:"$type"`
	DID  string `json:"did,omitempty"`
	URI  string `json:"uri,omitempty"`
	Tag  string `json:"tag,omitempty"`
}

// UnmarshalJSON reads what it can, as for attachments.
func (f *feature) UnmarshalJSON(data []byte) error {
	type plain feature
	var x plain
	if json.Unmarshal(data, &x) == nil {
		*f = feature(x)
	}
	return nil
}

const (
	facetLink    = "app.bsky.richtext.facet#link"
	facetTag     = "app.bsky.richtext.facet#tag"
	facetMention = "app.bsky.richtext.facet#mention"
)

// within tells whether a facet marks whole characters of the text: authors write what they like there.
func (f facet) within(text string) bool {
	return f.Index.Start >= 0 && f.Index.Start < f.Index.End && f.Index.End <= len(text) && utf8.ValidString(text[f.Index.Start:f.Index.End])
}

// read gives the text with shortened addresses spelled out, and its addresses and tags.
func (r record) read() (text string, links, tags []string) {
	text = r.Text
	facets := slices.DeleteFunc(slices.Clone(r.Facets), func(f facet) bool { return !f.within(text) })
	slices.SortStableFunc(facets, func(a, b facet) int { return a.Index.Start - b.Index.Start })
	var out strings.Builder
	done := 0
	for _, f := range facets {
		for _, x := range f.Features {
			switch x.Type {
			case facetTag:
				tags = include(tags, x.Tag)
			case facetLink:
				if !strings.HasPrefix(x.URI, "http") {
					continue
				}
				links = include(links, x.URI)
				shown := text[f.Index.Start:f.Index.End]
				if f.Index.Start >= done && shortened(shown, x.URI) {
					out.WriteString(text[done:f.Index.Start])
					out.WriteString(x.URI)
					done = f.Index.End
				}
			}
		}
	}
	out.WriteString(text[done:])
	for _, t := range r.Tags {
		tags = include(tags, t)
	}
	if r.Embed != nil {
		links = include(links, r.Embed.External.URI)
	}
	return strings.TrimSpace(clean(out.String())), links, tags
}

// shortened tells whether clients cut an address for display, as nordlicht.example/hou...
func shortened(shown, full string) bool {
	stem, cut := strings.CutSuffix(shown, "...")
	if !cut {
		stem, cut = strings.CutSuffix(shown, "…")
	}
	bare := full
	for _, p := range []string{"https://", "http://", "www."} {
		bare = strings.TrimPrefix(bare, p)
		stem = strings.TrimPrefix(stem, p)
	}
	return cut && strings.HasPrefix(bare, stem)
}

func include(list []string, text string) []string {
	if text = clean(text); text == "" || slices.Contains(list, text) {
		return list
	}
	return append(list, text)
}

// clean takes out what databases refuse.
func clean(s string) string {
	return strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "�")
}

// marks are what a reply's text holds that has to be marked: addresses, handles with at least one dot, tags.
var marks = pattern.New(`https?://[^\s<>"]+|(?:^|[\s(])@(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?\.)+[a-zA-Z][a-zA-Z0-9-]*|(?:^|[\s(])#[\pL\pN_]*[\pL_][\pL\pN_]*`)

// facets marks addresses, tags and handles of a text that is sent. A handle that nobody has stays text.
func facets(ctx context.Context, a network.Account, text string) ([]facet, error) {
	var out []facet
	for _, at := range marks().FindAllStringIndex(text, -1) {
		start, end := at[0], at[1]
		if text[start] != '@' && text[start] != '#' && !strings.HasPrefix(text[start:], "http") {
			start++ // the blank or bracket before it
		}
		var x feature
		switch mark := text[start:end]; mark[0] {
		case '#':
			x = feature{Type: facetTag, Tag: mark[1:]}
		case '@':
			did, err := resolve(ctx, a, strings.ToLower(mark[1:]))
			if fault.Is(err, fault.NotFound) {
				continue
			}
			if err != nil {
				return nil, err
			}
			x = feature{Type: facetMention, DID: did}
		default:
			mark = strings.TrimRight(mark, ".,;:!?'")
			if strings.HasSuffix(mark, ")") && !strings.Contains(mark, "(") {
				mark = strings.TrimRight(mark, ")")
			}
			end = start + len(mark)
			x = feature{Type: facetLink, URI: mark}
		}
		f := facet{Features: []feature{x}}
		f.Index.Start, f.Index.End = start, end
		out = append(out, f)
	}
	return out, nil
}

// author says who it is in our words.
func (p profile) author(settings map[string]any) flow.Author {
	out := flow.Author{ID: flow.MentionID(name, p.DID), Name: clean(p.Display), URL: page(settings, p.DID), Bio: clean(p.Description), Avatar: p.Avatar}
	if p.Handle != "handle.invalid" {
		out.Handle = clean(p.Handle)
	}
	if p.Followers != nil && p.Follows != nil && p.Posts != nil {
		out.Counted = true
		out.Followers, out.Following, out.Posts = max(0, *p.Followers), max(0, *p.Follows), max(0, *p.Posts)
	}
	if at, err := when(p.CreatedAt); err == nil {
		out.Created = at
	}
	out.Verified = p.Verification.Status == "valid" || p.Verification.Trusted == "valid"
	for _, l := range p.Labels {
		switch {
		case l.Neg:
		case l.Value == "!no-unauthenticated":
			out.NoIndex = true
		case l.Value == "bot":
			out.Bot = true
		}
	}
	if domain := ownDomain(out.Handle, settings); domain != "" {
		out.Proven = []string{"https://" + domain}
	}
	return out
}

// ownDomain gives the domain that a handle proves: the index checks that the domain names this account. A name below a
// domain proves only that its owner lent it, which is no proof of the whole.
func ownDomain(handle string, settings map[string]any) string {
	handle = strings.ToLower(handle)
	shared := append(network.Account{Settings: settings}.Texts("shared_domains"), "bsky.social")
	for _, d := range shared {
		if d = strings.Trim(strings.ToLower(d), "."); handle == d || strings.HasSuffix(handle, "."+d) {
			return ""
		}
	}
	if domain, err := publicsuffix.EffectiveTLDPlusOne(handle); err != nil || domain != handle {
		return ""
	}
	return handle
}
