package passwd

import (
	"errors"
	"fmt"

	"golang.org/x/crypto/bcrypt"
)

// bcryptCost of new hashes, about 200 ms of a core; bcryptBytes is how much of
// a password bcrypt looks at. A longer one never matches: its beginning alone
// must not be enough.
const (
	bcryptCost  = 12
	bcryptBytes = 72
)

type bcryptHash []byte

func (h bcryptHash) kind() Kind { return Bcrypt }

func (h bcryptHash) matches(password []byte) bool {
	short := password[:min(len(password), bcryptBytes)]
	return bcrypt.CompareHashAndPassword(h, short) == nil && len(password) <= bcryptBytes
}

func makeBcrypt(password []byte) (string, error) {
	b, err := bcrypt.GenerateFromPassword(password, bcryptCost)
	if errors.Is(err, bcrypt.ErrPasswordTooLong) {
		return "", fmt.Errorf("bcrypt takes passwords of at most %d bytes, this one has %d; use argon2id", bcryptBytes, len(password))
	}
	return string(b), err
}

func parseBcrypt(encoded string) (hash, error) {
	cost, err := bcrypt.Cost([]byte(encoded))
	if err != nil {
		return nil, fmt.Errorf("bcrypt: %w", err)
	}
	if len(encoded) != 60 {
		return nil, fmt.Errorf("the bcrypt hash has %d characters, want 60; was the line cut?", len(encoded))
	}
	if err := within("bcrypt cost", cost, bcrypt.MinCost, 18); err != nil {
		return nil, err
	}
	// The salt and the sum are checked when they are decoded, which compares.
	for _, c := range []byte(encoded[7:]) {
		if c != '.' && c != '/' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return nil, fmt.Errorf("the bcrypt hash has a character %q that it cannot have", c)
		}
	}
	return bcryptHash(encoded), nil
}
