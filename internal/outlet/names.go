package outlet

import (
	"encoding/binary"
	"net/netip"
	"sync"

	"github.com/sumun-mcp/sumun/internal/sandbox/box"
)

// synthetic is the network whose addresses stand for names in a box. Its first address stands for none.
var synthetic = netip.MustParsePrefix(box.Synthetic)

// maxNames bounds how many names one program can have addresses for. A wildcard would let it ask for any number.
const maxNames = 1 << 14

// names says which synthetic address stands for which name. Once given, an address keeps its meaning.
type names struct {
	mu     sync.Mutex // guards what follows
	listed []string   // the name of the first address, and so on
	at     map[string]netip.Addr
}

// address returns the address that stands for a name; false when there are too many.
func (n *names) address(name string) (netip.Addr, bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if addr, ok := n.at[name]; ok {
		return addr, true
	}
	if len(n.listed) >= maxNames {
		return netip.Addr{}, false
	}
	n.listed = append(n.listed, name)
	b := synthetic.Addr().As4()
	binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])+uint32(len(n.listed))) //nolint:gosec // at most maxNames
	addr := netip.AddrFrom4(b)
	if n.at == nil {
		n.at = map[string]netip.Addr{}
	}
	n.at[name] = addr
	return addr, true
}

// name returns what an address stands for.
func (n *names) name(addr netip.Addr) (string, bool) {
	if !synthetic.Contains(addr) {
		return "", false
	}
	first, this := synthetic.Addr().As4(), addr.As4()
	i := int(binary.BigEndian.Uint32(this[:])) - int(binary.BigEndian.Uint32(first[:])) - 1
	n.mu.Lock()
	defer n.mu.Unlock()
	if i < 0 || i >= len(n.listed) {
		return "", false
	}
	return n.listed[i], true
}
