// Command console is the function that shows pages to people who logged in.
package main

import "rapport/shared/lambdarun/desk"

func main() { desk.Console() }
