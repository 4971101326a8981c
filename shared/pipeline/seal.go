package pipeline

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"

	"rapport/shared/fault"
	"rapport/shared/flow"
)

// sealer gives the cipher for tokens at rest: AES-256-GCM under a key derived from the pepper.
func (p *Pipeline) sealer() (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, p.Pepper, nil, "rapport token", 32)
	if err != nil {
		return nil, fault.New(fault.Invalid, "key of the token store: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fault.New(fault.Invalid, "key of the token store: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (p *Pipeline) seal(text string) ([]byte, error) {
	aead, err := p.sealer()
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, nil, []byte(text), nil), nil
}

func (p *Pipeline) unseal(sealed []byte) (string, error) {
	if len(sealed) == 0 {
		return "", nil
	}
	aead, err := p.sealer()
	if err != nil {
		return "", err
	}
	text, err := aead.Open(nil, nil, sealed, nil)
	if err != nil {
		return "", fault.New(fault.Unauthorized, "a stored token cannot be opened: connect the account again")
	}
	return string(text), nil
}

func (p *Pipeline) unsealed(sealed []byte) (flow.Secret, error) {
	text, err := p.unseal(sealed)
	return flow.NewSecret(text), err
}

// NewPepper draws a key for Options.Pepper.
func NewPepper() []byte {
	b := make([]byte, 32)
	rand.Read(b) // never fails
	return b
}
