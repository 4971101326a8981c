// Command enrich is the function that parses, gathers, decides, commits.
package main

import (
	"rapport/shared/app"
	"rapport/shared/lambdarun/worker"
)

func main() { worker.Lanes("enrich", (*app.App).Enrich) }
