package passwd

import (
	"crypto/pbkdf2"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// pbkdf2Rounds of new hashes, the number that OWASP's password storage cheat
// sheet advises for SHA-512. mosquitto_passwd makes 101.
const pbkdf2Rounds = 210_000

type pbkdf2Hash struct {
	rounds    int
	salt, sum []byte
}

func (h *pbkdf2Hash) kind() Kind { return PBKDF2SHA512 }

func (h *pbkdf2Hash) matches(password []byte) bool {
	sum := h.key(string(password))
	return sum != nil && equal(sum, h.sum)
}

// key computes what the sum of a password is, nil if that cannot be: Go's FIPS
// mode refuses short salts.
func (h *pbkdf2Hash) key(password string) []byte {
	sum, err := pbkdf2.Key(sha512.New, password, h.salt, h.rounds, len(h.sum))
	if err != nil {
		return nil
	}
	return sum
}

// encode is the form that Mosquitto reads too.
func (h *pbkdf2Hash) encode() string {
	b64 := base64.StdEncoding
	return fmt.Sprintf("$7$%d$%s$%s", h.rounds, b64.EncodeToString(h.salt), b64.EncodeToString(h.sum))
}

func (h *pbkdf2Hash) check() (hash, error) {
	if err := errors.Join(within("number of rounds", h.rounds, 1, 10_000_000), checkSizes(h.salt, h.sum)); err != nil {
		return nil, err
	}
	return h, nil
}

func makePBKDF2(password, salt []byte) string {
	h := &pbkdf2Hash{rounds: pbkdf2Rounds, salt: salt, sum: make([]byte, sha512.Size)}
	h.sum = h.key(string(password))
	return h.encode()
}

// parsePBKDF2 reads the PHC form, $pbkdf2-sha512$i=10000,l=64$salt$sum, and
// passlib's, $pbkdf2-sha512$25000$salt$sum with dots for plus signs.
func parsePBKDF2(encoded string) (hash, error) {
	parts, err := fields(encoded, 4)
	if err != nil {
		return nil, err
	}
	rounds, length, hasLength := strings.Cut(strings.TrimPrefix(parts[1], "i="), ",l=")
	h := new(pbkdf2Hash)
	if h.rounds, err = strconv.Atoi(rounds); err != nil {
		return nil, fmt.Errorf("pbkdf2 rounds %q, want a number", rounds)
	}
	b64 := base64.RawStdEncoding.Strict()
	if h.salt, err = b64.DecodeString(strings.ReplaceAll(parts[2], ".", "+")); err == nil {
		h.sum, err = b64.DecodeString(strings.ReplaceAll(parts[3], ".", "+"))
	}
	if err != nil {
		return nil, fmt.Errorf("pbkdf2 salt and hash: %w", err)
	}
	if hasLength && length != strconv.Itoa(len(h.sum)) {
		return nil, fmt.Errorf("the pbkdf2 hash has %d bytes, its parameters say %q", len(h.sum), length)
	}
	return h.check()
}

// parseMosquitto7 reads $7$101$salt$sum.
func parseMosquitto7(encoded string) (hash, error) {
	parts, err := fields(encoded, 4)
	if err != nil {
		return nil, err
	}
	h := new(pbkdf2Hash)
	if h.rounds, err = strconv.Atoi(parts[1]); err != nil {
		return nil, fmt.Errorf("pbkdf2 rounds %q, want a number", parts[1])
	}
	if h.salt, h.sum, err = paddedPair(parts[2], parts[3]); err != nil {
		return nil, err
	}
	return h.check()
}

// sha512Hash is the hash of the password followed by the salt.
type sha512Hash struct{ salt, sum []byte }

func (h *sha512Hash) kind() Kind { return SHA512 }

func (h *sha512Hash) matches(password []byte) bool {
	d := sha512.New()
	d.Write(password)
	d.Write(h.salt)
	return equal(d.Sum(nil), h.sum)
}

// parseMosquitto6 reads $6$salt$sum.
func parseMosquitto6(encoded string) (hash, error) {
	parts, err := fields(encoded, 3)
	if err != nil {
		return nil, err
	}
	h := new(sha512Hash)
	if h.salt, h.sum, err = paddedPair(parts[1], parts[2]); err != nil {
		return nil, err
	}
	if len(h.sum) != sha512.Size {
		return nil, fmt.Errorf("the hash has %d bytes, SHA-512 has %d; was the line cut?", len(h.sum), sha512.Size)
	}
	return h, checkSizes(h.salt, h.sum)
}

// paddedPair decodes salt and sum as Mosquitto writes them.
func paddedPair(salt, sum string) (a, b []byte, err error) {
	b64 := base64.StdEncoding.Strict()
	if a, err = b64.DecodeString(salt); err == nil {
		b, err = b64.DecodeString(sum)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("salt and hash: %w", err)
	}
	return a, b, nil
}
