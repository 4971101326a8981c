// Command lambdahost hands one event to a function as Lambda would, and prints the answer:
//
//	go run ./scripts/lambdahost build/receive/bootstrap events/function/receive.json
//
// The function gets this process's environment; AWS_ENDPOINT_URL may name an emulator.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"rapport/scripts/lambdahost/host"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: lambdahost BOOTSTRAP EVENT.json")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "lambdahost:", err)
		os.Exit(1)
	}
}

func run(program, file string) error {
	program, err := filepath.Abs(program)
	if err != nil {
		return err
	}
	event, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	name := filepath.Base(filepath.Dir(program))
	h := host.New(host.Options{Log: os.Stderr})
	defer h.Close()
	h.Set(host.Function{Name: name, ARN: "arn:aws:lambda:eu-central-1:123456789012:function:" + name, Program: program, Env: os.Environ(), Limit: 5 * time.Minute, Memory: 512})
	answer, err := h.Invoke(context.Background(), name, event)
	if err != nil {
		return err
	}
	fmt.Println(string(answer))
	return nil
}
