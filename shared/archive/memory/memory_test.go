package memory_test

import (
	"testing"

	"rapport/shared/archive"
	"rapport/shared/archive/archivetest"
	"rapport/shared/archive/memory"
)

func TestArchive(t *testing.T) {
	archivetest.Run(t, archivetest.Harness{New: func(testing.TB) archive.Archive { return memory.New() }})
}
