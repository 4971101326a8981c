package world

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"rapport/events/demo"
	"rapport/shared/crm"
	"rapport/shared/crm/hubspot"
	"rapport/shared/fault"
	"rapport/shared/flow"
	"rapport/shared/localrun"
	"rapport/shared/network"
	"rapport/shared/network/mastodon"
	"rapport/shared/rest"
	secrets "rapport/shared/secret/env"
	hooktwin "rapport/shared/twin/hook"
	hubspottwin "rapport/shared/twin/hubspot"
	mastodontwin "rapport/shared/twin/mastodon"
	sinktwin "rapport/shared/twin/sink"
)

// world is a running stage: the fakes on their ports and the home between them.
type world struct {
	o     Options
	begin time.Time // of the play, on the real clock; the day that is played ends then
	http  *http.Client

	social   *mastodontwin.Server
	portal   *hubspottwin.Portal
	feedback *sinktwin.CRM
	fronts   map[string]*front // by service
	circle   *circle           // the second brand's networks and CRM

	vault  map[string]string // what the environment holds elsewhere
	config string            // rapport.yaml with the ports filled in
	home   *localrun.Home
	listen string // address of the hooks, the same after a restart
	meter  *meter
	tools  map[string]*hooktwin.Tool // by hook

	said   map[string]string // label of the script → status id on the social network
	sent   map[string]int    // hook → events in calls that were answered 2xx
	human  map[string]string // ticket id → what a human wrote into its department
	asked  map[string]string // label → answer that was approved
	shut   []string          // labels whose case was closed in the CRM
	erased []string          // mentions of who objected
	bad    int               // forged calls that were refused
	wrong  []string          // forged calls that were let in
}

// fields of a ticket that the demo's people use.
const (
	fieldKey        = "rapport_key"
	fieldDepartment = "rapport_department"
	fieldTurns      = "rapport_turns"
	fieldReply      = "rapport_reply"
	fieldReplyState = "rapport_reply_state"
	fieldStage      = "hs_pipeline_stage"
	tickets         = "tickets"
	mentions        = "rapport_mention"
)

// callback is where log-ins lead back to. Nobody listens there: the player reads the code out of the redirect.
const callback = "http://127.0.0.1/connected"

// open starts the fakes and the home. On error nothing stays open.
func open(ctx context.Context, o Options, begin time.Time) (*world, error) {
	w := &world{o: o, begin: begin, http: rest.Guard(rest.GuardOptions{Private: true}), fronts: map[string]*front{}, tools: map[string]*hooktwin.Tool{},
		said: map[string]string{}, sent: map[string]int{}, human: map[string]string{}, asked: map[string]string{}, listen: "127.0.0.1:0"}
	w.http.Transport = door{w, w.http.Transport}
	w.meter = newMeter(o.Log.Handler())
	w.vault = map[string]string{"ECHOLOT_SECRET": rand.Text(), "STERNE_SECRET": rand.Text(), "HUBSPOT_ADMIN": rand.Text(), "HUBSPOT_CLIENT_SECRET": rand.Text(),
		"FEEDBACK_TOKEN": rand.Text()}
	if err := w.start(ctx); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *world) start(ctx context.Context) error {
	for _, name := range []string{"mastodon", "hubspot", "feedback", "bluesky", "meta", "x", "press", "salesforce"} {
		f, err := newFront()
		if err != nil {
			return err
		}
		w.fronts[name] = f
	}
	w.social = mastodontwin.New(mastodontwin.Options{Self: w.fronts["mastodon"].url, Brand: "nordlicht", Token: rand.Text()})
	w.portal = hubspottwin.New(hubspottwin.Options{Now: time.Now, Token: w.vault["HUBSPOT_ADMIN"], CustomObjects: true, Limit10s: -1, Seal: true,
		ClientID: "demo-app", ClientSecret: w.vault["HUBSPOT_CLIENT_SECRET"]})
	w.feedback = sinktwin.New(sinktwin.Options{Token: w.vault["FEEDBACK_TOKEN"]})
	w.fronts["mastodon"].service, w.fronts["hubspot"].service, w.fronts["feedback"].service = w.social, w.portal, w.feedback
	second := w.openCircle()
	text, err := demo.Files.ReadFile("rapport.yaml")
	if err != nil {
		return err
	}
	w.config = strings.NewReplacer("${MASTODON}", w.fronts["mastodon"].url, "${HUBSPOT}", w.fronts["hubspot"].url, "${FEEDBACK}", w.fronts["feedback"].url).Replace(second.Replace(string(text)))
	if err := w.connectSocial(ctx); err != nil {
		return fmt.Errorf("connecting the social network: %w", err)
	}
	if err := w.openHome(ctx, w.prepare); err != nil {
		return err
	}
	return w.firstPolls(ctx)
}

// connectSocial registers an app on the social network and logs in, as `rapport connect` does.
func (w *world) connectSocial(ctx context.Context) error {
	connector := mastodon.New()
	a := rest.Account{Name: "mastodon", Kind: "mastodon", Origin: w.fronts["mastodon"].url, HTTP: w.http, Now: time.Now().UTC()}
	app, err := connector.Register(ctx, a, callback)
	if err != nil {
		return err
	}
	a.Secrets = app
	state := rand.Text()
	page, err := connector.Connect(ctx, a, callback, state)
	if err != nil {
		return err
	}
	code, err := w.consent(ctx, page, state)
	if err != nil {
		return err
	}
	token, _, err := connector.Exchange(ctx, a, callback, code)
	w.vault["MASTODON_TOKEN"] = token.Access.Reveal()
	return err
}

// consent opens the page as a browser would and gives the code out of the redirect.
func (w *world) consent(ctx context.Context, page, state string) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, page, nil)
	if err != nil {
		return "", err
	}
	resp, err := w.http.Do(r)
	if err != nil {
		return "", err
	}
	if err := resp.Body.Close(); err != nil {
		return "", err
	}
	back, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || back.Query().Get("state") != state {
		return "", fault.New(fault.Unauthorized, "the consent page leads back to %q", resp.Header.Get("Location"))
	}
	return back.Query().Get("code"), nil
}

// openHome opens and starts the home; between the two comes first.
func (w *world) openHome(ctx context.Context, between func(context.Context) error) error {
	console := ""
	if w.o.Keep {
		console = "127.0.0.1:0"
	}
	home, err := localrun.Open(ctx, localrun.Options{Data: w.o.Data, Console: console, Listen: w.listen, Base: public, Private: true, Log: w.meter.log(),
		Secrets: secrets.New(secrets.Options{Lookup: func(name string) (string, bool) { v, ok := w.vault[name]; return v, ok }})})
	if err != nil {
		return err
	}
	w.home = home
	if err := between(ctx); err != nil {
		return err
	}
	if err := home.Start(ctx); err != nil {
		return err
	}
	w.listen = home.Addr()
	return w.pointHooks(ctx)
}

// prepare publishes the configuration, logs in at HubSpot, makes our fields and objects there, and learns them.
func (w *world) prepare(ctx context.Context) error {
	if err := w.publish(ctx, w.config, "the demo's configuration"); err != nil {
		return err
	}
	a, err := w.home.Connect(ctx, "hubspot")
	if err != nil {
		return err
	}
	adapter := hubspot.New()
	token, _, err := adapter.Exchange(ctx, a, callback, "code-of-the-demo")
	if err == nil {
		err = w.home.SaveToken(ctx, "hubspot", token)
	}
	if err != nil {
		return fmt.Errorf("connecting HubSpot: %w", err)
	}
	plan, err := w.home.Plan(ctx, "")
	if err != nil {
		return err
	}
	steps, err := adapter.Apply(ctx, a, plan.Mapping.Objects("hubspot"))
	if err == nil {
		err = failed(steps)
	}
	if err == nil {
		err = w.home.Learn(ctx, "hubspot")
	}
	if err != nil {
		return fmt.Errorf("setting HubSpot up: %w", err)
	}
	if err := w.prepareSalesforce(ctx); err != nil {
		return err
	}
	return w.publish(ctx, w.config, "checked against the CRMs' fields")
}

func failed(steps []crm.Step) error {
	var errs []error
	for _, s := range steps {
		if s.Error != nil {
			errs = append(errs, fmt.Errorf("%s %s: %w", s.What, s.Name, s.Error))
		}
	}
	return errors.Join(errs...)
}

func (w *world) publish(ctx context.Context, text, note string) error {
	_, err := w.home.Publish(ctx, []byte(text), "events/demo/rapport.yaml", "demo", note)
	return err
}

// pointHooks tells the senders of webhooks where the home listens.
func (w *world) pointHooks(ctx context.Context) error {
	plan, err := w.home.Plan(ctx, "")
	if err != nil {
		return err
	}
	for name, key := range map[string]string{"echolot": "ECHOLOT_SECRET", "sterne": "STERNE_SECRET"} {
		conf, _ := plan.Doc.Hook(name)
		w.tools[name] = hooktwin.New(hooktwin.Options{Target: w.hook(name), HTTP: w.http, Now: time.Now,
			Hook: network.Hook{Name: name, Kind: conf.Kind, Settings: conf.Settings, Secrets: map[string]flow.Secret{"secret": flow.NewSecret(w.vault[key])}}})
	}
	w.portal.Change(func(o *hubspottwin.Options) {
		o.Hook = hubspottwin.Hook{Target: w.hook("portal"), Properties: []string{fieldStage, fieldReply, fieldReplyState, "hubspot_owner_id"}}
	})
	return nil
}

func (w *world) hook(name string) string { return public + "/hooks/" + name }

// firstPolls waits until the social network was read once: a new source begins at now, and now is before the day.
func (w *world) firstPolls(ctx context.Context) error {
	if err := w.joinCircle(ctx); err != nil {
		return err
	}
	return until(ctx, "the social network was read for the first time", func(context.Context) (bool, error) {
		f := w.fronts["mastodon"]
		return f.answered("GET /api/v1/notifications") > 0 && f.answered("GET /api/v1/accounts/verify") > 0 &&
			f.answered("GET /api/v1/accounts/") > 1 && f.answered("GET /api/v1/timelines/tag/") > 0, nil
	})
}

// restart stops the home and opens it again on the same file, as a new version would.
func (w *world) restart(ctx context.Context) error {
	w.http.CloseIdleConnections()
	home := w.home
	w.home = nil
	if err := home.Stop(ctx); err != nil {
		return err
	}
	return w.openHome(ctx, func(context.Context) error { return nil })
}

func (w *world) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	w.http.CloseIdleConnections() // a server that stops waits for connections that were never used
	var errs []error
	if w.home != nil {
		errs = append(errs, w.home.Stop(ctx))
	}
	for _, f := range w.fronts {
		errs = append(errs, f.server.Close())
	}
	return errors.Join(errs...)
}
