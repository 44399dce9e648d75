package passwd

import (
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// Hashes that others made.
const (
	argonReference = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc" // the reference implementation's test
	bcryptOther    = "$2b$06$abcdefghijklmnopqrstuud/5IuQmqhVO0kfNEbHJM.fJkPiliBzC"                           // libxcrypt
	phcPBKDF2      = "$pbkdf2-sha512$i=1000,l=64$MDEyMzQ1Njc4OWFiY2RlZg$OM0FAoIqCVK1sWtxDiffVlBejtLa+ks4TP71JiecwuSZCG8iLbnlIEPOMoVX+i2B2wkSxjQ8CRGR9OkNGuIPMQ"
	passlibPBKDF2  = "$pbkdf2-sha512$1000$MDEyMzQ1Njc4OWFiY2RlZg$OM0FAoIqCVK1sWtxDiffVlBejtLa.ks4TP71JiecwuSZCG8iLbnlIEPOMoVX.i2B2wkSxjQ8CRGR9OkNGuIPMQ"
	mosquitto7     = "$7$101$G8LisIjnIyifIgyk$eUlflt2bDHkg2raawkFmC4UP0xk5IuY4cCgR1oh30DWCde6tUo0qXaHeABEwi+XtM1fAGkW7/ZKwWnj6ELCMGg=="
)

func TestHashesOfOthers(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, encoded, password string }{
		{"argon2id", argonReference, "password"},
		{"bcrypt", bcryptOther, "correct horse"},
		{"bcrypt of htpasswd", strings.Replace(bcryptOther, "$2b$", "$2y$", 1), "correct horse"},
		{"bcrypt of old", strings.Replace(bcryptOther, "$2b$", "$2a$", 1), "correct horse"},
		{"PHC", phcPBKDF2, "correct horse"},
		{"passlib", passlibPBKDF2, "correct horse"},
		{"mosquitto_passwd", mosquitto7, "secret1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h, err := parseHash(tt.encoded)
			if err != nil {
				t.Fatal(err)
			}
			if !h.matches([]byte(tt.password)) {
				t.Error("the password does not match")
			}
			if h.matches([]byte(tt.password + "x")) {
				t.Error("another password matches")
			}
		})
	}
}

func TestHashRoundTrip(t *testing.T) {
	t.Parallel()
	for _, kind := range Kinds() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			password := []byte("pass:wörd$ \x00\xff")
			encoded, err := Hash(kind, password)
			if err != nil {
				t.Fatal(err)
			}
			h, err := parseHash(encoded)
			if err != nil {
				t.Fatal(err)
			}
			if h.kind() != kind || !h.matches(password) || h.matches(nil) {
				t.Errorf("%s does not verify", kind)
			}
		})
	}
}

func TestSaltsDiffer(t *testing.T) {
	t.Parallel()
	if a, b := newSalt(), newSalt(); string(a) == string(b) || len(a) != 16 {
		t.Errorf("salts %x and %x", a, b)
	}
}

func TestHashRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		kind     Kind
		password string
		want     string
	}{
		{"an empty password", Argon2id, "", "1 to 65535 bytes"},
		{"one that MQTT cannot carry", Argon2id, strings.Repeat("x", 65536), "1 to 65535 bytes"},
		{"too long for bcrypt", Bcrypt, strings.Repeat("x", 73), "at most 72 bytes"},
		{"a kind that is not made", SHA512, "x", "use one of"},
		{"an unknown kind", "md5", "x", "use one of"},
	} {
		if _, err := Hash(tt.kind, []byte(tt.password)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// TestBcryptDoesNotTruncate: the first 72 bytes alone are not the password.
func TestBcryptDoesNotTruncate(t *testing.T) {
	t.Parallel()
	password := []byte(strings.Repeat("x", 72))
	encoded, err := bcrypt.GenerateFromPassword(password, bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	h, err := parseHash(string(encoded))
	if err != nil {
		t.Fatal(err)
	}
	if !h.matches(password) || h.matches(append(password, 'y')) {
		t.Error("a password of 72 bytes does not match, or one with more does")
	}
}

func TestParseHashRefuses(t *testing.T) {
	t.Parallel()
	salt, sum := "MDEyMzQ1Njc4OWFiY2RlZg", strings.Repeat("A", 43)
	for _, tt := range []struct{ name, encoded, want string }{
		{"nothing", "", "is empty"},
		{"plain text", "secret", "not hashed"},
		{"another kind", "$1$salt$hash", "not known"},
		{"argon2i", "$argon2i$v=19$m=8,t=1,p=1$" + salt + "$" + sum, "not known"},
		{"argon2id, cut", "$argon2id$v=19$m=19456,t=2,p=1$" + salt, "4 parts"},
		{"argon2id, an old version", "$argon2id$v=16$m=19456,t=2,p=1$" + salt + "$" + sum, "want v=19"},
		{"argon2id, parameters", "$argon2id$v=19$m=19456,t=2,p=1x$" + salt + "$" + sum, "want them like"},
		{"argon2id, all memory", "$argon2id$v=19$m=1073741824,t=2,p=1$" + salt + "$" + sum, "memory in KiB is 1073741824"},
		{"argon2id, for hours", "$argon2id$v=19$m=19456,t=1000000,p=1$" + salt + "$" + sum, "number of passes"},
		{"argon2id, no threads", "$argon2id$v=19$m=19456,t=2,p=0$" + salt + "$" + sum, "number of threads"},
		{"argon2id, no base64", "$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$***", "illegal base64"},
		{"argon2id, a short sum", "$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$QUJD", "length is 3"},
		{"argon2id, a short salt", "$argon2id$v=19$m=19456,t=2,p=1$QUJD$" + sum, "salt length is 3"},
		{"bcrypt, cut", bcryptOther[:59], "cut"},
		{"bcrypt, a strange character", bcryptOther[:59] + "!", `character '!'`},
		{"bcrypt, for hours", strings.Replace(bcryptOther, "$06$", "$31$", 1), "cost is 31"},
		{"pbkdf2, rounds", "$pbkdf2-sha512$many$" + salt + "$" + sum, "want a number"},
		{"pbkdf2, for hours", "$pbkdf2-sha512$999999999$" + salt + "$" + sum, "number of rounds"},
		{"pbkdf2, another length", "$pbkdf2-sha512$i=5,l=64$" + salt + "$" + sum, "its parameters say"},
		{"pbkdf2, no base64", "$pbkdf2-sha512$i=5$***$" + sum, "illegal base64"},
		{"mosquitto, cut", "$7$101$" + salt, "parts"},
		{"mosquitto, rounds", "$7$x$" + salt + "$" + sum, "want a number"},
		{"mosquitto, no rounds", "$7$0$MDEyMzQ1Njc4OWFiY2RlZg==$MDEyMzQ1Njc4OWFiY2RlZg==", "rounds is 0"},
		{"mosquitto, no base64", "$7$101$*$" + sum, "illegal base64"},
		{"old mosquitto, cut", "$6$" + salt, "parts"},
		{"old mosquitto, no base64", "$6$*$" + sum, "illegal base64"},
		{"old mosquitto, another hash", "$6$MDEyMzQ1Njc4OWFiY2RlZg==$MDEyMzQ1Njc4OWFiY2RlZg==", "SHA-512 has 64"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := parseHash(tt.encoded)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("%v, want %q", err, tt.want)
			}
			if tt.encoded != "" && strings.Contains(err.Error(), tt.encoded) {
				t.Errorf("the error shows the hash: %v", err)
			}
		})
	}
}

// BenchmarkVerify measures what a login costs.
func BenchmarkVerify(b *testing.B) {
	for _, kind := range Kinds() {
		b.Run(string(kind), func(b *testing.B) {
			encoded, err := Hash(kind, []byte("password"))
			if err != nil {
				b.Fatal(err)
			}
			h, err := parseHash(encoded)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				h.matches([]byte("password"))
			}
		})
	}
}
