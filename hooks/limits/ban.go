package limits

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// Ban keeps clients out. It holds for those that fit all of its criteria; one
// that is empty fits everybody, and at least one is not.
type Ban struct {
	ClientID string `json:"client_id,omitempty"`
	Username string `json:"username,omitempty"`
	// Network is an address, or a network such as 10.0.0.0/8.
	Network string `json:"network,omitempty"`
	// Until is when it ends; zero is never.
	Until time.Time `json:"until,omitzero"`
	// Reason is for the operator.
	Reason string `json:"reason,omitempty"`
	// Created is when it was made.
	Created time.Time `json:"created,omitzero"`
	// Automatic bans are made by the server and not kept over a restart.
	Automatic bool `json:"automatic,omitempty"`
}

// key identifies a ban: adding another with the same criteria replaces it.
type banKey struct {
	clientID, username string
	network            netip.Prefix
}

func (b *Ban) key() (banKey, error) {
	k := banKey{clientID: b.ClientID, username: b.Username}
	if b.Network != "" {
		var err error
		if k.network, err = parseNetwork(b.Network); err != nil {
			return k, err
		}
	}
	if k == (banKey{}) {
		return k, errors.New("a ban needs a client ID, a user name or a network")
	}
	return k, nil
}

func parseNetwork(s string) (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(s); err == nil {
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		return p.Masked(), nil
	}
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("network %q: want an address such as 10.1.2.3, or a network such as 10.0.0.0/8", s)
	}
	addr = addr.Unmap().WithZone("")
	return netip.PrefixFrom(addr, addr.BitLen()), nil
}

// Bans is a list of bans, kept in a file if it was opened from one. The zero
// value is an empty list in memory. It is safe for concurrent use.
type Bans struct {
	path string

	mu       sync.Mutex
	bans     map[banKey]*Ban
	changed  []func()  // who wants to know
	nextTidy time.Time // expired ones are removed now and then

	writing sync.Mutex // one file at a time; taken before mu
}

// maximumAutomatic bounds the bans that the server makes by itself.
const maximumAutomatic = 1 << 16

// bansFile is the content of the file.
type bansFile struct {
	Bans []Ban `json:"bans"`
}

// OpenBans reads the list from a file of JSON, which is made by the first ban if
// it does not exist.
func OpenBans(path string) (*Bans, error) {
	b := &Bans{path: path}
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read bans: %w", err)
	}
	var content bansFile
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&content); err != nil {
		return nil, fmt.Errorf("read bans: %s: %w", path, err)
	}
	for i := range content.Bans {
		if err := b.put(content.Bans[i]); err != nil {
			return nil, fmt.Errorf("read bans: %s: ban %d: %w", path, i+1, err)
		}
	}
	return b, nil
}

// Add puts a ban in force, in place of one with the same criteria, and has it
// written. If that fails, the ban is in force all the same until the server ends.
func (b *Bans) Add(ban Ban) error {
	if ban.Created.IsZero() {
		ban.Created = time.Now().UTC().Truncate(time.Second)
	}
	if err := b.put(ban); err != nil {
		return fmt.Errorf("ban: %w", err)
	}
	if ban.Automatic {
		return nil
	}
	b.tell()
	return b.write()
}

// Remove ends the ban with the criteria of the one given; found is false if
// there is none.
func (b *Bans) Remove(ban Ban) (found bool, err error) {
	k, err := ban.key()
	if err != nil {
		return false, fmt.Errorf("unban: %w", err)
	}
	b.mu.Lock()
	_, found = b.bans[k]
	delete(b.bans, k)
	b.mu.Unlock()
	if !found {
		return false, nil
	}
	return true, b.write()
}

// List returns the bans in force, the newest first.
func (b *Bans) List() []Ban {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	list := []Ban{}
	for _, ban := range b.bans {
		if ban.holds(now) {
			list = append(list, *ban)
		}
	}
	slices.SortFunc(list, func(x, y Ban) int {
		if c := y.Created.Compare(x.Created); c != 0 {
			return c
		}
		return strings.Compare(x.ClientID+"\x00"+x.Username+"\x00"+x.Network, y.ClientID+"\x00"+y.Username+"\x00"+y.Network)
	})
	return list
}

// Find returns a ban that keeps the client out. addr need not be valid.
func (b *Bans) Find(clientID, username string, addr netip.Addr) (ban Ban, banned bool) {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.bans) == 0 {
		return ban, false
	}
	b.tidyLocked(now)
	networks := []netip.Prefix{{}}
	if addr.IsValid() {
		addr = addr.Unmap().WithZone("")
		for bits := addr.BitLen(); bits >= 0; bits-- {
			p, _ := addr.Prefix(bits) // the bits are right for the address
			networks = append(networks, p)
		}
	}
	for _, id := range [...]string{clientID, ""} {
		for _, user := range [...]string{username, ""} {
			for _, network := range networks {
				if found := b.bans[banKey{id, user, network}]; found != nil && found.holds(now) {
					return *found, true
				}
			}
		}
	}
	return ban, false
}

func (b *Ban) holds(now time.Time) bool { return b.Until.IsZero() || now.Before(b.Until) }

func (b *Bans) put(ban Ban) error {
	k, err := ban.key()
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if ban.Automatic && len(b.bans) >= maximumAutomatic {
		return fmt.Errorf("there are %d bans already", len(b.bans))
	}
	if b.bans == nil {
		b.bans = make(map[banKey]*Ban)
	}
	b.bans[k] = &ban
	return nil
}

// tidyLocked removes bans that are over, once a minute.
func (b *Bans) tidyLocked(now time.Time) {
	if now.Before(b.nextTidy) {
		return
	}
	b.nextTidy = now.Add(time.Minute)
	for k, ban := range b.bans {
		if !ban.holds(now) {
			delete(b.bans, k)
		}
	}
}

// onChange has f called after a ban was added.
func (b *Bans) onChange(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changed = append(b.changed, f)
}

func (b *Bans) tell() {
	b.mu.Lock()
	tell := slices.Clone(b.changed)
	b.mu.Unlock()
	for _, f := range tell {
		f()
	}
}

// write replaces the file in one step, so that a crash leaves the old or the new.
func (b *Bans) write() error {
	if b.path == "" {
		return nil
	}
	b.writing.Lock()
	defer b.writing.Unlock()
	content := bansFile{Bans: slices.DeleteFunc(b.List(), func(ban Ban) bool { return ban.Automatic })}
	text, err := json.MarshalIndent(content, "", "  ")
	if err != nil {
		return fmt.Errorf("write bans: %w", err)
	}
	if err := replaceFile(b.path, append(text, '\n')); err != nil {
		return fmt.Errorf("write bans: %w", err)
	}
	return nil
}

func replaceFile(path string, text []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*.new") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // the error that matters is the one before
		}
	}()
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	return err
}
