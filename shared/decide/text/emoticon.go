package text

import "strings"

// emoticon tells a face made of signs at the start of s: how many bytes it has, and the emoji that it stands for.
func emoticon(s string) (size int, emoji string) {
	if strings.HasPrefix(s, "<3") {
		return 2, "❤"
	}
	if strings.HasPrefix(s, "^^") || strings.HasPrefix(s, "^_^") {
		return strings.LastIndexByte(s[:min(len(s), 3)], '^') + 1, "😄"
	}
	if len(s) < 2 || s[0] != ':' && s[0] != ';' && s[0] != '=' {
		return 0, ""
	}
	i, tear := 1, false
	if s[1] == '-' || s[1] == '\'' {
		i, tear = 2, s[1] == '\''
	}
	if i == len(s) {
		return 0, ""
	}
	for _, m := range [...]struct{ mouths, emoji string }{{")]", "🙂"}, {"([", "🙁"}, {"D", "😆"}, {"/\\", "😕"}, {"Pp", "😛"}, {"*", "😘"}} {
		if strings.IndexByte(m.mouths, s[i]) < 0 {
			continue
		}
		end := i + 1
		switch m.mouths[0] {
		case 'D', 'P': // the first letter of a word is no mouth
			if end < len(s) && wordish(s[end]) {
				return 0, ""
			}
		case '/':
			if s[0] != ':' || end < len(s) && (s[end] == '/' || wordish(s[end])) {
				return 0, ""
			}
		}
		for end < len(s) && s[end] == s[i] {
			end++
		}
		switch {
		case tear && m.mouths[0] == '(':
			return end, "😢"
		case s[0] == ';' && m.mouths[0] == ')':
			return end, "😉"
		}
		return end, m.emoji
	}
	return 0, ""
}
