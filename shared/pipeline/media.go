package pipeline

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"rapport/shared/archive"
	"rapport/shared/config"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/queue"
	"rapport/shared/rest"
	"rapport/shared/topology"
)

// MediaRow says what became of a mention's attachments. Kept under the mention id.
type MediaRow struct {
	At    time.Time   `json:"at"` // of the first look; copies are archived under it
	Tries int         `json:"tries,omitempty"`
	Items []MediaItem `json:"items,omitempty"`
}

// MediaItem is one attachment: as the source told of it, and where its copy is.
type MediaItem struct {
	flow.Media
	State  string `json:"state"` // copied, refused, failed, expired; waiting while it is tried
	Reason string `json:"reason,omitempty"`
	Ref    string `json:"ref,omitempty"` // of the copy in the archive
}

// What is copied, and how often it is tried.
const (
	maxMedia   = 10 << 20 // bytes
	maxHops    = 5        // redirects
	mediaTries = 5
	mediaJob   = "media#" // leads the mention id in a job message
)

// copies tells whether attachments of an account may be copied.
func (p *Pipeline) copies(conf config.Account) bool {
	rules := p.infos[conf.Kind].Rules
	return rules.MayStore && !soon(rules) && conf.Media != "off"
}

// attached gives the message that lets a mention's attachments be copied, or their copies be removed. It goes to the lane of
// jobs, so that no mention waits for it.
func (p *Pipeline) attached(o *one) (queue.Message, bool) {
	before := o.inputs != nil && o.inputs.Before != nil && len(o.inputs.Before.Media) > 0
	if !p.copies(o.account) || o.known || o.event.Verb == flow.Reaction || len(o.event.Mention.Media) == 0 && !before {
		return queue.Message{}, false
	}
	return mediaMessage(o.event.Mention.ID, 0), true
}

func mediaMessage(mention string, delay time.Duration) queue.Message {
	body, _ := json.Marshal(mediaJob + mention) // a text: cannot fail
	return queue.Message{Lane: topology.Jobs, Group: "media", Body: body, Delay: delay}
}

// copyMedia brings the copies of a mention's attachments to what the mention says now: each is copied once, and goes with it.
func (p *Pipeline) copyMedia(ctx context.Context, id string) error {
	release, ok, err := p.Leases.Acquire(ctx, mediaJob+id, 10*time.Minute)
	if err != nil {
		return err
	}
	if !ok {
		return p.Queue.Send(ctx, mediaMessage(id, time.Minute))[0]
	}
	defer release()
	mention, err := p.mentions.One(ctx, id, "-")
	if err != nil || mention.Version == 0 {
		return err
	}
	m := mention.Value.Mention
	if mention.Value.Erased || m.Deleted {
		return p.dropMedia(ctx, id)
	}
	plan, err := p.Plans.Plan(ctx, "")
	if err != nil {
		return err
	}
	conf, ok := plan.Doc.Network(m.Account)
	if !ok || !p.copies(conf) {
		return nil
	}
	row, err := p.medias.One(ctx, id, "-")
	if err != nil {
		return err
	}
	row.Part, row.Sort = id, "-"
	if row.Version == 0 { // the place of the copies is known before there are any
		row.Value.At = p.now()
		if res := p.medias.Put(ctx, &row)[0]; res.Err != nil {
			return res.Err
		}
	}
	again, err := p.fetchAll(ctx, m, &row.Value)
	if err != nil {
		return err
	}
	row.Value.Tries++
	if res := p.medias.Put(ctx, &row)[0]; res.Err != nil {
		return res.Err
	}
	if mention, err = p.mentions.One(ctx, id, "-"); err != nil {
		return err
	}
	if mention.Value.Erased || mention.Value.Mention.Deleted { // meanwhile
		return p.dropMedia(ctx, id)
	}
	if again {
		return p.Queue.Send(ctx, mediaMessage(id, min(time.Minute<<row.Value.Tries, 10*time.Minute)))[0]
	}
	return nil
}

// fetchAll copies what is not copied yet, and removes what the mention has no more. again = some may work later.
func (p *Pipeline) fetchAll(ctx context.Context, m flow.Mention, v *MediaRow) (again bool, err error) {
	var items []MediaItem
	for _, x := range m.Media {
		at := slices.IndexFunc(v.Items, func(i MediaItem) bool { return sameMedia(i.Media, x) })
		if at >= 0 && v.Items[at].State != "waiting" {
			items = append(items, v.Items[at])
			continue
		}
		item := MediaItem{Media: x}
		data, kind, err := p.download(ctx, x)
		switch {
		case ctx.Err() != nil:
			return false, ctx.Err()
		case fault.Is(err, fault.Gone):
			item.State, item.Reason = "expired", brief(err.Error())
		case fault.Is(err, fault.Invalid):
			item.State, item.Reason = "refused", brief(err.Error())
		case err != nil && v.Tries+1 >= mediaTries:
			item.State, item.Reason = "failed", brief(err.Error())
		case err != nil:
			item.State, item.Reason, again = "waiting", brief(err.Error()), true
		default:
			item.State, item.Type, item.Size = "copied", kind, int64(len(data))
			item.Ref, err = p.Archive.Write(ctx, archive.Batch{Account: m.Account, At: v.At, ID: "media-" + p.hashed("media", m.ID, plainAddress(x.URL)),
				Entries: []archive.Entry{{Line: "media", Account: m.Account, At: v.At, Mention: m.ID, Author: m.Author.ID, Raw: data, Headers: []string{"Content-Type: " + kind}}}})
			if err != nil {
				return false, err
			}
		}
		items = append(items, item)
	}
	for _, old := range v.Items {
		if old.Ref != "" && !slices.ContainsFunc(items, func(i MediaItem) bool { return i.Ref == old.Ref }) {
			if err := p.Archive.Rewrite(ctx, old.Ref, func(archive.Entry) bool { return true }); err != nil {
				return false, err
			}
		}
	}
	v.Items = items
	return again, nil
}

// sameMedia tells whether two reads tell of one attachment. Signatures in addresses change with every read at some vendors.
func sameMedia(a, b flow.Media) bool {
	return a.Kind == b.Kind && plainAddress(a.URL) == plainAddress(b.URL)
}

// plainAddress is an address without its query.
func plainAddress(address string) string {
	address, _, _ = strings.Cut(address, "#")
	address, _, _ = strings.Cut(address, "?")
	return address
}

// dropMedia removes all copies of a mention. Twice is fine.
func (p *Pipeline) dropMedia(ctx context.Context, id string) error {
	row, err := p.medias.One(ctx, id, "-")
	if err != nil || row.Version == 0 {
		return err
	}
	for _, item := range row.Value.Items {
		if item.Ref == "" {
			continue
		}
		if err := p.Archive.Rewrite(ctx, item.Ref, func(archive.Entry) bool { return true }); err != nil {
			return err
		}
	}
	row.Part, row.Sort, row.Value = id, "-", MediaRow{At: row.Value.At}
	if res := p.medias.Put(ctx, &row)[0]; res.Err != nil {
		return res.Err
	}
	return nil
}

// download reads one attachment from a public address: every hop is checked where it is dialled, and carries no credential.
// Invalid: it may not or cannot be copied; Gone: it is there no more; else it may work later.
func (p *Pipeline) download(ctx context.Context, x flow.Media) (data []byte, kind string, err error) {
	if !x.Expires.IsZero() && !p.now().Before(x.Expires) {
		return nil, "", fault.New(fault.Gone, "its address was good until %s", x.Expires.UTC().Format(time.RFC3339))
	}
	if x.Size > maxMedia {
		return nil, "", fault.New(fault.Invalid, "%d bytes, more than %d are not copied", x.Size, maxMedia)
	}
	client := http.Client{}
	if p.Ports.HTTP != nil {
		client = *p.Ports.HTTP
	} else {
		client = *rest.Guard(rest.GuardOptions{Private: p.Ports.Private})
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client.Jar = nil
	address := x.URL
	for range maxHops + 1 {
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil {
			return nil, "", fault.New(fault.Invalid, "its address is none that is fetched")
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
		if err != nil {
			return nil, "", fault.New(fault.Invalid, "its address is none that is fetched")
		}
		resp, err := client.Do(req)
		switch {
		case fault.Is(err, fault.Invalid): // the guard's word
			return nil, "", fault.New(fault.Invalid, "its address is not called: it is private, or belongs to the machine itself")
		case err != nil:
			return nil, "", fault.New(fault.Transient, "it could not be fetched")
		}
		next := resp.Header.Get("Location")
		if resp.StatusCode/100 == 3 && next != "" {
			resp.Body.Close()
			to, err := u.Parse(next)
			if err != nil {
				return nil, "", fault.New(fault.Invalid, "it leads to an address that is none")
			}
			address = to.String()
			continue
		}
		data, kind, err := received(resp)
		resp.Body.Close()
		return data, kind, err
	}
	return nil, "", fault.New(fault.Invalid, "more than %d redirects", maxHops)
}

// received reads an answer that is of a kind and size to be kept.
func received(resp *http.Response) ([]byte, string, error) {
	switch code := resp.StatusCode; {
	case code == 404 || code == 410 || code == 401 || code == 403: // signed addresses end so
		return nil, "", fault.New(fault.Gone, "its address answers %d", code)
	case code == 429 || code/100 == 5:
		return nil, "", fault.New(fault.Transient, "its address answers %d", code)
	case code != 200:
		return nil, "", fault.New(fault.Invalid, "its address answers %d", code)
	}
	kind, _, _ := strings.Cut(strings.ToLower(resp.Header.Get("Content-Type")), ";")
	kind = strings.TrimSpace(kind)
	if !allowedMedia(kind) {
		return nil, "", fault.New(fault.Invalid, "type %q is not copied", kind)
	}
	if resp.ContentLength > maxMedia {
		return nil, "", fault.New(fault.Invalid, "%d bytes, more than %d are not copied", resp.ContentLength, maxMedia)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxMedia+1))
	switch {
	case err != nil:
		return nil, "", fault.New(fault.Transient, "it was cut")
	case len(data) > maxMedia:
		return nil, "", fault.New(fault.Invalid, "more than %d bytes are not copied", maxMedia)
	case strings.HasPrefix(http.DetectContentType(data), "text/html"):
		return nil, "", fault.New(fault.Invalid, "it is a page, whatever it says to be")
	}
	return data, kind, nil
}

// allowedMedia lists what is copied: pictures but those with scripts, films, sound, and documents of one kind.
func allowedMedia(kind string) bool {
	family, _, _ := strings.Cut(kind, "/")
	return kind == "application/pdf" || family == "video" || family == "audio" || family == "image" && kind != "image/svg+xml"
}

// Media tells what became of a mention's attachments.
func (p *Pipeline) Media(ctx context.Context, mention string) ([]MediaItem, error) {
	row, err := p.medias.One(ctx, mention, "-")
	return row.Value.Items, err
}
