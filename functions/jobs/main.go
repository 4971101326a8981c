// Command jobs is the function that does one page of long work.
package main

import (
	"rapport/shared/app"
	"rapport/shared/lambdarun/worker"
)

func main() { worker.Lanes("jobs", (*app.App).Jobs) }
