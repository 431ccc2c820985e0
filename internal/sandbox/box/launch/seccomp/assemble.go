package seccomp

import (
	"encoding/binary"
	"math"
)

// An Instruction is one of classic BPF, as the kernel has it (struct sock_filter).
type Instruction struct {
	Op         uint16
	Then, Else uint8 // how many instructions a jump passes over
	K          uint32
}

// The operations that filters need (see linux/bpf_common.h).
const (
	opLoad    = 0x20 // the accumulator from the data of the call
	opAnd     = 0x54
	opJump    = 0x05
	opEqual   = 0x15
	opAtLeast = 0x35
	opSet     = 0x45 // any bit of K is set
	opReturn  = 0x06
)

// Where things stand in the data of a call (struct seccomp_data).
const (
	offsetNumber = 0
	offsetArch   = 4
	offsetArgs   = 16
)

func load(offset uint32) Instruction { return Instruction{Op: opLoad, K: offset} }

// low and high load a half of an argument, on architectures that have the low half first, as all here have.
func low(arg uint32) Instruction  { return load(offsetArgs + 8*arg) }
func high(arg uint32) Instruction { return load(offsetArgs + 8*arg + 4) }

func and(k uint32) Instruction { return Instruction{Op: opAnd, K: k} }

func jump(op uint16, k uint32, then, otherwise uint8) Instruction {
	return Instruction{Op: op, K: k, Then: then, Else: otherwise}
}

func ret(value uint32) Instruction { return Instruction{Op: opReturn, K: value} }

// An assembler puts a program together. A jump to a check stands as a placeholder until the check's place is known.
type assembler struct {
	program []Instruction
	jumps   map[int]verdict // the placeholders
	places  map[verdict]int
}

func (a *assembler) add(more ...Instruction) { a.program = append(a.program, more...) }

// search adds a binary search for the number in the accumulator, and what follows from where it is found.
func (a *assembler) search(spans []span) {
	if len(spans) == 1 {
		a.decide(spans[0].verdict)
		return
	}
	half := len(spans) / 2
	if size := searchSize(spans[:half]); size <= math.MaxUint8 {
		a.add(jump(opAtLeast, spans[half].first, uint8(size), 0)) //nolint:gosec // it fits
	} else {
		a.add(jump(opAtLeast, spans[half].first, 0, 1), Instruction{Op: opJump, K: uint32(size)}) //nolint:gosec // a program has at most 4,096
	}
	a.search(spans[:half])
	a.search(spans[half:])
}

// searchSize returns how many instructions a search has. A conditional jump does not reach far, so that it needs help to pass over many.
func searchSize(spans []span) int {
	if len(spans) == 1 {
		return 1
	}
	half := len(spans) / 2
	size := searchSize(spans[:half])
	if size > math.MaxUint8 {
		size++
	}
	return 1 + size + searchSize(spans[half:])
}

// decide adds the end of a search.
func (a *assembler) decide(v verdict) {
	if v < firstCheck {
		a.add(ret(returns[v]))
		return
	}
	if a.jumps == nil {
		a.jumps, a.places = map[int]verdict{}, map[verdict]int{}
	}
	a.jumps[len(a.program)] = v
	a.add(Instruction{Op: opJump})
}

// place adds the program of a check.
func (a *assembler) place(v verdict, check []Instruction) {
	if a.places != nil {
		a.places[v] = len(a.program)
	}
	a.add(check...)
}

// link fills the placeholders in.
func (a *assembler) link() []Instruction {
	for at, v := range a.jumps {
		a.program[at].K = uint32(a.places[v] - at - 1) //nolint:gosec // as above
	}
	return a.program
}

// Bytes returns a program as the kernel reads it.
func Bytes(program []Instruction) []byte {
	out := make([]byte, 0, 8*len(program))
	for _, i := range program {
		out = binary.NativeEndian.AppendUint16(out, i.Op)
		out = append(out, i.Then, i.Else)
		out = binary.NativeEndian.AppendUint32(out, i.K)
	}
	return out
}
