package clients

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestJavaScriptClients runs the programs of npmtest under node.
func TestJavaScriptClients(t *testing.T) {
	t.Parallel()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node is not installed (Debian package nodejs)")
	}
	if _, err := os.Stat("npmtest/node_modules"); err != nil {
		t.Skip("the npm packages are not installed: run scripts/install-test-needs.sh")
	}
	tests := []struct {
		program  string
		protocol string
		version  string
	}{
		{"paho.mjs", "ws", "3"},
		{"paho.mjs", "ws", "4"},
		{"paho.mjs", "wss", "4"},
		{"mqttjs.mjs", "tcp", "3"},
		{"mqttjs.mjs", "tcp", "4"},
		{"mqttjs.mjs", "tcp", "5"},
		{"mqttjs.mjs", "tls", "5"},
		{"mqttjs.mjs", "ws", "3"},
		{"mqttjs.mjs", "ws", "4"},
		{"mqttjs.mjs", "ws", "5"},
		{"mqttjs.mjs", "wss", "5"},
	}
	for _, tt := range tests {
		t.Run(strings.Join([]string{tt.program, tt.protocol, tt.version}, " "), func(t *testing.T) {
			t.Parallel()
			b := newBroker(t, nil)
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			cmd := exec.CommandContext(ctx, node, tt.program, b.url(tt.protocol), tt.version)
			cmd.Dir = "npmtest"
			cmd.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+b.caFile)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}
