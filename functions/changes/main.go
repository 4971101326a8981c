// Command changes is the function that takes in what changed in a CRM.
package main

import (
	"rapport/shared/app"
	"rapport/shared/lambdarun/worker"
)

func main() { worker.Lanes("changes", (*app.App).Changes) }
