package archive

import (
	"bytes"
	"encoding/json"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"

	"rapport/shared/fault"
)

// MaxBatch bounds an unpacked batch in bytes when it is read, so that a damaged or planted object cannot fill the memory.
const MaxBatch = 256 << 20

// Codec turns batches into objects and back, the same for every home: zstd (with a checksum) over a text that
// `zstd -d` shows. The text is a line of JSON for the batch, then for every entry a line of JSON that says how many
// bytes of raw, inputs, decision and previous follow, those bytes as they are, and a line end.
//
// The zero value is ready. It keeps its compressor, so one Codec should serve a whole driver. Safe for concurrent use.
type Codec struct {
	packing, unpacking sync.Once
	encErr, decErr     error
	mu                 sync.Mutex // guards text and the compressor
	text               []byte
	// As functions, so that the types are not seen by what walks values: then the linker leaves out their streams.
	pack   func(text, room []byte) []byte
	unpack func(object, room []byte) ([]byte, error)
}

type batchHead struct {
	Account string    `json:"account"`
	At      time.Time `json:"at"`
	ID      string    `json:"id"`
	Entries int       `json:"entries"`
}

type entryHead struct {
	Line     string    `json:"line"`
	Account  string    `json:"account"`
	At       time.Time `json:"at"`
	Mention  string    `json:"mention,omitempty"`
	Author   string    `json:"author,omitempty"`
	Headers  []string  `json:"headers,omitempty"`
	Raw      int       `json:"raw"`
	Inputs   int       `json:"inputs"`
	Decision int       `json:"decision"`
	Previous int       `json:"previous"`
}

// keep is how much of the text's room is kept between batches, in bytes.
const keep = 1 << 20

// packer makes the compressor; who only writes holds no decompressor.
func (c *Codec) packer() error {
	c.packing.Do(func() {
		var z *zstd.Encoder
		if z, c.encErr = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1),
			zstd.WithWindowSize(256<<10), zstd.WithLowerEncoderMem(true)); c.encErr == nil {
			c.pack = z.EncodeAll
		}
	})
	return c.encErr
}

func (c *Codec) unpacker() error {
	c.unpacking.Do(func() {
		var z *zstd.Decoder
		if z, c.decErr = zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(MaxBatch), zstd.WithDecoderLowmem(true)); c.decErr == nil {
			c.unpack = z.DecodeAll
		}
	})
	return c.decErr
}

// Encode packs a batch.
func (c *Codec) Encode(b Batch) ([]byte, error) {
	if err := c.packer(); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	text, err := appendBatch(c.text[:0], b)
	if err != nil {
		return nil, fault.New(fault.Invalid, "archive: batch %q cannot be written: %w", b.ID, err)
	}
	if cap(text) <= keep {
		c.text = text
	}
	return c.pack(text, make([]byte, 0, len(text)/4)), nil
}

func appendBatch(text []byte, b Batch) ([]byte, error) {
	head, err := json.Marshal(batchHead{b.Account, b.At, b.ID, len(b.Entries)})
	if err != nil {
		return nil, err
	}
	text = append(append(text, head...), '\n')
	for i := range b.Entries {
		e := &b.Entries[i]
		head, err := json.Marshal(entryHead{e.Line, e.Account, e.At, e.Mention, e.Author, e.Headers,
			len(e.Raw), len(e.Inputs), len(e.Decision), len(e.Previous)})
		if err != nil {
			return nil, err
		}
		text = append(append(text, head...), '\n')
		for _, part := range [...][]byte{e.Raw, e.Inputs, e.Decision, e.Previous} {
			text = append(text, part...)
		}
		text = append(text, '\n')
	}
	return text, nil
}

// Decode unpacks a batch; Invalid where the object is damaged.
func (c *Codec) Decode(object []byte) (Batch, error) {
	if err := c.unpacker(); err != nil {
		return Batch{}, err
	}
	text, err := c.unpack(object, nil)
	if err != nil {
		return Batch{}, fault.New(fault.Invalid, "archive: an object is damaged: %w", err)
	}
	b, ok := parseBatch(text)
	if !ok {
		return Batch{}, fault.New(fault.Invalid, "archive: an object is damaged: its lengths do not fit")
	}
	return b, nil
}

// parseBatch reads what appendBatch wrote. The entries share the text's memory, each with its own capacity.
func parseBatch(text []byte) (Batch, bool) {
	var head batchHead
	line, rest, ok := bytes.Cut(text, []byte{'\n'})
	if !ok || json.Unmarshal(line, &head) != nil || head.Entries < 0 || head.Entries > len(rest) {
		return Batch{}, false
	}
	b := Batch{Account: head.Account, At: head.At, ID: head.ID, Entries: make([]Entry, 0, min(head.Entries, 1024))}
	for range head.Entries {
		var h entryHead
		if line, rest, ok = bytes.Cut(rest, []byte{'\n'}); !ok || json.Unmarshal(line, &h) != nil {
			return Batch{}, false
		}
		e := Entry{Line: h.Line, Account: h.Account, At: h.At, Mention: h.Mention, Author: h.Author, Headers: h.Headers}
		for _, part := range [...]struct {
			to *[]byte
			n  int
		}{{&e.Raw, h.Raw}, {&e.Inputs, h.Inputs}, {&e.Decision, h.Decision}, {&e.Previous, h.Previous}} {
			if part.n < 0 || part.n > len(rest) {
				return Batch{}, false
			}
			if part.n > 0 {
				*part.to = rest[:part.n:part.n]
			}
			rest = rest[part.n:]
		}
		if len(rest) == 0 || rest[0] != '\n' {
			return Batch{}, false
		}
		rest = rest[1:]
		b.Entries = append(b.Entries, e)
	}
	return b, len(rest) == 0
}
