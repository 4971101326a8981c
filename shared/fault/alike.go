package fault

import "regexp"

// unlike is what differs between failures of one cause: numbers, and ids in hexadecimal.
var unlike = regexp.MustCompile(`[0-9a-fA-F-]{6,}|\d+`)

// Alike makes reasons equal that differ in numbers and ids alone, so that failures can be counted by their cause.
func Alike(reason string) string { return unlike.ReplaceAllString(reason, "…") }
