package deploytest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestUnit has systemd-analyze read the unit, with a program that exists.
func TestUnit(t *testing.T) {
	t.Parallel()
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("systemd-analyze is not installed: apt-get install systemd")
	}
	text, err := os.ReadFile("../systemd/linnet.service")
	if err != nil {
		t.Fatal(err)
	}
	const program = "/usr/bin/linnet "
	if !strings.Contains(string(text), "ExecStart="+program) {
		t.Fatal("the unit starts another program")
	}
	verify := func(text string) string {
		unit := filepath.Join(t.TempDir(), "linnet.service")
		if err := os.WriteFile(unit, []byte(strings.Replace(text, program, "/bin/true ", 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		out, _ := exec.CommandContext(t.Context(), analyze, "verify", "--man=no", unit).CombinedOutput() // what it says counts
		var complaints []string
		for line := range strings.Lines(string(out)) {
			// systemd before 253 falls back to Type=notify; other units are not ours.
			if strings.Contains(line, "linnet") && !strings.Contains(line, "ignoring: notify-reload") {
				complaints = append(complaints, line)
			}
		}
		return strings.Join(complaints, "")
	}
	if out := verify(string(text)); out != "" {
		t.Errorf("systemd-analyze says:\n%s", out)
	}
	if out := verify(string(text) + "\n[Service]\nProtectSystm=strict\n"); !strings.Contains(out, "ProtectSystm") {
		t.Errorf("a misspelled key is not found: %q", out)
	}
}
