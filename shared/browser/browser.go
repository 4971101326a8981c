// Package browser drives a real Chromium for tests and screenshots.
package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// Patience is how long any one step may take.
const Patience = 20 * time.Second

// Browser is one page of a Chromium without a window. It is used by one goroutine.
type Browser struct {
	ctx   context.Context
	close []context.CancelFunc

	mu    sync.Mutex
	wrong []string
	size  int64
}

// Find gives the path of a Chromium on this machine, "" if there is none.
func Find() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// Open starts a Chromium. Close ends it.
func Open(ctx context.Context, width, height int) (*Browser, error) {
	path := Find()
	if path == "" {
		return nil, fmt.Errorf("there is no Chromium on this machine: install the package chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.WindowSize(width, height), chromedp.Flag("lang", "en"))
	if os.Geteuid() == 0 { // Chromium's own walls need another user
		options = append(options, chromedp.NoSandbox)
	}
	b := &Browser{}
	alloc, cancel := chromedp.NewExecAllocator(ctx, options...)
	b.close = append(b.close, cancel)
	b.ctx, cancel = chromedp.NewContext(alloc)
	b.close = append(b.close, cancel)
	chromedp.ListenTarget(b.ctx, b.hear)
	return b, chromedp.Run(b.ctx, network.Enable(), log.Enable(), chromedp.EmulateViewport(int64(width), int64(height)))
}

// hear notes errors in scripts and loads, and how much was loaded.
func (b *Browser) hear(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		b.wrong = append(b.wrong, e.ExceptionDetails.Error())
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError {
			b.wrong = append(b.wrong, "console.error")
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.LevelError {
			b.wrong = append(b.wrong, e.Entry.Text+" "+e.Entry.URL)
		}
	case *network.EventLoadingFinished:
		b.size += int64(e.EncodedDataLength)
	}
}

// Run does steps, all within Patience.
func (b *Browser) Run(steps ...chromedp.Action) error {
	ctx, cancel := context.WithTimeout(b.ctx, Patience)
	defer cancel()
	return chromedp.Run(ctx, steps...)
}

// Go opens an address and waits until the page is there.
func (b *Browser) Go(address string) error {
	b.mu.Lock()
	b.size = 0
	b.mu.Unlock()
	return b.Run(chromedp.Navigate(address), chromedp.WaitReady("body"))
}

// Press presses what a selector names and waits for the page that follows.
func (b *Browser) Press(selector string) error {
	_, err := b.follow(func(ctx context.Context) error {
		return chromedp.Click(selector, chromedp.ByQuery, chromedp.NodeVisible).Do(ctx)
	})
	return err
}

func (b *Browser) follow(do func(ctx context.Context) error) (*network.Response, error) {
	ctx, cancel := context.WithTimeout(b.ctx, Patience)
	defer cancel()
	return chromedp.RunResponse(ctx, chromedp.ActionFunc(do))
}

// Text gives the text of what a selector names.
func (b *Browser) Text(selector string) (string, error) {
	var text string
	err := b.Run(chromedp.Text(selector, &text, chromedp.ByQuery))
	return text, err
}

// Eval gives what an expression of the page's language is.
func (b *Browser) Eval(expression string, out any) error {
	return b.Run(chromedp.Evaluate(expression, out))
}

// Dark sets what the reader likes.
func (b *Browser) Dark(on bool) error {
	value := "light"
	if on {
		value = "dark"
	}
	return b.Run(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: value}}))
}

// Paper shows pages as they would be printed, Dark on a screen again.
func (b *Browser) Paper() error { return b.Run(emulation.SetEmulatedMedia().WithMedia("print")) }

// Size sets the window's size.
func (b *Browser) Size(width, height int) error {
	return b.Run(chromedp.EmulateViewport(int64(width), int64(height)))
}

// Shot takes a picture of what is seen.
func (b *Browser) Shot(file string) error {
	var picture []byte
	if err := b.Run(chromedp.CaptureScreenshot(&picture)); err != nil {
		return err
	}
	return os.WriteFile(file, picture, 0o644)
}

// Loaded tells how many bytes the last page took, with all that belongs to it.
func (b *Browser) Loaded() int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.size
}

// Wrong lists errors since it was asked last.
func (b *Browser) Wrong() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.wrong
	b.wrong = nil
	return out
}

// Close ends the Chromium.
func (b *Browser) Close() {
	for i := len(b.close) - 1; i >= 0; i-- {
		b.close[i]()
	}
}
