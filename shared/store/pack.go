package store

import (
	_ "embed"
	"sync"

	"github.com/klauspost/compress/s2"

	"rapport/shared/fault"
)

// The bytes of a row decide what it costs: write units on AWS, log pages on a laptop. So a row's JSON is packed with S2
// against a dictionary of typical rows, led by the dictionary's number. JSON never begins with that byte, so what is not
// packed is told apart. https://github.com/klauspost/compress/tree/master/s2#dictionaries
//
// A dictionary never changes, or rows written with it are lost: a better one gets the next number.
const (
	packed1 = 0x01

	packFrom  = 200      // shorter rows stay as they are
	mostBytes = 16 << 20 // of an unpacked row
)

//go:embed pack1.txt
var pack1 []byte

var dictionary1 = s2.MakeDict(pack1, nil)

// rooms keeps what rows are packed in.
var rooms sync.Pool

// pack makes a row's JSON small.
func pack(text []byte) []byte {
	if len(text) < packFrom {
		return text
	}
	room, _ := rooms.Get().(*[]byte)
	if room == nil {
		room = new([]byte)
	}
	defer rooms.Put(room)
	if n := s2.MaxEncodedLen(len(text)); cap(*room) < n {
		*room = make([]byte, n)
	}
	block := dictionary1.Encode((*room)[:cap(*room)], text)
	return append(append(make([]byte, 0, 1+len(block)), packed1), block...)
}

// Unpack gives the JSON of a row's data.
func Unpack(data []byte) ([]byte, error) {
	if len(data) == 0 || data[0] != packed1 {
		return data, nil
	}
	n, err := s2.DecodedLen(data[1:])
	if err == nil && n > mostBytes {
		err = s2.ErrTooLarge
	}
	var text []byte
	if err == nil {
		text, err = dictionary1.Decode(nil, data[1:])
	}
	if err != nil {
		return nil, fault.New(fault.Invalid, "a packed row: %w", err)
	}
	return text, nil
}
