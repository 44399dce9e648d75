package arch

import (
	"path"
	"slices"
	"strings"
)

const module = "github.com/linnetmq/linnet"

// door says what the packages matching a pattern may import besides the
// standard library.
type door struct {
	packages string   // relative to the module; * stands for one level
	may      []string // our packages, patterns too; "**" is every one
	modules  []string // modules of others; "**" is every one
}

// The broker's packages which everything at the rim may lean on.
var core = []string{"mqtt", "packets", "topics"}

// doors is the table. The first line that matches a package counts. A package
// without a line fails the test: give it one, as narrow as it can be.
var doors = []door{
	{packages: "packets"},
	{packages: "topics"},
	{packages: "mqtt", may: []string{"packets", "topics"}},
	{packages: "listeners", modules: []string{"github.com/gobwas/ws"}},
	{packages: "listeners/tlsconf", may: []string{"internal/filewatch"}},
	{packages: "mqtttest", may: []string{"mqtt", "packets", "topics", "listeners", "hooks/auth", "internal/client"}},

	{packages: "hooks/auth", may: append([]string{"internal/filewatch"}, core...), modules: []string{"golang.org/x/crypto", "go.yaml.in/yaml/v4"}}, // mqtttest hands it to users
	{packages: "hooks/auth/passwd", may: []string{"internal/filewatch"}, modules: []string{"golang.org/x/crypto"}},
	{packages: "hooks/storage", may: append([]string{"hooks/storage/kv"}, core...)},
	{packages: "hooks/storage/kv"},
	{packages: "hooks/storage/kv/kvtest", may: []string{"hooks/storage/kv", "hooks/storage/memory"}},
	{packages: "hooks/storage/internal/*", may: []string{"hooks/storage/kv"}, modules: []string{"**"}},
	{packages: "hooks/storage/*", may: append([]string{"hooks/storage", "hooks/storage/kv", "hooks/storage/internal/*"}, core...), modules: []string{"**"}},
	{packages: "hooks/*", may: core, modules: []string{"**"}},
	{packages: "hooks/*/*", may: core, modules: []string{"**"}},

	{packages: "metrics", may: core, modules: []string{"**"}},
	{packages: "rest", may: core, modules: []string{"**"}},
	{packages: "dashboard"},
	{packages: "cluster", may: core, modules: []string{"**"}},
	{packages: "bridge", may: core, modules: []string{"**"}},
	{packages: "bridge/*", may: append([]string{"bridge"}, core...), modules: []string{"**"}},

	{packages: "internal/client", may: []string{"packets", "topics"}, modules: []string{"github.com/gobwas/ws"}},
	{packages: "internal/config", modules: []string{"go.yaml.in/yaml/v4"}},
	{packages: "internal/config/gen", may: []string{"internal/config"}},
	{packages: "internal/logfile"},
	{packages: "internal/bench", may: []string{"packets"}, modules: []string{"github.com/HdrHistogram/hdrhistogram-go"}},
	{packages: "internal/bench/cmd", may: []string{"internal/bench"}},
	{packages: "internal/bench/testbroker", may: []string{"mqtt", "listeners", "hooks/auth", "hooks/storage", "hooks/storage/pebble"}},
	{packages: "bench/compare", may: []string{"internal/bench"}},
	{packages: "internal/app", may: []string{"**"}, modules: []string{"**"}},
	{packages: "cmd/linnet", may: []string{"internal/app"}},

	{packages: "internal/crash", may: append([]string{"listeners", "hooks/auth"}, core...), modules: []string{"github.com/cockroachdb/pebble/v2/vfs"}},
	{packages: "internal/crash/cmd", may: []string{"internal/crash"}},
	{packages: "internal/arch"},
	{packages: "internal/filewatch"},
	{packages: "internal/conformance"},
	{packages: "internal/conformance/gen", may: []string{"internal/conformance"}},
	{packages: "internal/readme"},
	{packages: "internal/interop", may: append([]string{"listeners"}, core...)},
	{packages: "internal/interop/pahobroker", may: append([]string{"listeners", "internal/interop"}, core...)},
}

// doorOf returns the line of the table for a package of ours, nil if it has
// none. rel is its path below the module.
func doorOf(rel string) *door {
	for i := range doors {
		if ok, _ := path.Match(doors[i].packages, rel); ok {
			return &doors[i]
		}
	}
	return nil
}

// allows reports whether the import path may be imported through the door.
func (d *door) allows(imported string) bool {
	if rel, ours := strings.CutPrefix(imported, module+"/"); ours {
		return slices.ContainsFunc(d.may, func(pattern string) bool {
			ok, _ := path.Match(pattern, rel)
			return ok || pattern == "**"
		})
	}
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") { //arch:ok an import path
		return true // the standard library
	}
	return slices.ContainsFunc(d.modules, func(m string) bool {
		return m == "**" || imported == m || strings.HasPrefix(imported, m+"/")
	})
}
