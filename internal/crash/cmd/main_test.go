package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestExitCodes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, args string
		code       int
		says       string
	}{
		{"no such flag", "-speed 3", 2, "-speed"},
		{"help", "-help", 2, "-kills"},
		{"no such program", "-program /nonexistent/linnet -kills 1", 1, "/nonexistent/linnet"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out, msg bytes.Buffer
			if code := run(t.Context(), strings.Fields(tt.args), &out, &msg); code != tt.code || !strings.Contains(msg.String(), tt.says) {
				t.Errorf("exit code %d, said %q, want %d and %q", code, msg.String(), tt.code, tt.says)
			}
		})
	}
}
