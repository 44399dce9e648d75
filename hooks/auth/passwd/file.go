package passwd

import (
	"hash/maphash"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/linnetmq/linnet/internal/filewatch"
)

// Options of a File; the zero value is fine.
type Options struct {
	// Logger is told about reloads; nil discards.
	Logger *slog.Logger
	// OnReload is called after a reload that changed something, with the users
	// that are gone or have another password, whose clients may have to go. It
	// is called by whoever noticed the change, so it must not block.
	OnReload func(lost []string)
}

// File is a password file in use: it verifies passwords and follows changes of
// the file. It is safe for concurrent use.
type File struct {
	path     string
	log      *slog.Logger
	onReload func(lost []string)
	watch    *filewatch.Watcher
	seed     maphash.Seed
	current  atomic.Pointer[table]

	mu sync.Mutex // one reload at a time
}

// table is one reading of the file, immutable.
type table struct {
	generation uint64
	users      map[string]*record
	stand      []hash // one of them stands in for an unknown user's
}

// Open reads a password file; a mistake in it is an *Error.
func Open(path string, opts *Options) (*File, error) {
	f := &File{path: path, log: slog.New(slog.DiscardHandler), seed: maphash.MakeSeed(), watch: filewatch.New(0, path)}
	if opts != nil {
		f.onReload = opts.OnReload
		if opts.Logger != nil {
			f.log = opts.Logger
		}
	}
	t, err := load(path, 1)
	if err != nil {
		return nil, err
	}
	f.current.Store(t)
	return f, nil
}

func load(path string, generation uint64) (*table, error) {
	text, err := readFile(path)
	if err != nil {
		return nil, err
	}
	records, err := parse(path, text)
	if err != nil {
		return nil, err
	}
	t := &table{generation: generation, users: make(map[string]*record, len(records))}
	for i := range records {
		t.users[records[i].Username] = &records[i]
		t.stand = append(t.stand, records[i].hash)
	}
	if len(t.stand) == 0 {
		t.stand = []hash{&argon2id{argonMemory, argonTime, argonThreads, make([]byte, 16), make([]byte, argonLength)}}
	}
	return t, nil
}

// Verify tells whether a user of the file has a password, and whether there is
// such a user at all. It hashes in the calling goroutine, for milliseconds and
// with megabytes; for an unknown user it does the same work, on the hash of a
// user picked by the name, so that the time tells nothing. err is always nil.
func (f *File) Verify(username string, password []byte) (ok, known bool, err error) {
	t := f.fresh()
	r := t.users[username]
	if r == nil {
		t.stand[maphash.String(f.seed, username)%uint64(len(t.stand))].matches(password)
		return false, false, nil
	}
	return r.hash.matches(password), true, nil
}

// Knows tells whether the file has a user, without any work.
func (f *File) Knows(username string) bool { return f.fresh().users[username] != nil }

// Generation is another number after each reload that brought something new. What
// was remembered of an older one, such as a verified password, is void.
func (f *File) Generation() uint64 { return f.fresh().generation }

// Len returns the number of users.
func (f *File) Len() int { return len(f.current.Load().users) }

// fresh returns what holds now, after a look at the file if the last one is
// more than a second ago. A file that became invalid leaves the old one in
// force, with one line in the log.
func (f *File) fresh() *table {
	if f.watch.Changed(time.Now()) {
		if err := f.reload(); err != nil {
			f.log.Error("password file cannot be read, the old one stays in force", "file", f.path, "err", err)
		}
	}
	return f.current.Load()
}

// Reload reads the file now. After an error the old one stays in force.
func (f *File) Reload() error {
	f.watch.Look()
	return f.reload()
}

func (f *File) reload() error {
	f.mu.Lock()
	old := f.current.Load()
	next, err := load(f.path, old.generation+1)
	changed := err == nil && !same(old, next)
	if changed {
		f.current.Store(next)
	}
	f.mu.Unlock()
	if err != nil || !changed {
		return err
	}
	lost := lostUsers(old, next)
	f.log.Info("password file reloaded", "file", f.path, "users", len(next.users), "lost", len(lost))
	if f.onReload != nil {
		f.onReload(lost)
	}
	return nil
}

func same(a, b *table) bool { return len(a.users) == len(b.users) && len(lostUsers(a, b)) == 0 }

// lostUsers are those of old whose line next does not have.
func lostUsers(old, next *table) []string {
	var lost []string
	for name, r := range old.users {
		if now := next.users[name]; now == nil || now.encoded != r.encoded {
			lost = append(lost, name)
		}
	}
	slices.Sort(lost)
	return lost
}
