//go:build !linux

package mqtt

// parkPoller does not exist here: idle connections keep their goroutines.
type parkPoller struct{}

func newParkPoller() (*parkPoller, error) { return nil, nil }

func (*parkPoller) arm(int32, uint32, bool) error { return nil }

func (*parkPoller) wait(func(int32, uint32)) {}

func (*parkPoller) close() {}

func freeOSMemory() {}
