package box

import (
	"os"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sumun-mcp/sumun/internal/sandbox/box/launch"
)

// TestAddress: how addresses are told, and which a box has.
func TestAddress(t *testing.T) {
	v := viewOf(&launch.Order{Home: "/home/box", Network: true, Ports: []int{443}})
	inet := func(port byte, ip ...byte) []byte { return append([]byte{unix.AF_INET, 0, 1, port}, ip...) }
	local := func(path string) []byte { return append([]byte{unix.AF_UNIX, 0}, path...) }
	const port = 443 - 256
	mapped := append([]byte{unix.AF_INET6, 0, 1, port, 0, 0, 0, 0}, make([]byte, 10)...)
	mapped = append(mapped, 0xFF, 0xFF, 1, 1, 1, 1, 0, 0, 0, 0)
	tests := []struct {
		sockaddr  []byte
		name      string
		reachable bool
	}{
		{inet(port, 198, 18, 0, 1), "198.18.0.1:443", true},
		{inet(port, 198, 20, 0, 1), "198.20.0.1:443", false},
		{inet(0, 198, 18, 0, 1), "198.18.0.1:256", false},
		{inet(port, 1, 1, 1, 1), "1.1.1.1:443", false},
		{mapped, "1.1.1.1:443", false},
		{inet(port, 0, 0, 0, 0), "0.0.0.0:443", true},
		{inet(port, 1), "", true}, // the kernel refuses it
		{local("/tmp/own\x00rest"), "/tmp/own", true},
		{local("/usr/bin"), "/usr/bin", false},
		{local("\x00no such name"), "@no such name", false},
		{[]byte{unix.AF_UNSPEC, 0, 0, 0}, "", true},
		{[]byte{1}, "", true},
		{nil, "", true},
	}
	for _, tt := range tests {
		if name, reachable := v.address(uint32(os.Getpid()), tt.sockaddr); name != tt.name || reachable != tt.reachable {
			t.Errorf("% x: %q %t, want %q %t", tt.sockaddr, name, reachable, tt.name, tt.reachable)
		}
	}
}

func FuzzAddress(f *testing.F) {
	f.Add([]byte{unix.AF_INET, 0, 1, 2, 3, 4, 5, 6})
	f.Add([]byte{unix.AF_UNIX, 0, 0})
	v := viewOf(&launch.Order{Home: "/home/box", Network: true})
	f.Fuzz(func(_ *testing.T, sockaddr []byte) {
		v.address(uint32(os.Getpid()), sockaddr)
		pathOf(sockaddr)
	})
}
