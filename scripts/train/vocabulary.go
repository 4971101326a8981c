package main

import (
	"maps"
	"slices"
)

// vocabulary are the hashes of features that get weights, ascending.
type vocabulary []uint32

// often is of how many posts a feature has to be: what one writer said once says nothing about the next.
const often = 5

// features makes the vocabulary: for the outputs about brands, what is often said in posts; for the tone in general, in texts whose
// tone is known. What was made of posts does not count. All examples get their rows of it.
func features(posts, made, toned []example) vocabulary {
	brand, tone := map[uint32]int{}, map[uint32]int{}
	for _, x := range posts {
		count(brand, &x)
		if x.post.Tone != "" {
			count(tone, &x)
		}
	}
	for _, x := range toned {
		count(tone, &x)
	}
	rare := func(_ uint32, n int) bool { return n < often }
	maps.DeleteFunc(brand, rare)
	maps.DeleteFunc(tone, rare)
	all := maps.Clone(brand)
	maps.Copy(all, tone)
	v := vocabulary(slices.Sorted(maps.Keys(all)))
	for _, list := range [][]example{posts, made, toned} {
		for i := range list {
			x := &list[i]
			for _, h := range x.hashed {
				at, ok := slices.BinarySearch(v, h)
				if !ok {
					continue
				}
				if brand[h] > 0 {
					x.rows = append(x.rows, uint32(at))
				}
				if tone[h] > 0 {
					x.tones = append(x.tones, uint32(at))
				}
			}
		}
	}
	return v
}

// count adds the features of an example, each once.
func count(n map[uint32]int, x *example) {
	for _, h := range slices.Compact(slices.Sorted(slices.Values(x.hashed))) {
		n[h]++
	}
}
