// Command reply is the function that sends an approved answer, once.
package main

import (
	"rapport/shared/app"
	"rapport/shared/lambdarun/worker"
)

func main() { worker.Lanes("reply", (*app.App).Reply) }
