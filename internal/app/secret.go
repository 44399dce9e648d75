package app

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// secretFile holds the administrator's secret, in the data directory.
const secretFile = "admin-secret"

// adminSecret returns the secret of the administrator, which lies in the data
// directory for its owner only. It makes one of 128 random bits if there is
// none, and tells that it did, so that it can be shown this once. The caller
// holds the directory's lock and shows the secret to nobody else.
func adminSecret(dir string) (secret string, made bool, err error) {
	path := filepath.Join(dir, secretFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		secret = rand.Text()
		return secret, true, writeSecret(path, secret)
	}
	if err != nil {
		return "", false, fmt.Errorf("admin secret: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return "", false, fmt.Errorf("admin secret: %w", err)
	}
	if loose := info.Mode().Perm() & 0o077; loose != 0 && filepath.Separator == '/' {
		return "", false, fmt.Errorf("admin secret %s: others can read it (mode %04o): chmod 600 it, or remove it to get a new one", path, info.Mode().Perm())
	}
	secret = strings.TrimSpace(string(text))
	if len(secret) < 16 {
		return "", false, fmt.Errorf("admin secret %s: it has %d characters, at least 16 are needed; remove the file to get a new one", path, len(secret))
	}
	return secret, false, nil
}

// writeSecret makes the file, which must not exist, and has it on the disk
// before anybody is told the secret.
func writeSecret(path, secret string) error {
	file, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err == nil {
		_, err = file.WriteString(secret + "\n")
		err = errors.Join(err, file.Sync(), file.Close())
	}
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return fmt.Errorf("admin secret: %w", err)
	}
	return nil
}
