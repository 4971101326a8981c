package feed

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/temoto/robotstxt"

	"rapport/shared/fault"
	"rapport/shared/network"
	"rapport/shared/rest"
)

// hops is how many redirects are followed.
const hops = 5

// answer is what a site gave for a feed.
type answer struct {
	body     []byte // nil: nothing new
	etag     string
	modified string
	moved    string // where the feed is from now on, "" = where it was
	pause    time.Duration
}

// fetch reads an address, if it changed since known. Redirects are followed by hand: each hop is checked when it is
// dialled, and the credential goes to the account's origin alone.
func fetch(ctx context.Context, a network.Account, address string, known *place) (answer, error) {
	header := http.Header{"Accept": {"application/atom+xml, application/rss+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5"}, "User-Agent": {userAgent(a)}}
	if known != nil && known.ETag != "" {
		header.Set("If-None-Match", known.ETag)
	}
	if known != nil && known.Modified != "" {
		header.Set("If-Modified-Since", known.Modified)
	}
	moved, forGood := "", true
	for range hops + 1 {
		resp, err := a.Do(ctx, rest.Request{URL: address, Header: header, Auth: a.Secret("authorization"), Max: maxBytes})
		if err != nil {
			if fault.Is(err, fault.Ambiguous) { // nothing was written
				err = fault.New(fault.Transient, "%w", err)
			}
			return answer{}, err
		}
		switch resp.Status {
		case http.StatusMovedPermanently, http.StatusPermanentRedirect, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect:
			if address, err = follow(address, resp.Header.Get("Location")); err != nil {
				return answer{}, err
			}
			forGood = forGood && (resp.Status == http.StatusMovedPermanently || resp.Status == http.StatusPermanentRedirect)
			if forGood {
				moved = address
			}
			continue
		case http.StatusNotModified:
			return answer{moved: moved, pause: maxAge(resp.Header)}, nil
		}
		if err := rest.Classify(resp, a.Now); err != nil {
			return answer{}, err
		}
		return answer{body: utf(resp), etag: bounded(resp.Header.Get("ETag")), modified: bounded(resp.Header.Get("Last-Modified")), moved: moved, pause: maxAge(resp.Header)}, nil
	}
	return answer{}, fault.New(fault.Invalid, "the feed redirects more than %d times: set its final address", hops)
}

func follow(from, location string) (string, error) {
	base, err1 := url.Parse(from)
	to, err2 := url.Parse(location)
	if err1 != nil || err2 != nil || location == "" {
		return "", fault.New(fault.Invalid, "the feed redirects to no address: set its final address")
	}
	to = base.ResolveReference(to)
	to.Fragment = ""
	return to.String(), nil
}

// userAgent says who reads, and how to reach them.
func userAgent(a network.Account) string {
	if c := strings.Join(strings.Fields(clean(a.Text("contact"))), " "); c != "" {
		return agent + "/1 (+" + c + ")"
	}
	return agent + "/1"
}

// bounded keeps a validator verbatim, unless it is absurd.
func bounded(s string) string {
	if len(s) > 500 {
		return ""
	}
	return s
}

// maxAge is how long the site says that its answer is good.
func maxAge(h http.Header) time.Duration {
	for _, part := range strings.Split(h.Get("Cache-Control"), ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if n, err := strconv.Atoi(strings.Trim(value, `"`)); err == nil && n > 0 && strings.EqualFold(key, "max-age") {
			return time.Duration(min(n, 24*3600)) * time.Second
		}
	}
	return 0
}

// verdict is what robots.txt says of a feed.
type verdict struct {
	barred bool
	delay  time.Duration
}

// asks tells whether robots.txt has a say: an alert is made for its one subscriber.
func asks(a network.Account, address string) bool {
	u, err := url.Parse(address)
	alert := err == nil && strings.HasPrefix(host(address), "google.") && strings.HasPrefix(u.Path, "/alerts/feeds/")
	return a.Text("robots") != "ignore" && !alert
}

// ask reads robots.txt of a feed's site. A site that has none, or refuses it, forbids nothing; one that is down is not read.
func ask(ctx context.Context, a network.Account, address string) (verdict, error) {
	if !asks(a, address) {
		return verdict{}, nil
	}
	u, err := url.Parse(address)
	if err != nil {
		return verdict{}, fault.New(fault.Invalid, "feed %q is no address", address)
	}
	at := u.Scheme + "://" + u.Host + "/robots.txt"
	for range hops + 1 {
		resp, err := a.Do(ctx, rest.Request{URL: at, Header: http.Header{"User-Agent": {userAgent(a)}}, Max: 1 << 20})
		switch {
		case fault.Is(err, fault.Ambiguous):
			return verdict{}, fault.New(fault.Transient, "%w", err)
		case err != nil:
			return verdict{}, err
		case resp.Status == http.StatusTooManyRequests || resp.Status >= 500:
			return verdict{}, rest.Classify(resp, a.Now)
		case resp.Status >= 400:
			return verdict{}, nil
		case resp.Status >= 300:
			if at, err = follow(at, resp.Header.Get("Location")); err != nil {
				return verdict{}, nil
			}
			continue
		}
		rules, err := robotstxt.FromBytes(resp.Body[:min(len(resp.Body), 512<<10)])
		if err != nil { // no rules that can be read
			return verdict{}, nil
		}
		group := rules.FindGroup(agent)
		path := u.EscapedPath()
		if u.RawQuery != "" {
			path += "?" + u.RawQuery
		}
		return verdict{barred: !group.Test(first(path, "/")), delay: min(group.CrawlDelay, time.Hour)}, nil
	}
	return verdict{}, nil
}

// refused says that robots.txt forbids a feed, or why it could not be asked.
func refused(address string, err error) error {
	if err != nil {
		return err
	}
	return fault.New(fault.Invalid, "robots.txt of %s forbids to read this feed: ask its owner, then set robots to ignore", host(address))
}

// in names the feed where an error happened, and keeps its kind and wait.
func in(address string, err error) error {
	var f *fault.Error
	if !errors.As(err, &f) { // the context's end
		return err
	}
	u, bad := url.Parse(address)
	if bad != nil {
		return err
	}
	return &fault.Error{Kind: f.Kind, Msg: "feed " + u.Host + u.Path, After: f.After, Err: err} // the query may hold a key
}
