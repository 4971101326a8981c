package sqs

import (
	"crypto/rand"
	"flag"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	api "github.com/aws/aws-sdk-go-v2/service/sqs"

	"rapport/shared/emulator"
	"rapport/shared/queue"
	"rapport/shared/queue/queuetest"
	"rapport/shared/topology"
)

func TestMain(m *testing.M) {
	// The checks wait for whole seconds and cost little: many may run side by side whatever the machine.
	if err := flag.Set("test.parallel", "12"); err != nil {
		panic(err)
	}
	emulator.Main(m)
}

func client(endpoint string) *api.Client {
	return api.New(api.Options{Region: emulator.Region, BaseEndpoint: &endpoint, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(emulator.Key, emulator.Key, "")})
}

var lanes = []topology.Queue{{Name: "one", Visibility: time.Second}, {Name: "two", Visibility: time.Second}}

// open makes queues of their own.
func open1(t testing.TB) *Queue {
	t.Helper()
	q := New(Options{Client: client(emulator.URL(t)), Prefix: "t" + rand.Text() + "-", Queues: lanes, Wait: time.Second})
	if err := q.CreateQueues(t.Context()); err != nil {
		t.Fatal(err)
	}
	return q
}

func TestQueue(t *testing.T) {
	queuetest.Run(t, queuetest.Harness{Lanes: []queue.Lane{"one", "two"}, Retry: time.Second, MaxBody: MaxPlain, Parallel: true, Patience: time.Minute,
		New:  func(t testing.TB) queuetest.Driver { return open1(t) },
		Skip: map[string]string{"groups": "being fair is up to the service, which the emulator does not imitate; that groups arrive is checked elsewhere"}})
}
