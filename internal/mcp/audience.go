package mcp

// An Audience is a kind of clients. A server may offer each something else.
type Audience uint8

// The kinds of clients: whoever comes, those of the legacy era that can be asked nothing, those of the legacy era that can, and
// those of the modern era, where lists do not depend on what the client can do. For the first a server is asked as it is watched,
// so that one of the modern era hears no legacy word before a client speaks so.
const (
	Anyone Audience = iota
	LegacyPlain
	LegacyAsking
	ModernClients
)

// Audiences is how many kinds there are.
const Audiences = int(ModernClients) + 1

// AudienceOf returns the kind that the client of a call is of.
func AudienceOf(call *Call) Audience {
	switch {
	case call.Revision.Stateless:
		return ModernClients
	case call.Asks():
		return LegacyAsking
	}
	return LegacyPlain
}
