package deploytest

import (
	"bytes"
	"maps"
	"os"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

const manifest = "../kubernetes/linnet.yaml"

// objects are what the manifest declares.
type objects struct {
	sets     []appsv1.StatefulSet
	services []corev1.Service
	maps     []corev1.ConfigMap
}

// load decodes the manifest strictly: an unknown key and one that comes twice
// are errors.
func load(t *testing.T) (all objects) {
	t.Helper()
	text, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	for i, doc := range bytes.Split(text, []byte("\n---\n")) {
		var kind struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
		}
		if err := yaml.Unmarshal(doc, &kind); err != nil {
			t.Fatalf("document %d: %v", i, err)
		}
		switch kind.APIVersion + " " + kind.Kind {
		case "apps/v1 StatefulSet":
			all.sets = append(all.sets, decode[appsv1.StatefulSet](t, doc))
		case "v1 Service":
			all.services = append(all.services, decode[corev1.Service](t, doc))
		case "v1 ConfigMap":
			all.maps = append(all.maps, decode[corev1.ConfigMap](t, doc))
		default:
			t.Errorf("document %d is a %q of %q, which this test does not know", i, kind.Kind, kind.APIVersion)
		}
	}
	return all
}

func decode[T any](t *testing.T, doc []byte) (object T) {
	t.Helper()
	if err := yaml.UnmarshalStrict(doc, &object); err != nil {
		t.Errorf("%v in\n%s", err, doc)
	}
	return object
}

func TestStrictDecoderRefuses(t *testing.T) {
	t.Parallel()
	for name, doc := range map[string]string{
		"an unknown key": "spec: {replica: 1}", "a wrong type": "spec: {replicas: many}", "a key twice": "kind: A\nkind: B",
	} {
		var set appsv1.StatefulSet
		if err := yaml.UnmarshalStrict([]byte(doc), &set); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

// TestManifestHoldsTogether follows the names from object to object.
func TestManifestHoldsTogether(t *testing.T) {
	t.Parallel()
	all := load(t)
	if len(all.sets) != 1 || len(all.services) != 2 || len(all.maps) != 1 {
		t.Fatalf("%d StatefulSets, %d Services, %d ConfigMaps", len(all.sets), len(all.services), len(all.maps))
	}
	set := &all.sets[0]
	labels := set.Spec.Template.Labels
	if !maps.Equal(set.Spec.Selector.MatchLabels, labels) {
		t.Error("the StatefulSet does not select its own pods")
	}
	container := &set.Spec.Template.Spec.Containers[0]
	var ports []string
	for _, p := range container.Ports {
		ports = append(ports, p.Name)
	}
	headless := ""
	for i := range all.services {
		s := &all.services[i]
		if !maps.Equal(s.Spec.Selector, labels) {
			t.Errorf("service %s selects other pods", s.Name)
		}
		if s.Spec.ClusterIP == corev1.ClusterIPNone {
			headless = s.Name
		}
		for _, p := range s.Spec.Ports {
			if !slices.Contains(ports, p.TargetPort.StrVal) {
				t.Errorf("service %s leads to port %q, which the container does not have", s.Name, p.TargetPort.StrVal)
			}
		}
	}
	if set.Spec.ServiceName != headless {
		t.Errorf("the StatefulSet's service is %q, the headless one %q", set.Spec.ServiceName, headless)
	}
	if container.EnvFrom[0].ConfigMapRef.Name != all.maps[0].Name {
		t.Error("the container reads another ConfigMap")
	}
	if set.Spec.VolumeClaimTemplates[0].Name != container.VolumeMounts[0].Name {
		t.Error("the volume is not mounted")
	}
}

// TestPodIsRestricted: what the restricted Pod Security Standard asks for.
func TestPodIsRestricted(t *testing.T) {
	t.Parallel()
	pod := &load(t).sets[0].Spec.Template.Spec
	c := pod.Containers[0].SecurityContext
	switch {
	case !*pod.SecurityContext.RunAsNonRoot, *pod.SecurityContext.RunAsUser == 0:
		t.Error("it may run as root")
	case pod.SecurityContext.SeccompProfile.Type != corev1.SeccompProfileTypeRuntimeDefault:
		t.Error("no seccomp profile")
	case *c.AllowPrivilegeEscalation, !*c.ReadOnlyRootFilesystem, !slices.Contains(c.Capabilities.Drop, "ALL"):
		t.Error("the container may do more than it needs")
	}
}
