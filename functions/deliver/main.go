// Command deliver is the function that writes what a CRM must come to hold.
package main

import (
	"rapport/shared/app"
	"rapport/shared/lambdarun/worker"
)

func main() { worker.Lanes("deliver", (*app.App).Deliver) }
