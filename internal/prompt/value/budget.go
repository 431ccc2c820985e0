package value

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// ErrLimit is wrapped by the error of what reached a limit.
var ErrLimit = errors.New("a limit of templates was reached")

// A Fault is what keeps an operation from having a result. The expression it
// happens in makes it an Error.
type Fault struct { //nolint:errname // it becomes an Error of the template
	Message, Hint string
	Cause         error
}

// Error returns what is wrong.
func (f *Fault) Error() string { return f.Message }

// Unwrap returns what led to the fault, or nil.
func (f *Fault) Unwrap() error { return f.Cause }

// Faultf returns a fault with something to do.
func Faultf(hint, format string, args ...any) error {
	return &Fault{Message: fmt.Sprintf(format, args...), Hint: hint}
}

// A Budget is what one rendering may use, and what it has used so far.
type Budget struct {
	ctx           context.Context
	deadline      time.Time
	maxSteps      int
	maxMemory     int
	steps, memory int
	pulsed        int // steps at the last look at the clock
	patience      time.Duration
}

// NewBudget returns a budget that begins now and ends with ctx, too.
func NewBudget(ctx context.Context, steps, memory int, patience time.Duration) *Budget {
	return &Budget{ctx: ctx, deadline: time.Now().Add(patience), patience: patience, maxSteps: steps, maxMemory: memory}
}

// maxLevels bounds lists and mappings within each other, in variables and in
// what is computed.
const maxLevels = 200

// beat is how many steps may pass between two looks at the clock.
const beat = 256

// Step counts n operations.
func (r *Budget) Step(n int) error {
	r.steps += n
	if r.steps > r.maxSteps {
		return Limited("the template takes more than %d steps", r.maxSteps)
	}
	if r.steps-r.pulsed < beat {
		return nil
	}
	return r.Pulse()
}

// Pulse ends the rendering if it has no more time.
func (r *Budget) Pulse() error {
	r.pulsed = r.steps
	if err := r.ctx.Err(); err != nil {
		return &Fault{Message: "rendering was ended: " + err.Error(), Cause: err}
	}
	if time.Now().After(r.deadline) {
		return Limited("rendering takes longer than %v", r.patience)
	}
	return nil
}

// Scan counts the steps of an operation that looks at n bytes.
func (r *Budget) Scan(n int) error { return r.Step(1 + n/64) }

// Alloc counts n bytes before they are made.
func (r *Budget) Alloc(n int) error {
	if n < 0 || n > r.maxMemory-r.memory {
		return Limited("the values of this template need more than %d bytes", r.maxMemory)
	}
	r.memory += n
	return r.Scan(n)
}

// Sizes of values in memory, roughly and rather too large.
const (
	SizeByte  = 3   // of a text that grows
	SizeItem  = 32  // of a list
	SizeEntry = 256 // of a mapping
	SizeCall  = 96  // of a filter or a test with its arguments
)

// List counts and returns a list with room for n items.
func (r *Budget) List(n int) (*List, error) {
	if n > r.maxMemory/SizeItem {
		return nil, Limited("a list of %d items needs more than %d bytes", n, r.maxMemory)
	}
	if err := r.Alloc(SizeItem * (n + 1)); err != nil {
		return nil, err
	}
	return &List{Items: make([]Value, 0, n)}, nil
}

// Limited returns a Fault that wraps ErrLimit.
func Limited(format string, args ...any) error {
	return &Fault{
		Message: fmt.Sprintf(format, args...),
		Hint:    "let it do less: fewer or shorter loops, lists and texts",
		Cause:   ErrLimit,
	}
}
