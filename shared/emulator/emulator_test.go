package emulator

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// child makes the test binary start an emulator of its own and wait to be killed.
const child = "RAPPORT_EMULATOR_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(child) != "" {
		_, err := start()
		if err != nil {
			panic(err)
		}
		os.Stdout.WriteString(os.Getenv(endpoint) + "\n")
		select {}
	}
	Main(m)
}

func TestEndpointAnswers(t *testing.T) {
	res, err := http.Get(URL(t) + "/_ministack/health")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusOK || !strings.Contains(string(body), "dynamodb") {
		t.Errorf("health answered %d %s", res.StatusCode, body)
	}
}

// A test binary that dies without cleaning up must not leave an emulator behind.
func TestNoOrphan(t *testing.T) {
	cmd := exec.Command(os.Args[0])
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, endpoint+"=") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, child+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal("the child did not start an emulator:", err)
	}
	url := strings.TrimSpace(line)
	if res, err := http.Get(url + "/_ministack/health"); err != nil {
		t.Fatal(err)
	} else {
		_ = res.Body.Close()
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second}
	for deadline := time.Now().Add(10 * time.Second); ; {
		res, err := client.Get(url + "/_ministack/health")
		if err != nil {
			return
		}
		_ = res.Body.Close()
		if time.Now().After(deadline) {
			t.Fatal("the emulator outlived its killed test binary")
		}
	}
}

func TestMissingVenvSaysWhatToRun(t *testing.T) {
	t.Setenv(endpoint, "")
	t.Setenv("RAPPORT_VENV", t.TempDir())
	_, err := start()
	if err == nil || !strings.Contains(err.Error(), "run scripts/venv.sh") {
		t.Errorf("start gave %v", err)
	}
}
