// Command poll is the function that reads an account from its cursor on.
package main

import (
	"rapport/shared/app"
	"rapport/shared/lambdarun/worker"
)

func main() { worker.Lanes("poll", (*app.App).Poll) }
