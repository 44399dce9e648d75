package storage

import (
	"errors"
	"os"
)

// syncPath brings a file to the disk. Windows keeps directories in order itself
// and does not let a file be synced that was opened for reading.
func syncPath(path string) error {
	info, err := os.Stat(path)
	if err != nil || info.IsDir() {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
