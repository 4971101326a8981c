package expression

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strconv"
	"testing"
	"unicode/utf8"
)

// reference decodes with encoding/json and gives numbers the types that Decode gives.
func reference(body []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err == nil || d.More() {
		return nil, strconv.ErrSyntax
	}
	if !json.Valid(body) {
		return nil, strconv.ErrSyntax
	}
	return numbers(v), nil
}

func numbers(v any) any {
	switch x := v.(type) {
	case json.Number:
		if n, err := strconv.Atoi(x.String()); err == nil {
			return n
		}
		if f, err := x.Float64(); err == nil && bytes.ContainsAny([]byte(x), ".eE") && !math.IsInf(f, 0) {
			return f
		}
		return x.String()
	case map[string]any:
		for k := range x {
			x[k] = numbers(x[k])
		}
	case []any:
		for i := range x {
			x[i] = numbers(x[i])
		}
	}
	return v
}

var bodies = []string{`{}`, `[]`, `""`, `0`, `-0`, `-1.5e+3`, `01`, `1.`, `.5`, `1e`, `- 1`, `+1`, `true`, `tru`, `nullx`, `null`, `{"a":1,"a":2}`, `{"a" : [ 1 , {"b":null} ] } `,
	`{"a":1,}`, `[1,]`, `[,1]`, `{a:1}`, `{"a"}`, `{"a":}`, `"a`, `"\`, `"\"`, `"\u00e9\ud83d\ude00 \n"`, `"\ud800"`, `"\x"`, "\"\n\"", "\"a\x7f\"", "\ufeff{}", ` {"x":9007199254740993} `, `99999999999999999999`, `1e400`,
	`[[[[[]]]]]`, `{"":""}`, `1 2`, `{}{}`, ``, ` `, `"ä€😀"`, `[1 2]`, `{"a":1 "b":2}`, `[true,false,null,"x",0.1]`}

func TestDecode(t *testing.T) {
	for _, body := range bodies {
		same(t, []byte(body))
	}
	if v, err := Decode([]byte("\"a\xffb\"")); err != nil || v != "a\uFFFDb" {
		t.Errorf("%q %v", v, err)
	}
}

func same(t *testing.T, body []byte) {
	t.Helper()
	got, gotErr := Decode(body)
	want, wantErr := reference(body)
	if (gotErr == nil) != (wantErr == nil) {
		t.Fatalf("%q: %v; encoding/json says %v", body, gotErr, wantErr)
	}
	if gotErr == nil && !reflect.DeepEqual(got, want) {
		t.Fatalf("%q: %#v; encoding/json says %#v", body, got, want)
	}
}

func FuzzDecode(f *testing.F) {
	for _, body := range bodies {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if !utf8.Valid(body) || bytes.Count(body, []byte("["))+bytes.Count(body, []byte("{")) > maxDepth {
			return
		}
		same(t, body)
	})
}
