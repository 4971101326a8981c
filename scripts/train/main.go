// Command train makes the weights of the readers of text and language from labelled posts, the same to the byte from the same
// data: go run ./scripts/train [-data DIR] [text] [polarity] [language]. DATA.md lists what it reads, with hashes.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	data := flag.String("data", "out/data", "where the fetched sets of DATA.md lie")
	check := flag.Bool("check", false, "compare with the weights in the repository, write nothing")
	cross := flag.Bool("cross", false, "print what posts of industries that were left out reach; slower")
	flag.Parse()
	what := flag.Args()
	if len(what) == 0 {
		what = []string{"language", "polarity", "text"}
	}
	for _, w := range what {
		var err error
		switch w {
		case "text":
			err = finish("shared/decide/text/model.bin", *check, func() ([]byte, error) { return trainText(*data, *cross) })
		case "polarity":
			err = finish("shared/decide/text/polarity.bin", *check, func() ([]byte, error) { return polarList(*data) })
		case "language":
			err = finish("shared/decide/language/model.bin", *check, func() ([]byte, error) { return trainLanguage(*data) })
		default:
			err = fmt.Errorf("train %q: there are text, polarity and language", w)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// finish writes what was trained, or compares it.
func finish(path string, check bool, train func() ([]byte, error)) error {
	b, err := train()
	if err != nil {
		return err
	}
	if check {
		have, err := os.ReadFile(filepath.FromSlash(path))
		if err != nil {
			return err
		}
		if string(have) != string(b) {
			return fmt.Errorf("%s differs from what the data give", path)
		}
		fmt.Printf("%s: the same to the byte\n", path)
		return nil
	}
	fmt.Printf("%s: %d bytes\n", path, len(b))
	return os.WriteFile(filepath.FromSlash(path), b, 0o644)
}
