// Command deploy brings Rapport into an AWS account, shows its addresses, and takes it away again:
//
//	deploy up [--stack NAME] [--yes] [--changeset] [-- CDK ARGUMENTS]
//	deploy outputs [--stack NAME]
//	deploy destroy [--stack NAME] [--yes] [--purge NAME]
//
// The Makefile's targets deploy, outputs and destroy call it. It uses the credentials and the region that the AWS tools on
// this machine use, looks before it acts, and asks before it touches anything.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"

	awsconfig "github.com/aws/aws-sdk-go-v2/config"

	"rapport/shared/cost"
)

// options of a call.
type options struct {
	stack     string
	region    string
	yes       bool
	changeset bool
	purge     string
	rest      []string // for the CDK
	in        io.Reader
	out       io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "deploy:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, in io.Reader, out io.Writer) error {
	if len(args) == 0 {
		return errors.New("say up, outputs or destroy")
	}
	o := options{in: in, out: out}
	f := flag.NewFlagSet(args[0], flag.ContinueOnError)
	f.StringVar(&o.stack, "stack", "rapport", "name of the stack")
	f.BoolVar(&o.yes, "yes", false, "do not ask")
	f.BoolVar(&o.changeset, "changeset", false, "stop at a change set")
	f.StringVar(&o.purge, "purge", "", "delete table, archive, users and key too; must be the name of the stack")
	if err := f.Parse(args[1:]); err != nil {
		return err
	}
	o.rest = f.Args()
	loaded, err := awsconfig.LoadDefaultConfig(ctx)
	if err != nil {
		return fmt.Errorf("the configuration of AWS on this machine: %w", err)
	}
	o.region = choice(o.rest, "region", "eu-central-1")
	a := account{region: o.region, credentials: loaded.Credentials}
	switch args[0] {
	case "up":
		return up(ctx, a, o)
	case "outputs":
		return outputs(ctx, a, o)
	case "destroy":
		return destroy(ctx, a, o)
	}
	return fmt.Errorf("%q is unknown: say up, outputs or destroy", args[0])
}

// choice reads a --context NAME=VALUE out of the CDK's arguments.
func choice(args []string, name, fallback string) string {
	for i, a := range args {
		if value, ok := strings.CutPrefix(a, name+"="); ok && i > 0 && slices.Contains([]string{"--context", "-c"}, args[i-1]) {
			fallback = value
		}
	}
	return fallback
}

// ask wants a yes.
func (o options) ask(question string) error {
	if o.yes {
		return nil
	}
	fmt.Fprintf(o.out, "%s [y/N] ", question)
	answer, err := bufio.NewReader(o.in).ReadString('\n')
	if err != nil && answer == "" || !strings.HasPrefix(strings.ToLower(strings.TrimSpace(answer)), "y") {
		return errors.New("nothing was touched")
	}
	return nil
}

// up looks, tells, asks, deploys.
func up(ctx context.Context, a account, o options) error {
	found, err := preflight(ctx, a, o)
	if err != nil {
		return err
	}
	for _, f := range found.notes {
		fmt.Fprintln(o.out, f)
	}
	if len(found.stops) > 0 {
		return fmt.Errorf("it would fail:\n  %s", strings.Join(found.stops, "\n  "))
	}
	fmt.Fprint(o.out, costs(o.region))
	question := fmt.Sprintf("Deploy %s into account %s, %s?", o.stack, found.account, o.region)
	if o.changeset {
		question = fmt.Sprintf("Make a change set of %s in account %s, %s?", o.stack, found.account, o.region)
	}
	if err := o.ask(question); err != nil {
		return err
	}
	if !found.bootstrapped {
		args := []string{"bootstrap", "aws://" + found.account + "/" + o.region}
		if q := choice(o.rest, "qualifier", ""); q != "" {
			args = append(args, "--qualifier", q)
		}
		if err := cdk(ctx, o, args...); err != nil {
			return err
		}
	}
	args := append([]string{"deploy", "--require-approval", "never", "--context", "stack=" + o.stack}, o.rest...)
	if o.changeset {
		args = append(args, "--method=prepare-change-set", "--change-set-name", o.stack+"-change")
	}
	if err := cdk(ctx, o, args...); err != nil {
		return err
	}
	if o.changeset {
		fmt.Fprintf(o.out, "The change set is %s-change of stack %s; the plain template is cdk.out/%s.template.json. Nothing was changed.\n", o.stack, o.stack, o.stack)
		return nil
	}
	if err := outputs(ctx, a, o); err != nil {
		return err
	}
	if choice(o.rest, "hooks", "url") == "url" {
		return a.reached(ctx, o)
	}
	return nil
}

// costs is what an operator should know before saying yes, reckoned as `rapport cost --plan` does.
func costs(region string) string {
	idle, err := cost.Volumes{Region: region}.Bill()
	if err != nil { // prices of few regions are written down
		idle, err = cost.Volumes{}.Bill()
	}
	if err != nil {
		return ""
	}
	work, list, err := cost.Lean(idle.Region, "webhook")
	if err != nil {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "cost        a month of waiting, list prices of %s, %s:\n", idle.Region, idle.Date)
	for _, i := range idle.Items {
		fmt.Fprintf(&b, "            %6.2f USD  %s\n", i.USD, i.What)
	}
	fmt.Fprintf(&b, "            %6.2f USD  together; %.2f where nothing else uses what every account has free each month\n", idle.AWS, idle.AWS-cost.Sum(idle.Free))
	fmt.Fprintf(&b, "            %6.4f USD  for each 1,000 mentions of the simplest kind in full batches; three to ten times that with cases and one by one\n", list.USD(work)/1000)
	return b.String()
}

func cdk(ctx context.Context, o options, args ...string) error {
	c := exec.CommandContext(ctx, "scripts/cdk.sh", args...)
	c.Stdin, c.Stdout, c.Stderr = o.in, o.out, os.Stderr
	c.Env = append(os.Environ(), "AWS_REGION="+o.region, "AWS_DEFAULT_REGION="+o.region)
	return c.Run()
}

// outputs prints every address an operator needs.
func outputs(ctx context.Context, a account, o options) error {
	s, err := a.describe(ctx, o.stack)
	if err != nil {
		return err
	}
	if s == nil {
		return fmt.Errorf("there is no stack %s in %s", o.stack, a.region)
	}
	for _, out := range s.Outputs {
		if out.Key != "Environment" { // for the command line
			fmt.Fprintf(o.out, "%-14s %s\n%14s %s\n", out.Key, out.Value, "", out.Does)
		}
	}
	return nil
}
