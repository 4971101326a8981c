// Package id makes ids for every home.
package id

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"time"
)

// encoding sorts as the bytes do and has no letters that look alike.
var encoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// New gives an id that sorts by time: 48 bits of milliseconds and 72 bits of chance, in 24 letters and digits.
func New() string {
	var b [15]byte
	ms := uint64(time.Now().UnixMilli())
	binary.BigEndian.PutUint64(b[:8], ms<<16)
	rand.Read(b[6:]) // never fails
	return encoding.EncodeToString(b[:])
}
