package passwd

import (
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
)

// A Kind is a way to hash passwords.
type Kind string

// The kinds that Hash can make.
const (
	Argon2id     Kind = "argon2id"
	Bcrypt       Kind = "bcrypt"
	PBKDF2SHA512 Kind = "pbkdf2-sha512"
)

// SHA512 is the old kind of Mosquitto, which is read but not made.
const SHA512 Kind = "sha512"

// Kinds returns the kinds that Hash can make, the default first.
func Kinds() []Kind { return []Kind{Argon2id, Bcrypt, PBKDF2SHA512} }

// hash is what a line holds of a password.
type hash interface {
	kind() Kind
	// matches compares in a time that does not depend on where they differ.
	matches(password []byte) bool
}

// parsers read what stands behind a prefix.
var parsers = []struct {
	prefix string
	parse  func(encoded string) (hash, error)
}{
	{"$argon2id$", parseArgon2id},
	{"$2a$", parseBcrypt},
	{"$2b$", parseBcrypt},
	{"$2y$", parseBcrypt},
	{"$pbkdf2-sha512$", parsePBKDF2},
	{"$7$", parseMosquitto7},
	{"$6$", parseMosquitto6},
}

// parseHash reads an encoded hash of any kind.
func parseHash(encoded string) (hash, error) {
	for _, p := range parsers {
		if strings.HasPrefix(encoded, p.prefix) {
			return p.parse(encoded)
		}
	}
	if encoded == "" {
		return nil, errors.New("the password hash is empty")
	}
	if !strings.HasPrefix(encoded, "$") {
		return nil, errors.New("the password is not hashed; write the line with linnet passwd add")
	}
	return nil, errors.New("the kind of password hash is not known; use argon2id, bcrypt, pbkdf2-sha512 or what mosquitto_passwd writes")
}

// maxPassword is the longest password in bytes that MQTT can carry.
const maxPassword = 65535

// Hash makes a new encoded hash with a random salt.
func Hash(kind Kind, password []byte) (string, error) {
	if len(password) == 0 || len(password) > maxPassword {
		return "", fmt.Errorf("a password has 1 to %d bytes, this one %d", maxPassword, len(password))
	}
	switch kind {
	case Argon2id:
		return makeArgon2id(password, newSalt()), nil
	case Bcrypt:
		return makeBcrypt(password)
	case PBKDF2SHA512:
		return makePBKDF2(password, newSalt()), nil
	default: // SHA512 too
	}
	return "", fmt.Errorf("hash %q cannot be made; use one of %v", kind, Kinds())
}

func newSalt() []byte {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt) // crypto/rand never fails
	return salt
}

// equal compares in constant time.
func equal(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

// fields takes "$a$b$c" apart, which must have want parts.
func fields(encoded string, want int) ([]string, error) {
	parts := strings.Split(strings.TrimPrefix(encoded, "$"), "$")
	if len(parts) != want {
		return nil, fmt.Errorf("the hash has %d parts between its dollar signs, want %d; was the line cut?", len(parts), want)
	}
	return parts, nil
}

// within says which number is out of bounds, so that no line of the file can
// make the broker compute for minutes or take all memory.
func within(name string, value, least, most int) error {
	if value < least || value > most {
		return fmt.Errorf("the hash's %s is %d, allowed are %d to %d", name, value, least, most)
	}
	return nil
}

// checkSizes bounds the salt and the hash proper, in bytes.
func checkSizes(salt, sum []byte) error {
	if err := within("salt length", len(salt), 8, 64); err != nil {
		return err
	}
	return within("length", len(sum), 16, 128)
}
