//go:build unix

package passwd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// keepOwner gives file the owner and group of the one it will replace, and its
// mode as far as the owner and the group's reading are concerned, so that the
// broker can still read what root has changed.
func keepOwner(file *os.File, path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok && (int(s.Uid) != os.Geteuid() || int(s.Gid) != os.Getegid()) {
		if err := file.Chown(int(s.Uid), int(s.Gid)); err != nil {
			return fmt.Errorf("keep its owner: %w; run it as the owner or as root", err)
		}
	}
	return file.Chmod(0o600 | info.Mode().Perm()&0o040)
}
