//go:build !unix

package limits

// syncDir does nothing where directories cannot be synced.
func syncDir(string) error { return nil }
