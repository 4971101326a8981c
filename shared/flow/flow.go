// Package flow holds the nouns that travel through Rapport: events, mentions, authors, conversations, persons,
// deliveries, changes, replies and erasures. It is data with a few pure rules (ids, keys, revisions) and imports the
// standard library only. Times are UTC, ids are strings, texts are UTF-8.
package flow

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"hash"
	"slices"
	"strings"
	"time"
)

// Verb tells what happened to a mention.
type Verb string

// The verbs of an event.
const (
	New      Verb = "new"
	Edit     Verb = "edit"
	Delete   Verb = "delete"
	Reaction Verb = "reaction"
)

// Kind is the form of a mention.
type Kind string

// The kinds of a mention.
const (
	Post    Kind = "post"
	Comment Kind = "comment"
	ReplyTo Kind = "reply"
	Message Kind = "message" // private: only the author and the brand see it
	Review  Kind = "review"
)

// Direction tells who spoke.
type Direction string

// In: somebody to or about the brand. Out: the brand itself, from whatever tool.
const (
	In  Direction = "in"
	Out Direction = "out"
)

// Event is one thing a network told us about one mention.
type Event struct {
	Account string    `json:"account,omitempty" expr:"account"` // the vendor's id of the account it reached; "" = the account that was polled
	Verb    Verb      `json:"verb" expr:"verb"`
	At      time.Time `json:"at" expr:"at"`                   // when it happened on the network: creation, edit or deletion
	Source  string    `json:"source,omitempty" expr:"source"` // live, history or test; "" = live
	Erase   *Erasure  `json:"erase,omitempty" expr:"erase"`   // set where the vendor asks for an erasure instead; its ID is the same when it asks again
	Thin    bool      `json:"thin,omitempty" expr:"thin"`     // the network named the mention and nothing else: it has to be read
	Mention Mention   `json:"mention" expr:"mention"`         // of a delete only Network and ID are sure

	Correction *Correction `json:"correction,omitempty" expr:"correction"` // of the verb correct
}

// ID is the dedupe key of an event: mention id + verb + revision. Webhook and poll of one thing give the same.
func (e Event) ID() string {
	switch e.Verb {
	case Delete:
		return e.Mention.ID + "|delete"
	case Reaction:
		return e.Mention.ID + "|reaction|" + e.Mention.engagement()
	case Correct:
		if e.Correction != nil {
			return e.Mention.ID + "|correct|" + e.Correction.ID
		}
	}
	// New and edit share the revision alone: a poll cannot tell an edited post from a new one.
	return e.Mention.ID + "|" + e.Mention.Revision()
}

// Mention is one thing somebody said.
type Mention struct {
	ID         string         `json:"id" expr:"id"` // network:native-id, stable over edits and deletes
	Network    string         `json:"network" expr:"network"`
	Account    string         `json:"account,omitempty" expr:"account"` // our name of the configured account; set by the pipeline
	Brand      string         `json:"brand,omitempty" expr:"brand"`     // set by the pipeline
	Kind       Kind           `json:"kind" expr:"kind"`
	Direction  Direction      `json:"direction" expr:"direction"`
	Private    bool           `json:"private,omitempty" expr:"private"`
	Text       string         `json:"text" expr:"text"`           // plain text, line breaks kept
	Lang       string         `json:"lang,omitempty" expr:"lang"` // what the network says (ISO 639-1), a weak hint
	Permalink  string         `json:"permalink,omitempty" expr:"permalink"`
	Author     Author         `json:"author" expr:"author"`
	To         string         `json:"to,omitempty" expr:"to"`         // author id of who got a private message of the brand
	Parent     string         `json:"parent,omitempty" expr:"parent"` // mention id of what it answers
	Root       string         `json:"root,omitempty" expr:"root"`     // mention id of the thread's start; "" = itself
	Created    time.Time      `json:"created" expr:"created"`
	Edited     time.Time      `json:"edited,omitzero" expr:"edited"`
	Rating     int            `json:"rating,omitempty" expr:"rating"` // stars 1–5, 0 = none
	Tags       []string       `json:"tags,omitempty" expr:"tags"`     // hashtags without #
	Links      []string       `json:"links,omitempty" expr:"links"`
	Media      []Media        `json:"media,omitempty" expr:"media"`
	Likes      int            `json:"likes,omitempty" expr:"likes"`
	Shares     int            `json:"shares,omitempty" expr:"shares"`
	Comments   int            `json:"comments,omitempty" expr:"comments"`
	Views      int            `json:"views,omitempty" expr:"views"`
	ReplyUntil time.Time      `json:"reply_until,omitzero" expr:"reply_until"` // the network closes the answer window then
	Deleted    bool           `json:"deleted,omitempty" expr:"deleted"`
	Extra      map[string]any `json:"extra,omitempty" expr:"extra"` // what only this source has: string, float64 or bool
}

// Media is one attachment.
type Media struct {
	Kind    string    `json:"kind" expr:"kind"` // image, video, audio, file
	URL     string    `json:"url,omitempty" expr:"url"`
	Alt     string    `json:"alt,omitempty" expr:"alt"`
	Type    string    `json:"type,omitempty" expr:"type"` // media type
	Size    int64     `json:"size,omitempty" expr:"size"` // bytes, 0 = not told
	Expires time.Time `json:"expires,omitzero" expr:"expires"`
}

// MentionID makes a mention id.
func MentionID(network, native string) string { return network + ":" + native }

// Native gives the network's own id back.
func Native(mentionID string) string {
	_, native, _ := strings.Cut(mentionID, ":")
	return native
}

// Thread is the mention id of the thread's start.
func (m Mention) Thread() string {
	if m.Root != "" {
		return m.Root
	}
	return m.ID
}

// Revision is a hash of the content fields: text, media, rating and links. Engagement and profile are no content.
func (m Mention) Revision() string {
	h := sha256.New()
	put(h, m.Text)
	for _, x := range m.Media {
		// Addresses of media change with every read at some vendors, so kind and alt text count alone.
		put(h, x.Kind, x.Alt)
	}
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(m.Rating))
	h.Write(b[:])
	var sum [sha256.Size]byte
	return base64.RawURLEncoding.EncodeToString(h.Sum(sum[:0])[:12])
}

func (m Mention) engagement() string {
	h := sha256.New()
	var b [8]byte
	for _, n := range []int{m.Likes, m.Shares, m.Comments, m.Views} {
		binary.BigEndian.PutUint64(b[:], uint64(n))
		h.Write(b[:])
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil)[:9])
}

func put(h hash.Hash, parts ...string) {
	var n [4]byte
	for _, p := range parts {
		binary.BigEndian.PutUint32(n[:], uint32(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
}

// Author is the social account that said something. It is keyed by the immutable native id, never by handle.
type Author struct {
	ID        string         `json:"id" expr:"id"` // network:native-id, immutable
	Handle    string         `json:"handle,omitempty" expr:"handle"`
	Name      string         `json:"name,omitempty" expr:"name"`
	URL       string         `json:"url,omitempty" expr:"url"`
	Bio       string         `json:"bio,omitempty" expr:"bio"`
	Avatar    string         `json:"avatar,omitempty" expr:"avatar"`
	Location  string         `json:"location,omitempty" expr:"location"`
	Counted   bool           `json:"counted,omitempty" expr:"counted"` // the network told the counts below; false = unknown, not zero
	Followers int            `json:"followers,omitempty" expr:"followers"`
	Following int            `json:"following,omitempty" expr:"following"`
	Posts     int            `json:"posts,omitempty" expr:"posts"`
	Listed    int            `json:"listed,omitempty" expr:"listed"`
	Verified  bool           `json:"verified,omitempty" expr:"verified"` // the network vouches for the identity
	Bot       bool           `json:"bot,omitempty" expr:"bot"`
	NoIndex   bool           `json:"no_index,omitempty" expr:"no_index"` // the author asks not to be indexed
	Created   time.Time      `json:"created,omitzero" expr:"created"`
	Proven    []string       `json:"proven,omitempty" expr:"proven"` // addresses whose page links back (rel=me), own domains
	Extra     map[string]any `json:"extra,omitempty" expr:"extra"`
}

// Newer tells whether a carries more or fresher profile data than b, so that a bare author never wipes a full one.
func (a Author) Newer(b Author) bool {
	return a.Counted || !b.Counted && (a.Name != "" || b.Name == "")
}

// Key makes a CRM record key: rapport:<kind>:<id>. It never holds a revision.
func Key(kind, id string) string { return "rapport:" + kind + ":" + id }

// SplitKey gives kind and id back; ok is false for a foreign key.
func SplitKey(key string) (kind, id string, ok bool) {
	rest, ok := strings.CutPrefix(key, "rapport:")
	if !ok {
		return "", "", false
	}
	kind, id, ok = strings.Cut(rest, ":")
	return kind, id, ok && slices.Contains(Kinds, kind)
}

// The kinds of CRM records.
const (
	KindMention      = "mention"
	KindConversation = "conversation"
	KindPerson       = "person"
)

// Kinds lists the kinds of CRM records in the order in which they are written.
var Kinds = []string{KindPerson, KindConversation, KindMention}
