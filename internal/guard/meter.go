package guard

import "time"

const (
	// baseSteps and stepsPerByte are what checking a value may cost, at most maxSteps. A step is the visit of a schema, some 100 ns.
	baseSteps    = 200_000
	stepsPerByte = 8
	maxSteps     = 2_000_000
	// maxTime is what no check takes longer than, whatever a step is.
	maxTime = 2 * time.Second
	// faultSteps is the price of a fault, which takes memory.
	faultSteps = 10
)

// A meter bounds one check.
type meter struct {
	left int
	// watch is when to look at the clock next.
	watch int
	until time.Time
}

// exhausted is what a meter panics with: package jsonschema has no other way out of the middle of a check.
type exhausted struct{}

func (m *meter) start(bytes int) {
	m.left = min(baseSteps+stepsPerByte*bytes, maxSteps)
	m.watch = m.left
	m.until = time.Time{}
}

// spend takes steps.
func (m *meter) spend(steps int) {
	const often = 1000
	if m.left -= steps; m.left < 0 {
		panic(exhausted{})
	}
	if m.watch-m.left < often {
		return
	}
	m.watch = m.left
	switch now := time.Now(); {
	case m.until.IsZero(): // a check that ends before needs no clock
		m.until = now.Add(maxTime)
	case now.After(m.until):
		panic(exhausted{})
	}
}
