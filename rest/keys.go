package rest

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Scope is what a login may do.
type Scope string

const (
	// ScopeRead may look at everything but secrets.
	ScopeRead Scope = "read"
	// ScopePublish may publish messages.
	ScopePublish Scope = "publish"
	// ScopeAdmin may do everything.
	ScopeAdmin Scope = "admin"
)

// ErrNoSuchKey is returned for the ID of a key that does not exist.
var ErrNoSuchKey = errors.New("there is no API key with this id")

// Key is an API key without its secret.
type Key struct {
	ID      string    `json:"id" doc:"Names the key; it is also the readable part of its token."`
	Name    string    `json:"name" doc:"What it is for."`
	Scopes  []Scope   `json:"scopes" enum:"read,publish,admin" doc:"What it may do; admin may do everything."`
	Created time.Time `json:"created"`
	Expires time.Time `json:"expires,omitzero" doc:"When it stops to work; missing: never."`
	Used    time.Time `json:"used,omitzero" doc:"When it was used last since the start, to the minute."`
}

// storedKey is a line of the file: the token's hash, never the token. Tokens
// are 256 random bits, so a plain hash cannot be guessed back.
type storedKey struct {
	Key
	Hash string `json:"sha256"`
	used atomic.Int64
}

// Keys are the API keys, kept in a file that only its owner may read.
type Keys struct {
	path string
	mu   sync.RWMutex
	list map[string]*storedKey
}

const (
	tokenPrefix   = "linnet_"
	maximumKeys   = 1000
	maximumName   = 100
	keyIDBytes    = 5
	keySecretSize = 32
)

var keyText = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// OpenKeys reads the keys from a file. A file that does not exist holds none;
// it is made by the first Create.
func OpenKeys(path string) (*Keys, error) {
	k := &Keys{path: path, list: make(map[string]*storedKey)}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return k, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read API keys: %w", err)
	}
	var stored []*storedKey
	if err := json.Unmarshal(text, &stored); err != nil {
		return nil, fmt.Errorf("read API keys: %s: %w; restore the file or remove it with all its keys", path, err)
	}
	for _, key := range stored {
		if key == nil || key.ID == "" || len(key.Hash) != 2*sha256.Size {
			return nil, fmt.Errorf("read API keys: %s: a key without id or hash; restore the file or remove it with all its keys", path)
		}
		k.list[key.ID] = key
	}
	return k, nil
}

// Create makes a key and returns its token, which is stored nowhere. A zero
// expires means never.
func (k *Keys) Create(name string, scopes []Scope, expires time.Time) (Key, string, error) {
	if err := validKey(name, scopes, expires); err != nil {
		return Key{}, "", err
	}
	id, secret := randomText(keyIDBytes), randomText(keySecretSize)
	key := &storedKey{Key: Key{
		ID: id, Name: name, Scopes: slices.Compact(slices.Sorted(slices.Values(scopes))),
		Created: time.Now().UTC().Truncate(time.Second), Expires: expires,
	}, Hash: hashToken(secret)}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.list) >= maximumKeys {
		return Key{}, "", fmt.Errorf("there are %d API keys already: revoke some", maximumKeys)
	}
	k.list[id] = key
	if err := k.saveLocked(); err != nil {
		delete(k.list, id)
		return Key{}, "", err
	}
	return key.Key, tokenPrefix + id + "_" + secret, nil
}

func validKey(name string, scopes []Scope, expires time.Time) error {
	if name == "" || len(name) > maximumName {
		return fmt.Errorf("the name of an API key has 1 to %d bytes", maximumName)
	}
	if len(scopes) == 0 {
		return fmt.Errorf("an API key needs a scope: read, publish or admin")
	}
	for _, s := range scopes {
		if s != ScopeRead && s != ScopePublish && s != ScopeAdmin {
			return fmt.Errorf("scope %q: use read, publish or admin", s)
		}
	}
	if !expires.IsZero() && !expires.After(time.Now()) {
		return fmt.Errorf("the API key would have expired already, at %s", expires.Format(time.RFC3339))
	}
	return nil
}

// Revoke ends a key at once.
func (k *Keys) Revoke(id string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	old := k.list[id]
	if old == nil {
		return ErrNoSuchKey
	}
	delete(k.list, id)
	if err := k.saveLocked(); err != nil {
		k.list[id] = old
		return err
	}
	return nil
}

// List returns all keys, the oldest first.
func (k *Keys) List() []Key {
	k.mu.RLock()
	defer k.mu.RUnlock()
	list := make([]Key, 0, len(k.list))
	for _, stored := range k.list {
		key := stored.Key
		if at := stored.used.Load(); at != 0 {
			key.Used = time.Unix(at, 0).UTC()
		}
		list = append(list, key)
	}
	slices.SortFunc(list, func(a, b Key) int { return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.ID, b.ID)) })
	return list
}

// check returns the key of a token; ok is false if there is none.
func (k *Keys) check(token string) (key Key, ok bool) {
	id, secret, ok := strings.Cut(strings.TrimPrefix(token, tokenPrefix), "_")
	if k == nil || !ok || !strings.HasPrefix(token, tokenPrefix) {
		return key, false
	}
	k.mu.RLock()
	stored := k.list[id]
	k.mu.RUnlock()
	if stored == nil || subtle.ConstantTimeCompare([]byte(stored.Hash), []byte(hashToken(secret))) != 1 {
		return key, false
	}
	now := time.Now()
	if !stored.Expires.IsZero() && !now.Before(stored.Expires) {
		return key, false
	}
	stored.used.Store(now.Truncate(time.Minute).Unix())
	return stored.Key, true
}

// saveLocked writes the file anew and puts it in the place of the old one.
// k.mu is held.
func (k *Keys) saveLocked() error {
	list := make([]*storedKey, 0, len(k.list))
	for _, key := range k.list {
		list = append(list, key)
	}
	slices.SortFunc(list, func(a, b *storedKey) int { return strings.Compare(a.ID, b.ID) })
	text, err := json.MarshalIndent(list, "", "  ")
	if err != nil {
		return fmt.Errorf("store API keys: %w", err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(k.path), ".api-keys-*") // readable by its owner only
	if err != nil {
		return fmt.Errorf("store API keys: %w", err)
	}
	_, err = tmp.Write(append(text, '\n'))
	err = errors.Join(err, tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), k.path)
	}
	if err != nil {
		_ = os.Remove(tmp.Name()) // the error that matters is the one before
		return fmt.Errorf("store API keys: %w", err)
	}
	return nil
}

func hashToken(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

func randomText(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // crypto/rand never fails
	return keyText.EncodeToString(b)
}
