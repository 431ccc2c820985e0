package keyring

import (
	"crypto/rand"
	"crypto/sha256"
	"hash/crc32"
	"math/big"
	"strings"
)

// A secret is what a caller shows: the prefix, the id of its key where it has one, 32 random bytes, and a checksum of what stands before
// it, the two in digits and letters. So a program that looks for lost secrets knows one when it sees it, its owner can tell which key to
// revoke, and a mistyped one is told from a wrong one.
const (
	prefix     = "sumun_"
	idDigits   = 10
	bodyDigits = 43 // of 32 bytes in base 62
	sumDigits  = 6  // of a CRC-32 in base 62

	loneLength   = len(prefix) + bodyDigits + sumDigits
	issuedLength = loneLength + idDigits + len("_")
)

// MaxSecret is the longest secret that is looked at, in bytes: people may have chosen one of their own in mcp.yaml.
const MaxSecret = 512

// Hash returns the SHA-256 of a secret. One of ours has 256 random bits, so that a slow hash would only slow us down, on every call.
func Hash(secret string) [sha256.Size]byte {
	var buf [MaxSecret]byte // keeps a secret of usual length off the heap
	return sha256.Sum256(append(buf[:0], secret...))
}

// NewID returns the id of a new key.
func NewID() string {
	var random [8]byte
	rand.Read(random[:]) // it never fails
	text := base62(new(big.Int).SetBytes(random[:]), idDigits+1)
	return text[len(text)-idDigits:]
}

// Mint returns a new secret of the key with that id, or with an empty one of a key that is not kept in the store.
func Mint(id string) string {
	var random [32]byte
	rand.Read(random[:]) // it never fails
	secret := prefix
	if id != "" {
		secret += id + "_"
	}
	secret += base62(new(big.Int).SetBytes(random[:]), bodyDigits)
	return secret + checksum(secret)
}

// IsSecret reports whether Mint may have made it: its form and its checksum are right.
func IsSecret(secret string) bool {
	return len(secret) == loneLength && wellFormed(secret) || IsIssued(secret)
}

// IsIssued reports whether Mint may have made it for a key that is kept in the store.
func IsIssued(secret string) bool {
	return len(secret) == issuedLength && secret[len(prefix)+idDigits] == '_' && wellFormed(secret)
}

func wellFormed(secret string) bool {
	body := len(secret) - sumDigits
	return strings.HasPrefix(secret, prefix) && checksum(secret[:body]) == secret[body:]
}

func checksum(s string) string {
	return base62(big.NewInt(int64(crc32.ChecksumIEEE([]byte(s)))), sumDigits)
}

func base62(n *big.Int, digits int) string {
	text := n.Text(62)
	return strings.Repeat("0", digits-len(text)) + text
}
