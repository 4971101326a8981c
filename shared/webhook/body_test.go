package webhook

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"
)

func zipped(t *testing.T, text string) string {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestBody(t *testing.T) {
	full := strings.Repeat("x", MaxBody)
	for _, c := range []struct {
		name, sent, encoding, want string
		status                     int
	}{
		{"as it is", "hi", "", "hi", 0},
		{"nothing", "", "identity", "", 0},
		{"as large as may be", full, "", full, 0},
		{"one byte more", full + "x", "", "", 413},
		{"zipped", zipped(t, "hi"), "GZIP", "hi", 0},
		{"zipped, as large as may be", zipped(t, full), "gzip", full, 0},
		{"a bomb", zipped(t, full+"x"), "gzip", "", 413},
		{"not zipped", "hi", "gzip", "", 400},
		{"cut off", zipped(t, strings.Repeat("hello", 100))[:20], "gzip", "", 400},
		{"zipped in another way", "hi", "br", "", 415},
	} {
		got, status := Body(strings.NewReader(c.sent), c.encoding, int64(len(c.sent)))
		if status != c.status || string(got) != c.want {
			t.Errorf("%s: %d and %d bytes, want %d and %d", c.name, status, len(got), c.status, len(c.want))
		}
	}
	if _, status := Body(io.MultiReader(strings.NewReader("x"), broken{}), "", -1); status != 400 {
		t.Errorf("a sender that goes away: %d", status)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("gone") }
