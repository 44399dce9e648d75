package passwd

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// ErrNoUser tells that a file has no such user.
var ErrNoUser = errors.New("there is no such user")

// Set gives a user a hash that Hash made. It makes the file if it is missing,
// else it keeps comments and order; a new user comes last. The file changes all
// at once or not at all, and is readable by its owner only; a group that could
// read the old one can read the new one.
func Set(path, username, encoded string) (replaced bool, err error) {
	if err := ValidUsername(username); err != nil {
		return false, err
	}
	if _, err := parseHash(encoded); err != nil {
		return false, err
	}
	line := username + ":" + encoded + "\n"
	err = edit(path, true, func(text []byte, at *record) ([]byte, error) {
		if at != nil {
			replaced = true
			return replaceLine(text, at.Line, line), nil
		}
		if len(text) > 0 && !bytes.HasSuffix(text, []byte("\n")) {
			text = append(text, '\n')
		}
		return append(text, line...), nil
	}, username)
	return replaced, err
}

// Delete removes a user, or returns ErrNoUser.
func Delete(path, username string) error {
	return edit(path, false, func(text []byte, at *record) ([]byte, error) {
		if at == nil {
			return nil, fmt.Errorf("%s: user %q: %w", path, username, ErrNoUser)
		}
		return replaceLine(text, at.Line, ""), nil
	}, username)
}

// edit changes a valid file, or with create a missing one.
func edit(path string, create bool, change func(text []byte, at *record) ([]byte, error), username string) error {
	// What a link leads to is replaced, not the link.
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	w, err := beginWrite(path)
	if err != nil {
		return err
	}
	defer w.abandon()
	text, err := readFile(path)
	if create && errors.Is(err, fs.ErrNotExist) {
		text, err = nil, nil
	}
	if err != nil {
		return err
	}
	records, err := parse(path, text)
	if err != nil {
		return fmt.Errorf("%w; mend it first", err)
	}
	var at *record
	for i := range records {
		if records[i].Username == username {
			at = &records[i]
		}
	}
	if text, err = change(text, at); err != nil {
		return err
	}
	return w.finish(text)
}

// replaceLine puts another line in the place of the n-th.
func replaceLine(text []byte, n int, line string) []byte {
	var out strings.Builder
	i := 0
	for old := range bytes.Lines(text) {
		if i++; i == n {
			out.WriteString(line)
		} else {
			out.Write(old)
		}
	}
	return []byte(out.String())
}

// writing is a new version of a file that nobody sees yet. Its name is the same
// for everybody, so that two who change the file do not undo each other's work.
type writing struct {
	path string
	file *os.File
}

func beginWrite(path string) (*writing, error) {
	name := path + ".new"
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%s is being changed by another process; if that is not so, remove %s", path, name)
	}
	if err != nil {
		return nil, fmt.Errorf("write password file: %w", err)
	}
	return &writing{path, file}, nil
}

// finish writes text to the disk and gives it the file's name.
func (w *writing) finish(text []byte) error {
	err := keepOwner(w.file, w.path)
	if err == nil {
		_, err = w.file.Write(text)
	}
	if err == nil {
		err = w.file.Sync()
	}
	if err = errors.Join(err, w.file.Close()); err == nil {
		err = os.Rename(w.file.Name(), w.path)
	}
	if err != nil {
		return fmt.Errorf("write password file %s: %w", w.path, err)
	}
	w.file = nil
	syncDir(filepath.Dir(w.path))
	return nil
}

// abandon removes what was not finished.
func (w *writing) abandon() {
	if w.file != nil {
		_ = w.file.Close() // closed already if writing failed
		_ = os.Remove(w.file.Name())
	}
}

// syncDir makes the new name durable where the system can.
func syncDir(dir string) {
	if d, err := os.Open(dir); err == nil {
		_ = d.Sync() // some systems cannot, and the file itself is safe
		_ = d.Close()
	}
}
