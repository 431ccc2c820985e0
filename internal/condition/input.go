package condition

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"
)

// An Input is what a condition is worked out on. One goroutine at a time uses it, for any number of conditions.
type Input struct {
	// Args are the arguments of the call, a JSON object; nil for none. With ArgsOpen they are not known yet.
	Args     []byte
	ArgsOpen bool
	// CallerID, Scopes, Roles and Claims say who calls; Claims is a JSON object, nil for none.
	CallerID      string
	Scopes, Roles []string
	Claims        []byte
	// Name is the thing that is addressed, Kind tool, prompt, resource or template, and Verb invoke, read, list or write.
	Name, Kind, Verb string
	// Now is when the call came, and Remote the address that it came from, without the port; empty for one from this machine's pipes.
	Now    time.Time
	Remote string

	args, claims ref.Val // once they were asked for
}

// An activation is an Input as CEL asks it.
type activation Input

// unknownArgs has the arguments be unknown.
var unknownArgs = []*interpreter.AttributePattern{interpreter.NewAttributePattern(args)}

// Parent implements interpreter.Activation.
func (*activation) Parent() interpreter.Activation { return nil }

// AsPartialActivation says that there may be things that are not known.
func (a *activation) AsPartialActivation() (interpreter.PartialActivation, bool) { return a, true }

// UnknownAttributePatterns implements interpreter.PartialActivation.
func (a *activation) UnknownAttributePatterns() []*interpreter.AttributePattern {
	if a.ArgsOpen {
		return unknownArgs
	}
	return nil
}

// ResolveName implements interpreter.Activation.
func (a *activation) ResolveName(variable string) (any, bool) {
	switch variable {
	case args:
		if a.args == nil {
			a.args = object(a.Args)
		}
		return a.args, true
	case callerClaims:
		if a.claims == nil {
			a.claims = object(a.Claims)
		}
		return a.claims, true
	case callerID:
		return a.CallerID, true
	case callerScopes:
		return a.Scopes, true
	case callerRoles:
		return a.Roles, true
	case name:
		return a.Name, true
	case kind:
		return a.Kind, true
	case verb:
		return a.Verb, true
	case now:
		return a.Now, true
	case remote:
		return a.Remote, true
	}
	return nil, false
}

// object returns a JSON object as a value of CEL; an empty one for nothing.
func object(raw []byte) ref.Val {
	if len(raw) == 0 {
		return types.NewStringInterfaceMap(types.DefaultTypeAdapter, nil)
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	var members map[string]any
	if err := decoder.Decode(&members); err != nil || members == nil {
		return types.NewErr("what the condition asks is no JSON object")
	}
	for name, value := range members {
		counted, err := counted(value)
		if err != nil {
			return types.NewErr("%s", err.Error()) // one that CEL compares as it should only if it stands for the whole
		}
		members[name] = counted
	}
	return types.NewStringInterfaceMap(types.DefaultTypeAdapter, members)
}

// counted returns a value of JSON with its numbers as Go has them.
func counted(value any) (any, error) {
	var err error
	switch v := value.(type) {
	case json.Number:
		return number(string(v))
	case map[string]any:
		for name := range v {
			if v[name], err = counted(v[name]); err != nil {
				return nil, err
			}
		}
	case []any:
		for i := range v {
			if v[i], err = counted(v[i]); err != nil {
				return nil, err
			}
		}
	}
	return value, nil
}

// number returns a number of JSON: whole ones as int64, or uint64 where they are too large for that, others as float64. What none of them
// can hold is an error: a comparison with a number that was rounded or has wrapped around might let through what it should not.
func number(text string) (any, error) {
	if !strings.ContainsAny(text, ".eE") {
		if i, err := strconv.ParseInt(text, 10, 64); err == nil {
			return i, nil
		}
		if u, err := strconv.ParseUint(text, 10, 64); err == nil {
			return u, nil
		}
		return nil, fmt.Errorf("the number %.40s is too large for a condition", text)
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !exact(f, text) {
		return nil, fmt.Errorf("the number %.40s is too large for a condition", text)
	}
	return f, nil
}

// exact reports whether a number that is no fraction any more is what its text says.
func exact(f float64, text string) bool {
	const whole, most = 1 << 53, 400
	if math.Abs(f) < whole {
		return true
	}
	if len(text) > most {
		return false
	}
	r, ok := new(big.Rat).SetString(text)
	return ok && r.Cmp(new(big.Rat).SetFloat64(f)) == 0
}
