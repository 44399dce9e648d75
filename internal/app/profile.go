package app

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"

	"github.com/linnetmq/linnet/internal/config"
)

// startProfile begins the profiles that are asked for. The caller calls stop at
// the end, which writes them.
func startProfile(cfg *config.Profile) (stop func() error, err error) {
	stopCPU := func() error { return nil }
	if cfg.CPUFile != "" {
		file, err := os.OpenFile(cfg.CPUFile, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, fmt.Errorf("make CPU profile: %w", err)
		}
		if err := pprof.StartCPUProfile(file); err != nil {
			return nil, errors.Join(fmt.Errorf("make CPU profile: %w", err), file.Close())
		}
		stopCPU = func() error {
			pprof.StopCPUProfile()
			return file.Close()
		}
	}
	return func() error { return errors.Join(stopCPU(), writeHeap(cfg.MemoryFile)) }, nil
}

// writeHeap writes a profile of what is on the heap; no name means none.
func writeHeap(name string) error {
	if name == "" {
		return nil
	}
	file, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("make heap profile: %w", err)
	}
	runtime.GC() // the profile is that of the last collection
	return errors.Join(pprof.WriteHeapProfile(file), file.Close())
}
