package flow

// Secret is a text that must not be seen. It prints as dots, so that no log, error or JSON holds it by accident.
type Secret struct{ text string }

// NewSecret wraps a secret text.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal gives the text, for the one place that sends or checks it.
func (s Secret) Reveal() string { return s.text }

// Empty tells whether there is none.
func (s Secret) Empty() bool { return s.text == "" }

// String hides the text.
func (s Secret) String() string {
	if s.text == "" {
		return ""
	}
	return "•••"
}

// GoString hides the text.
func (s Secret) GoString() string { return "flow.Secret(" + s.String() + ")" }

// MarshalText hides the text.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
