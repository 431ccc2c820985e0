package container

import (
	"encoding/json"
	"fmt"

	"github.com/sumun-mcp/sumun/internal/sandbox/box/launch/seccomp"
)

// A profile says which system calls a container may make, in the words of Docker and Podman.
type profile struct {
	Default      string `json:"defaultAction"`
	DefaultErrno uint   `json:"defaultErrnoRet"`
	Arches       []arch `json:"archMap"`
	Syscalls     []rule `json:"syscalls"`
}

type arch struct {
	Architecture string   `json:"architecture"`
	Sub          []string `json:"subArchitectures"`
}

type rule struct {
	Names  []string   `json:"names"`
	Action string     `json:"action"`
	Errno  uint       `json:"errnoRet,omitempty"`
	Args   []argument `json:"args,omitempty"`
}

type argument struct {
	Index    uint   `json:"index"`
	Value    uint64 `json:"value"`
	ValueTwo uint64 `json:"valueTwo,omitempty"`
	Op       string `json:"op"`
}

const (
	allow  = "SCMP_ACT_ALLOW"
	refuse = "SCMP_ACT_ERRNO"
	equal  = "SCMP_CMP_EQ"
	masked = "SCMP_CMP_MASKED_EQ" // value is the mask, and the second what is left of the argument under it
)

const (
	// namespaces are the flags of clone that make some.
	namespaces = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
	// currentPersonality asks which one there is.
	currentPersonality = 0xFFFFFFFF
	eperm, enosys      = 1, 38
	typeBits           = 0xF // of a socket's type
	tcp, udp           = 6, 17
	netlink            = 16
	stream, datagram   = 1, 2
	local              = 1
)

// Profile returns the profile for containers: what the filter of a box allows, and the calls that are only put to a supervisor there, whom a
// container has not got: files and programs are those of the container, and there is no network that could be reached. Nor is there a
// terminal that could be typed at.
func Profile() ([]byte, error) {
	p := profile{Default: refuse, DefaultErrno: eperm, Arches: []arch{{"SCMP_ARCH_X86_64", []string{}}, {"SCMP_ARCH_AARCH64", []string{}}}}
	p.Syscalls = []rule{
		{Names: append(seccomp.Allowed(), "execve", "connect", "sendto", "sendmsg", "sendmmsg", "ioctl", "prctl"), Action: allow},
		{Names: []string{"clone3", "io_uring_setup", "memfd_create"}, Action: refuse, Errno: enosys},
		when("clone", argument{0, namespaces, 0, masked}),
		when("personality", argument{0, 0, 0, equal}),
		when("personality", argument{0, currentPersonality, 0, equal}),
		when("socket", argument{0, local, 0, equal}),
		when("socket", argument{0, netlink, 0, equal}, argument{2, 0, 0, equal}),
	}
	for _, family := range []uint64{2, 10} { // IPv4 and IPv6, and in them neither raw sockets nor MPTCP
		for _, one := range [][2]uint64{{stream, 0}, {stream, tcp}, {datagram, 0}, {datagram, udp}} {
			p.Syscalls = append(p.Syscalls, when("socket", argument{0, family, 0, equal}, argument{1, typeBits, one[0], masked}, argument{2, one[1], 0, equal}))
		}
	}
	text, err := json.Marshal(p)
	if err != nil {
		return nil, fmt.Errorf("writing down which system calls a container may make: %w", err)
	}
	return text, nil
}

// when allows a call with such arguments.
func when(call string, args ...argument) rule {
	return rule{Names: []string{call}, Action: allow, Args: args}
}
