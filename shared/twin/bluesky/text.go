package bluesky

import (
	"regexp"
	"slices"
	"strings"
)

var marks = regexp.MustCompile(`https?://[^\s<>"]+|@[\w.-]*\w|#[\p{L}\p{N}_]+`)

// facets marks mentions, tags and addresses of a text as clients do: by byte offsets. An unknown handle stays text.
func (s *Server) facets(text string) []object {
	var out []object
	for _, at := range marks.FindAllStringIndex(text, -1) {
		mark := text[at[0]:at[1]]
		feature := object{"$type": "app.bsky.richtext.facet#link", "uri": mark}
		switch mark[0] {
		case '#':
			feature = object{"$type": "app.bsky.richtext.facet#tag", "tag": mark[1:]}
		case '@':
			a := s.handles[strings.TrimSuffix(mark[1:], ".")]
			if a == nil {
				continue
			}
			feature = object{"$type": "app.bsky.richtext.facet#mention", "did": a.did}
		}
		out = append(out, object{"index": object{"byteStart": at[0], "byteEnd": at[1]}, "features": []object{feature}})
	}
	return out
}

// names tells whether a record has a mention facet of a DID: words alone notify nobody.
func names(record object, did string) bool {
	facets, _ := record["facets"].([]object)
	return slices.ContainsFunc(facets, func(f object) bool {
		features, _ := f["features"].([]object)
		return slices.ContainsFunc(features, func(x object) bool { return x["did"] == did })
	})
}

// tagged tells whether a record has a tag.
func tagged(record object, tag string) bool {
	facets, _ := record["facets"].([]object)
	return slices.ContainsFunc(facets, func(f object) bool {
		features, _ := f["features"].([]object)
		return slices.ContainsFunc(features, func(x object) bool {
			t, _ := x["tag"].(string)
			return t != "" && strings.EqualFold(t, tag)
		})
	})
}

// Marked gives the stretches of a post's text that its facets mark, cut out by their byte offsets.
func (s *Server) Marked(uri string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.find(uri)
	if p == nil {
		return nil
	}
	text, _ := p.record["text"].(string)
	facets, _ := p.record["facets"].([]object)
	var out []string
	for _, f := range facets {
		index, _ := f["index"].(object)
		start, end := number(index["byteStart"]), number(index["byteEnd"])
		if start < 0 || end > len(text) || start > end {
			out = append(out, "out of range")
			continue
		}
		out = append(out, text[start:end])
	}
	return out
}

func number(v any) int {
	switch v := v.(type) {
	case int:
		return v
	case float64:
		return int(v)
	}
	return -1
}
