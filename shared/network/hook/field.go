package hook

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"rapport/shared/flow"
	"rapport/shared/network"
)

// mention is an event while it is being filled.
type mention struct {
	flow.Event
	raw          network.Raw
	own          []string
	parent, root string // native ids
	author       string
}

// Fields lists the fields that settings may fill, beside extra.<name> and author.extra.<name>.
func Fields() []string {
	return []string{"id", "network", "kind", "direction", "private", "text", "lang", "permalink", "parent", "root", "created", "edited",
		"rating", "tags", "links", "media", "likes", "shares", "comments", "views", "reply_until",
		"author.id", "author.handle", "author.name", "author.url", "author.bio", "author.avatar", "author.location", "author.followers",
		"author.following", "author.posts", "author.listed", "author.verified", "author.bot", "author.no_index", "author.created", "author.proven"}
}

// setter gives what fills a field from a value that is not nil; nil for an unknown name.
func setter(name string) func(*mention, any) error {
	if key, ok := strings.CutPrefix(name, "extra."); ok && key != "" {
		return func(m *mention, v any) error { return extra(&m.Mention.Extra, key, v) }
	}
	if key, ok := strings.CutPrefix(name, "author.extra."); ok && key != "" {
		return func(m *mention, v any) error { return extra(&m.Mention.Author.Extra, key, v) }
	}
	if who, ok := strings.CutPrefix(name, "author."); ok {
		return authorSetter(who)
	}
	switch name {
	case "id", "network": // filled by identify
		return func(*mention, any) error { return nil }
	case "kind":
		return (*mention).setKind
	case "direction":
		return (*mention).setDirection
	case "private":
		return flag(func(m *mention) *bool { return &m.Mention.Private })
	case "text":
		return words(func(m *mention) *string { return &m.Mention.Text })
	case "lang":
		return (*mention).setLang
	case "permalink":
		return words(func(m *mention) *string { return &m.Mention.Permalink })
	case "parent":
		return words(func(m *mention) *string { return &m.parent })
	case "root":
		return words(func(m *mention) *string { return &m.root })
	case "created":
		return moment(func(m *mention) *time.Time { return &m.Mention.Created })
	case "edited":
		return moment(func(m *mention) *time.Time { return &m.Mention.Edited })
	case "reply_until":
		return moment(func(m *mention) *time.Time { return &m.Mention.ReplyUntil })
	case "rating":
		return (*mention).setRating
	case "tags":
		return (*mention).setTags
	case "links":
		return list(func(m *mention) *[]string { return &m.Mention.Links })
	case "media":
		return (*mention).setMedia
	case "likes":
		return count(func(m *mention) *int { return &m.Mention.Likes })
	case "shares":
		return count(func(m *mention) *int { return &m.Mention.Shares })
	case "comments":
		return count(func(m *mention) *int { return &m.Mention.Comments })
	case "views":
		return count(func(m *mention) *int { return &m.Mention.Views })
	}
	return nil
}

func authorSetter(name string) func(*mention, any) error {
	counted := func(at func(*mention) *int) func(*mention, any) error {
		set := count(at)
		return func(m *mention, v any) error { m.Mention.Author.Counted = true; return set(m, v) }
	}
	switch name {
	case "id":
		return words(func(m *mention) *string { return &m.author })
	case "handle":
		return words(func(m *mention) *string { return &m.Mention.Author.Handle })
	case "name":
		return words(func(m *mention) *string { return &m.Mention.Author.Name })
	case "url":
		return words(func(m *mention) *string { return &m.Mention.Author.URL })
	case "bio":
		return words(func(m *mention) *string { return &m.Mention.Author.Bio })
	case "avatar":
		return words(func(m *mention) *string { return &m.Mention.Author.Avatar })
	case "location":
		return words(func(m *mention) *string { return &m.Mention.Author.Location })
	case "followers":
		return counted(func(m *mention) *int { return &m.Mention.Author.Followers })
	case "following":
		return count(func(m *mention) *int { return &m.Mention.Author.Following })
	case "posts":
		return count(func(m *mention) *int { return &m.Mention.Author.Posts })
	case "listed":
		return count(func(m *mention) *int { return &m.Mention.Author.Listed })
	case "verified":
		return flag(func(m *mention) *bool { return &m.Mention.Author.Verified })
	case "bot":
		return flag(func(m *mention) *bool { return &m.Mention.Author.Bot })
	case "no_index":
		return flag(func(m *mention) *bool { return &m.Mention.Author.NoIndex })
	case "created":
		return moment(func(m *mention) *time.Time { return &m.Mention.Author.Created })
	case "proven":
		return list(func(m *mention) *[]string { return &m.Mention.Author.Proven })
	}
	return nil
}

// finish derives what follows from the filled fields.
func (m *mention) finish() {
	x := &m.Mention
	if m.author != "" {
		x.Author.ID = flow.MentionID(x.Network, m.author)
	}
	if m.parent != "" {
		x.Parent = flow.MentionID(x.Network, m.parent)
	}
	if m.root != "" {
		x.Root = flow.MentionID(x.Network, m.root)
	}
	if x.Root == x.ID {
		x.Root = ""
	}
	if m.author != "" && slices.Contains(m.own, m.author) || x.Direction == "" && x.Author.Handle != "" && slices.Contains(m.own, x.Author.Handle) {
		x.Direction = flow.Out
	}
	if x.Direction == "" {
		x.Direction = flow.In
	}
	switch {
	case x.Kind == flow.Message:
		x.Private = true
	case x.Kind != "" && !x.Private:
	case x.Private:
		x.Kind = flow.Message
	case x.Parent != "":
		x.Kind = flow.ReplyTo
	case x.Rating > 0:
		x.Kind = flow.Review
	default:
		x.Kind = flow.Post
	}
	m.At = m.raw.At
	switch {
	case m.Verb == flow.Edit && !x.Edited.IsZero():
		m.At = x.Edited
	case m.Verb == flow.Edit:
		x.Edited = m.At
	case m.Verb == flow.New && !x.Created.IsZero():
		m.At = x.Created
	}
	if x.Created.IsZero() && m.Verb == flow.New {
		x.Created = m.At
	}
}

func (m *mention) setKind(v any) error {
	s, err := text(v)
	if err != nil || s == "" {
		return err
	}
	k := flow.Kind(strings.ToLower(s))
	if slices.Contains([]flow.Kind{flow.Post, flow.Comment, flow.ReplyTo, flow.Message, flow.Review}, k) {
		m.Mention.Kind = k
		return nil
	}
	// A word of the sender's own is kept beside; the kind then follows from the other fields.
	return extra(&m.Mention.Extra, "kind", s)
}

func (m *mention) setDirection(v any) error {
	s, err := text(v)
	switch d := flow.Direction(s); {
	case err != nil:
		return err
	case d != "" && d != flow.In && d != flow.Out:
		return fmt.Errorf("must give in or out, not %q", short(s))
	default:
		m.Mention.Direction = d
		return nil
	}
}

func (m *mention) setLang(v any) error {
	s, err := text(v)
	s, _, _ = strings.Cut(strings.ToLower(s), "-")
	s, _, _ = strings.Cut(s, "_")
	if s != "und" && len(s) <= 3 {
		m.Mention.Lang = s
	}
	return err
}

func (m *mention) setRating(v any) error {
	f, err := number(v)
	if err != nil {
		return err
	}
	if m.Mention.Rating = int(math.Round(f)); m.Mention.Rating < 0 || m.Mention.Rating > 5 {
		return errors.New("must give stars from 1 to 5, or 0 for none")
	}
	return nil
}

func (m *mention) setTags(v any) error {
	tags, err := texts(v)
	for _, t := range tags {
		if t = strings.TrimPrefix(t, "#"); t != "" {
			m.Mention.Tags = append(m.Mention.Tags, t)
		}
	}
	return err
}

func (m *mention) setMedia(v any) error {
	all, ok := v.([]any)
	if !ok {
		all = []any{v}
	}
	for _, x := range all {
		switch x := x.(type) {
		case string:
			m.Mention.Media = append(m.Mention.Media, flow.Media{Kind: "file", URL: x})
		case map[string]any:
			one := flow.Media{Kind: "file"}
			for name, to := range map[string]*string{"kind": &one.Kind, "url": &one.URL, "alt": &one.Alt, "type": &one.Type} {
				if s, ok := x[name].(string); ok {
					*to = s
				}
			}
			m.Mention.Media = append(m.Mention.Media, one)
		default:
			return fmt.Errorf("must give addresses, or objects with url, kind, alt and type, not %s", kind(x))
		}
	}
	return nil
}

func verb(v any) (flow.Verb, bool, error) {
	s, err := text(v)
	if err != nil {
		return "", false, err
	}
	switch w := flow.Verb(strings.ToLower(s)); w {
	case "":
		return flow.New, true, nil
	case flow.New, flow.Edit, flow.Delete, flow.Reaction:
		return w, true, nil
	case "ignore":
		return "", false, nil
	}
	return "", false, fmt.Errorf("gives %q; it must give new, edit, delete, reaction or ignore", short(s))
}

func words(at func(*mention) *string) func(*mention, any) error {
	return func(m *mention, v any) (err error) { *at(m), err = text(v); return err }
}

func flag(at func(*mention) *bool) func(*mention, any) error {
	return func(m *mention, v any) error {
		switch x := v.(type) {
		case bool:
			*at(m) = x
		case int:
			*at(m) = x != 0
		case string:
			b, err := strconv.ParseBool(x)
			if err != nil && x != "" {
				return fmt.Errorf("must give true or false, not %q", short(x))
			}
			*at(m) = b
		default:
			return fmt.Errorf("must give true or false, not %s", kind(v))
		}
		return nil
	}
}

func count(at func(*mention) *int) func(*mention, any) error {
	return func(m *mention, v any) error {
		f, err := number(v)
		*at(m) = int(max(0, min(f, 1<<53)))
		return err
	}
}

func moment(at func(*mention) *time.Time) func(*mention, any) error {
	return func(m *mention, v any) (err error) { *at(m), err = when(v); return err }
}

func list(at func(*mention) *[]string) func(*mention, any) error {
	return func(m *mention, v any) (err error) { *at(m), err = texts(v); return err }
}

func extra(to *map[string]any, key string, v any) error {
	switch x := v.(type) {
	case string, bool:
	case float64:
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return errors.New("must give a finite number")
		}
	case int:
		if v = float64(x); x > 1<<53 || x < -1<<53 {
			v = strconv.Itoa(x)
		}
	default:
		return fmt.Errorf("must give a text, number or flag, not %s; toJSON(…) makes a text of anything", kind(v))
	}
	if *to == nil {
		*to = map[string]any{}
	}
	(*to)[key] = v
	return nil
}

// text reads a text, without NUL; numbers in full, nothing as "".
func text(v any) (string, error) {
	switch x := v.(type) {
	case nil:
		return "", nil
	case string:
		return strings.ReplaceAll(x, "\x00", ""), nil
	case int:
		return strconv.Itoa(x), nil
	case float64:
		return strconv.FormatFloat(x, 'f', -1, 64), nil
	case bool:
		return strconv.FormatBool(x), nil
	}
	return "", fmt.Errorf("must give a text, not %s", kind(v))
}

func texts(v any) ([]string, error) {
	if ss, ok := v.([]string); ok {
		return ss, nil
	}
	all, ok := v.([]any)
	if !ok {
		all = []any{v}
	}
	var out []string
	for _, x := range all {
		s, err := text(x)
		if err != nil {
			return nil, err
		}
		if s != "" {
			out = append(out, s)
		}
	}
	return out, nil
}

func number(v any) (float64, error) {
	switch x := v.(type) {
	case int:
		return float64(x), nil
	case float64:
		return x, nil
	case string:
		if x == "" {
			return 0, nil
		}
		f, err := strconv.ParseFloat(x, 64)
		if err != nil || math.IsNaN(f) {
			return 0, fmt.Errorf("must give a number, not %q", short(x))
		}
		return f, nil
	}
	return 0, fmt.Errorf("must give a number, not %s", kind(v))
}

// when reads a time: Unix seconds (milliseconds above 1e12) as number or text, or RFC 3339.
func when(v any) (time.Time, error) {
	if t, ok := v.(time.Time); ok {
		return t.UTC(), nil
	}
	if s, ok := v.(string); ok {
		if s == "" {
			return time.Time{}, nil
		}
		if t, err := time.Parse(time.RFC3339, s); err == nil {
			return t.UTC(), nil
		}
		// 2026-11-21T09:30:00+0000, as some senders write it
		if t, err := time.Parse("2006-01-02T15:04:05-0700", s); err == nil {
			return t.UTC(), nil
		}
		if strings.Trim(s, "0123456789.-") != "" {
			return time.Time{}, fmt.Errorf("must give a time: RFC 3339 or Unix seconds, not %q", short(s))
		}
	}
	f, err := number(v)
	if err != nil {
		return time.Time{}, fmt.Errorf("must give a time: RFC 3339 or Unix seconds")
	}
	if f > 1e12 || f < -1e12 {
		f /= 1000
	}
	if f > 253402300799 || f < -62135596800 { // years 1 to 9999
		return time.Time{}, errors.New("must give a time between the years 1 and 9999")
	}
	whole := math.Floor(f)
	return time.Unix(int64(whole), int64(math.Round((f-whole)*1e3))*1e6).UTC(), nil
}

// word makes a network's name of a text: lower-case letters and digits.
func word(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r | 0x20
		}
		return -1
	}, s)
}

func kind(v any) string {
	switch v.(type) {
	case nil:
		return "nothing"
	case string:
		return "a text"
	case bool:
		return "a flag"
	case []any, []string:
		return "a list"
	case map[string]any:
		return "an object"
	case int, int64, uint64, float64:
		return "a number"
	}
	return fmt.Sprintf("a %T", v)
}

func short(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}
