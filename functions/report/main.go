// Command report is the function that counts what became of everything received.
package main

import "rapport/shared/lambdarun/worker"

func main() { worker.Report() }
