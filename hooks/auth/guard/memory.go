package guard

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"sync"
)

// mac stands for a user name and a password. Nobody can tell them from it, nor
// make one, without the key, which lives in this process only.
type mac [sha256.Size]byte

// memory holds the MAC of each user's verified password, for one generation of
// the source.
type memory struct {
	key [32]byte

	mu         sync.Mutex
	generation uint64
	verified   table[string, mac]
}

func newMemory(size int) *memory {
	m := &memory{verified: newTable[string, mac](size)}
	_, _ = rand.Read(m.key[:]) // crypto/rand never fails
	return m
}

func (m *memory) mac(user string, password []byte) mac {
	h := hmac.New(sha256.New, m.key[:])
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(user)))
	h.Write(length[:])
	h.Write([]byte(user))
	h.Write(password)
	var out mac
	h.Sum(out[:0])
	return out
}

// look tells whether the user's password is remembered and whether this is it.
func (m *memory) look(generation uint64, user string, sum mac) (right, remembered bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.generation != generation {
		return false, false
	}
	known := m.verified.find(user)
	if known == nil {
		return false, false
	}
	return hmac.Equal(known[:], sum[:]), true
}

// keep remembers a verified password. What was remembered of another
// generation is forgotten.
func (m *memory) keep(generation uint64, user string, sum mac) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if generation < m.generation {
		return // verified while the source changed
	}
	if generation > m.generation {
		m.generation = generation
		m.verified.clear()
	}
	*m.verified.get(user) = sum
}
