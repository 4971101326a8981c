// Command receive is the function that verifies a webhook, makes it durable, answers.
package main

import "rapport/shared/lambdarun/worker"

func main() { worker.Receive() }
