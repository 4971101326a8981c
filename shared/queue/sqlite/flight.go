package sqlite

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"sync"
)

// flight notes in a small file which messages are in hand, a slot for each consumer. It is never synced: a process that
// dies leaves it to the operating system, and if the whole machine dies no message is to blame.
//
// A slot is a count and that many ids, eight bytes each.
type flight struct {
	file  *os.File
	mu    sync.Mutex
	taken []bool // which slots belong to a consumer
}

const (
	slotSize = 4096
	slotIDs  = slotSize/8 - 1
)

// slot is a consumer's part of the notes. Its methods belong to one goroutine.
type slot struct {
	*flight
	at  int
	buf []byte
}

func (f *flight) slot() *slot {
	f.mu.Lock()
	defer f.mu.Unlock()
	for k, taken := range f.taken {
		if !taken {
			f.taken[k] = true
			return &slot{flight: f, at: k}
		}
	}
	f.taken = append(f.taken, true)
	return &slot{flight: f, at: len(f.taken) - 1}
}

func (s *slot) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken[s.at] = false
}

// note writes down what is in hand now; nothing at all = in hand no more.
func (s *slot) note(ids []int64) error {
	ids = ids[:min(len(ids), slotIDs)]
	s.buf = binary.LittleEndian.AppendUint64(s.buf[:0], uint64(len(ids)))
	for _, id := range ids {
		s.buf = binary.LittleEndian.AppendUint64(s.buf, uint64(id))
	}
	_, err := s.file.WriteAt(s.buf, int64(s.at)*slotSize)
	return err
}

// read gives the ids in all slots.
func (f *flight) read() (map[int64]bool, error) {
	ids := map[int64]bool{}
	buf := make([]byte, slotSize)
	for at := int64(0); ; at += slotSize {
		n, err := f.file.ReadAt(buf, at)
		if n < 8 {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return ids, err
		}
		count := binary.LittleEndian.Uint64(buf)
		for k := uint64(1); k <= count && int(k+1)*8 <= n; k++ {
			ids[int64(binary.LittleEndian.Uint64(buf[k*8:]))] = true
		}
	}
}

// clear forgets all slots.
func (f *flight) clear() error { return f.file.Truncate(0) }
