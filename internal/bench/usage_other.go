//go:build !unix

package bench

import "time"

// clientTime is not measured here.
func clientTime() time.Duration { return 0 }
