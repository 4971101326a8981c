package webhook

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"
)

// Body reads a body within its limits, as sent and after the decompression that its Content-Encoding asks for. size is
// what the sender announced, -1 = nothing. The status is 0 where that worked, else what the sender is to be told.
func Body(in io.Reader, encoding string, size int64) ([]byte, int) {
	in = &limited{in: in, left: MaxBody}
	switch strings.ToLower(encoding) {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, refusal(err)
		}
		in = io.LimitReader(z, MaxBody+1)
	default:
		return nil, http.StatusUnsupportedMediaType
	}
	buf := bytes.NewBuffer(make([]byte, 0, min(max(size, 512), MaxBody)+bytes.MinRead))
	_, err := buf.ReadFrom(in)
	switch {
	case err != nil:
		return nil, refusal(err)
	case buf.Len() > MaxBody:
		return nil, http.StatusRequestEntityTooLarge
	}
	return buf.Bytes(), 0
}

var errLarge = errors.New("the body is too large")

func refusal(err error) int {
	var large *http.MaxBytesError
	if errors.Is(err, errLarge) || errors.As(err, &large) {
		return http.StatusRequestEntityTooLarge
	}
	return http.StatusBadRequest
}

// limited fails where more comes than may.
type limited struct {
	in   io.Reader
	left int64
}

func (l *limited) Read(p []byte) (int, error) {
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.in.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, errLarge
	}
	return n, err
}
