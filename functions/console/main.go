// Command console is the function that shows pages to people who logged in.
package main

import "rapport/shared/lambdarun/worker"

func main() { worker.Console() }
