package language

import (
	_ "embed" // the weights
	"encoding/binary"
	"fmt"
	"math"
)

// The trained part is a linear model over hashed words and letter groups of one to four; scripts/train makes its weights.

//go:embed model.bin
var weights string

// Codes are the languages that the model tells apart, in the order of its outputs.
const Codes = len(codes)

// Buckets is how many rows of weights there are.
const Buckets = 1 << 16

const (
	mark         = "rapport tongue 1\n"
	headerLength = len(mark) + 4*2*Codes + 4*Codes*Codes
	modelLength  = headerLength + Buckets*Codes
)

// Weights is a model as training leaves it.
type Weights struct {
	Bias  [Codes]float32
	Table [Codes][Codes]float32 // by the share of everyday words
	Rows  [][Codes]float32
}

// Encode gives the bytes of model.bin.
func (w *Weights) Encode() []byte {
	out := append(make([]byte, 0, modelLength), mark...)
	var scale [Codes]float32
	for k := range scale {
		for _, r := range w.Rows {
			scale[k] = max(scale[k], r[k]/127, -r[k]/127)
		}
	}
	put := func(list []float32) {
		for _, f := range list {
			out = binary.LittleEndian.AppendUint32(out, math.Float32bits(f))
		}
	}
	put(scale[:])
	put(w.Bias[:])
	for i := range w.Table {
		put(w.Table[i][:])
	}
	for _, r := range w.Rows {
		for k, v := range r {
			q := 0.0
			if scale[k] > 0 {
				q = math.Round(float64(v / scale[k]))
			}
			out = append(out, byte(int8(q)))
		}
	}
	return out
}

type model struct {
	scale, bias scores
	table       [Codes]scores
	rows        string
}

func load(data string) (*model, error) {
	if len(data) != modelLength || data[:len(mark)] != mark {
		return nil, fmt.Errorf("language model: %d bytes, want %d beginning %q: run scripts/train", len(data), modelLength, mark)
	}
	m := &model{rows: data[headerLength:]}
	at := len(mark)
	read := func(into *scores) {
		for i := range into {
			into[i] = math.Float32frombits(binary.LittleEndian.Uint32([]byte(data[at : at+4])))
			at += 4
		}
	}
	read(&m.scale)
	read(&m.bias)
	for i := range m.table {
		read(&m.table[i])
	}
	return m, nil
}

// FNV-1a.
const (
	basis = 2166136261
	prime = 16777619
)

func hash(word []byte) uint32 {
	h := uint32(basis)
	for _, b := range word {
		h = (h ^ uint32(b)) * prime
	}
	return h
}

// features are what one word gives: sums while judging, themselves while training.
type features struct {
	m    *model // nil = training
	n    int
	sum  [Codes]int32
	keep []uint32
}

// of takes the hashed features of a word with its hash: itself, and its letter groups with its ends marked.
func (f *features) of(word []byte, h uint32) {
	var padded [longest + 2]byte
	p := append(append(append(padded[:0], '<'), word...), '>')
	f.take(h + 7)
	for i := range p {
		if p[i]&0xc0 == 0x80 { // inside a letter
			continue
		}
		h, letters := uint32(0x3c6ef372), 0
		for k := i; k < len(p); k++ {
			h = (h ^ uint32(p[k])) * prime
			if k+1 < len(p) && p[k+1]&0xc0 == 0x80 {
				continue
			}
			if letters++; letters > 1 || p[i] != '<' {
				f.take(h)
			}
			if letters == 4 {
				break
			}
		}
	}
}

func (f *features) take(h uint32) {
	h ^= h >> 15
	h *= 0x2c1b3c6d
	h ^= h >> 13
	h &= Buckets - 1
	f.n++
	if f.m == nil {
		f.keep = append(f.keep, h)
		return
	}
	row := f.m.rows[int(h)*Codes : int(h)*Codes+Codes]
	for k := range f.sum {
		f.sum[k] += int32(int8(row[k]))
	}
}

// likely gives how likely each language is. hint is what the network says.
func (c *counter) likely(hint string) (p [Codes]float64) {
	m := c.d.model
	norm := 1 / float32(math.Sqrt(float64(max(c.taken, 1))))
	share := c.share()
	var z [Codes]float64
	most := math.Inf(-1)
	for k := range z {
		v := m.bias[k] + float32(c.raw[k])*m.scale[k]*norm
		for i := range share {
			v += share[i] * m.table[i][k]
		}
		z[k] = float64(v)
		if codes[k] == hint {
			z[k] += hinted
		}
		most = max(most, z[k])
	}
	sum := 0.0
	for k := range z {
		p[k] = math.Exp(z[k] - most)
		sum += p[k]
	}
	for k := range p {
		p[k] /= sum
	}
	return p
}

// hinted is how much the network's word weighs, as a logarithm of odds.
const hinted = 0.7

// share is what everyday words say, per word.
func (c *counter) share() (s scores) {
	for k, v := range c.sum {
		s[k] = v / float32(math.Sqrt(float64(max(c.words, 1))))
	}
	return s
}

// Signals gives what the model sees of a text: hashed features, and what everyday words say. It is for training.
func Signals(text string) (hashed []uint32, table [Codes]float32) {
	c := counter{d: tables()}
	c.scan(text)
	return c.keep, c.share()
}

// Code gives the language of an output.
func Code(k int) string { return codes[k] }
