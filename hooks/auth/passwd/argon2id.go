package passwd

import (
	"encoding/base64"
	"errors"
	"fmt"

	"golang.org/x/crypto/argon2"
)

// What new argon2id hashes cost: 19 MiB and two passes on one thread, the least
// that OWASP's password storage cheat sheet advises, about 25 ms of a core. A
// broker verifies a password once per client and run, but many at a time.
const (
	argonMemory  = 19 * 1024 // KiB
	argonTime    = 2
	argonThreads = 1
	argonLength  = 32
)

type argon2id struct {
	memory, time uint32
	threads      uint8
	salt, sum    []byte
}

func (h *argon2id) kind() Kind { return Argon2id }

func (h *argon2id) matches(password []byte) bool {
	return equal(argon2.IDKey(password, h.salt, h.time, h.memory, h.threads, uint32(len(h.sum))), h.sum)
}

func makeArgon2id(password, salt []byte) string {
	sum := argon2.IDKey(password, salt, argonTime, argonMemory, argonThreads, argonLength)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonTime, argonThreads,
		b64.EncodeToString(salt), b64.EncodeToString(sum))
}

func parseArgon2id(encoded string) (hash, error) {
	parts, err := fields(encoded, 5)
	if err != nil {
		return nil, err
	}
	if parts[1] != fmt.Sprintf("v=%d", argon2.Version) {
		return nil, fmt.Errorf("argon2id of version %q, want v=%d", parts[1], argon2.Version)
	}
	var memory, passes, threads int
	n, err := fmt.Sscanf(parts[2], "m=%d,t=%d,p=%d", &memory, &passes, &threads)
	if n != 3 || err != nil || parts[2] != fmt.Sprintf("m=%d,t=%d,p=%d", memory, passes, threads) {
		return nil, fmt.Errorf("argon2id parameters %q, want them like m=19456,t=2,p=1", parts[2])
	}
	h := &argon2id{}
	b64 := base64.RawStdEncoding.Strict()
	if h.salt, err = b64.DecodeString(parts[3]); err == nil {
		h.sum, err = b64.DecodeString(parts[4])
	}
	if err != nil {
		return nil, fmt.Errorf("argon2id salt and hash: %w", err)
	}
	if err := errors.Join(
		within("memory in KiB", memory, 8, 1<<20),
		within("number of passes", passes, 1, 64),
		within("number of threads", threads, 1, 64),
		checkSizes(h.salt, h.sum),
	); err != nil {
		return nil, err
	}
	h.memory, h.time, h.threads = uint32(memory), uint32(passes), uint8(threads)
	return h, nil
}
