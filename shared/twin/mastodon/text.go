package mastodon

import (
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"
)

var (
	marks = regexp.MustCompile(`https?://[^\s<>"]+|@[\w.-]*\w(?:@[\w.-]+(?::\d+)?)?|#[\p{L}\p{N}_]+`)
	tags  = regexp.MustCompile(`<[^>]*>`)
)

// render makes content of a plain text as the true servers do, and tells whom and what it names.
func (s *Server) render(text string) (content string, mentions, hashtags []string) {
	var b strings.Builder
	at := 0
	for _, place := range marks.FindAllStringIndex(text, -1) {
		b.WriteString(escape(text[at:place[0]]))
		at = place[1]
		mark := text[place[0]:place[1]]
		switch mark[0] {
		case '#':
			hashtags = append(hashtags, mark[1:])
			fmt.Fprintf(&b, `<a href="%s/tags/%s" class="mention hashtag" rel="tag">#<span>%s</span></a>`, s.self, strings.ToLower(mark[1:]), mark[1:])
		case '@':
			a := s.people[s.local(mark[1:])]
			if a == nil {
				b.WriteString(escape(mark))
				continue
			}
			if handle := s.local(mark[1:]); !slices.Contains(mentions, handle) {
				mentions = append(mentions, handle)
			}
			fmt.Fprintf(&b, `<span class="h-card" translate="no"><a href="%s" class="u-url mention">@<span>%s</span></a></span>`, s.profile(a), a.Name)
		default:
			scheme, rest, _ := strings.Cut(mark, "://")
			fmt.Fprintf(&b, `<a href="%s" rel="nofollow noopener" target="_blank"><span class="invisible">%s://</span><span class="">%s</span></a>`,
				html.EscapeString(mark), scheme, html.EscapeString(rest))
		}
	}
	b.WriteString(escape(text[at:]))
	content = "<p>" + strings.ReplaceAll(b.String(), "\n\n", "</p><p>") + "</p>"
	return strings.ReplaceAll(content, "\n", "<br />"), mentions, hashtags
}

// local takes this server's own name off a handle.
func (s *Server) local(handle string) string {
	_, host, _ := strings.Cut(s.self, "://")
	return strings.TrimSuffix(handle, "@"+host)
}

func (s *Server) profile(a *account) string {
	if a.Domain == "" {
		return s.self + "/@" + a.Name
	}
	return "https://" + a.Domain + "/@" + a.Name
}

func escape(text string) string { return html.EscapeString(text) }

// visible gives the words of a content.
func visible(content string) string { return html.UnescapeString(tags.ReplaceAllString(content, "")) }
