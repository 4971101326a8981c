package mapping

import (
	"embed"

	"rapport/shared/config"
)

//go:embed default
var defaults embed.FS

// Default gives the default mapping of a kind of CRM and the file it stands in; nil where there is none. custom tells
// whether the account may have objects of its own. The objects' CRM is the kind's name; users copy the text and write the
// name of their account.
func Default(kind string, custom bool) (objects []config.Object, file string) {
	text, file := DefaultText(kind, custom)
	if text == "" {
		return nil, file
	}
	objects, err := config.LoadMapping([]byte(text), file)
	if err != nil {
		return nil, file // cannot be: a test reads them all
	}
	return objects, file
}

// DefaultText gives the same as text to copy.
func DefaultText(kind string, custom bool) (text, file string) {
	file = "default/" + kind + ".yaml"
	b, err := defaults.ReadFile(file)
	if err != nil {
		return "", file
	}
	if more, err := defaults.ReadFile("default/" + kind + "-custom.yaml"); err == nil && custom {
		b = append(b, more...)
	}
	return string(b), file
}
