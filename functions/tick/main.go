// Command tick is the function that turns due rows into messages.
package main

import "rapport/shared/lambdarun/worker"

func main() { worker.Tick() }
