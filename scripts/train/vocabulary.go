package main

import (
	"iter"
	"slices"
)

// vocabulary are the hashes of features that get weights, ascending: those of enough posts that nobody made of another. What one writer said
// once says nothing about the next.
type vocabulary []uint32

// often is of how many posts a feature has to be.
const often = 5

// features makes the vocabulary of lists of posts, and gives their examples, and those of others that do not count, its rows.
func features(lists [][]example, others ...[]example) vocabulary {
	count := map[uint32]int{}
	for x := range each(lists) {
		seen := map[uint32]bool{}
		for _, h := range x.hashed {
			if !seen[h] {
				seen[h] = true
				count[h]++
			}
		}
	}
	var v vocabulary
	for h, n := range count {
		if n >= often {
			v = append(v, h)
		}
	}
	slices.Sort(v)
	for x := range each(slices.Concat(lists, others)) {
		for _, h := range x.hashed {
			if at, ok := slices.BinarySearch(v, h); ok {
				x.rows = append(x.rows, uint32(at))
			}
		}
	}
	return v
}

// each goes through the examples of lists.
func each(lists [][]example) iter.Seq[*example] {
	return func(yield func(*example) bool) {
		for _, list := range lists {
			for i := range list {
				if !yield(&list[i]) {
					return
				}
			}
		}
	}
}
