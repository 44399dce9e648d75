package deploytest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// TestCompose: the compose file names a Dockerfile that is there, and the image
// runs as somebody else than root, with its data on a volume and a health check.
func TestCompose(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docker/compose.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Services map[string]struct {
			Build   struct{ Context, Dockerfile string }
			Volumes []string
		}
		Volumes map[string]any
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	service := file.Services["linnet"]
	docker, err := os.ReadFile(filepath.Join("../docker", service.Build.Context, service.Build.Dockerfile))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\nFROM scratch\n", "\nUSER 65532", "\nVOLUME /data\n", "\nHEALTHCHECK ", "CGO_ENABLED=0"} {
		if !strings.Contains(string(docker), want) {
			t.Errorf("the Dockerfile has no %q", want)
		}
	}
	if len(service.Volumes) != 1 || service.Volumes[0] != "data:/data" {
		t.Errorf("volumes %v", service.Volumes)
	}
	if _, declared := file.Volumes["data"]; !declared {
		t.Error("the volume data is not declared")
	}
}
