// Package condition works out conditions in CEL, the Common Expression Language (github.com/google/cel-spec): whether a scope holds for a
// call, by its arguments, its caller and its circumstances.
//
// A condition costs a bounded amount of work, whatever it says and whatever the arguments are: its length, its nesting and what it may cost
// at worst are judged when it is read, and what it does cost while it is worked out. It looks at nothing but its Input, and changes nothing.
package condition

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/checker"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
)

// The bounds of a condition. Costs are those of CEL: a comparison is one, a text one for each ten characters that are looked at, and what
// is done for each element of a list is multiplied.
const (
	// MaxText is how many characters a condition may have.
	MaxText = 4096
	// maxDepth is how deep it may nest, maxNodes how many parts it may have once macros are spelled out, and maxRegex how large the program
	// of a regular expression may be.
	maxDepth = 50
	maxNodes = 2000
	maxRegex = 1000
	// maxEstimate is what it may cost at worst, with lists and texts of assumed elements; maxCost what one evaluation may cost: keeping account of
	// it takes time in the square of the elements that a macro has looked at, so this is low.
	maxEstimate = 10_000_000
	maxCost     = 10_000
	assumed     = 200
)

// The variables that there are.
const (
	args         = "args"
	callerID     = "caller.id"
	callerScopes = "caller.scopes"
	callerRoles  = "caller.roles"
	callerClaims = "caller.claims"
	name         = "name"
	kind         = "kind"
	verb         = "verb"
	now          = "now"
	remote       = "remote"
)

// variables lists them with their types, for the environment and for people.
var variables = []struct {
	name string
	of   *cel.Type
}{
	{args, cel.MapType(cel.StringType, cel.DynType)},
	{callerID, cel.StringType},
	{callerScopes, cel.ListType(cel.StringType)},
	{callerRoles, cel.ListType(cel.StringType)},
	{callerClaims, cel.MapType(cel.StringType, cel.DynType)},
	{name, cel.StringType},
	{kind, cel.StringType},
	{verb, cel.StringType},
	{now, cel.TimestampType},
	{remote, cel.StringType},
}

// environment is what conditions are read in. It is made when the first condition is read, since that takes milliseconds.
var environment = sync.OnceValues(func() (*cel.Env, error) {
	options := []cel.EnvOption{
		cel.StdLib(), cel.CrossTypeNumericComparisons(true), cel.EagerlyValidateDeclarations(true), cel.DefaultUTCTimeZone(true),
		cel.ParserExpressionSizeLimit(MaxText), cel.ParserRecursionLimit(maxDepth), cel.ExpressionNodeLimit(maxNodes), cel.RegexProgramSizeLimit(maxRegex),
		cel.ASTValidators(cel.ValidateRegexLiterals(), cel.ValidateDurationLiterals(), cel.ValidateTimestampLiterals(), constantRegex{}),
	}
	for _, v := range variables {
		options = append(options, cel.Variable(v.name, v.of))
	}
	return cel.NewCustomEnv(options...)
})

// A Fault is one thing that is wrong with a condition.
type Fault struct {
	// Line and Column count from 1, the column in characters.
	Line, Column int
	// Message says what is wrong, and Hint what to try, if anything.
	Message, Hint string
}

// Faults is all that is wrong with a condition, as an error.
type Faults []Fault //nolint:errname // it reads as what it is

// Error returns all faults in a line.
func (f Faults) Error() string {
	texts := make([]string, len(f))
	for i, one := range f {
		texts[i] = fmt.Sprintf("%d:%d: %s", one.Line, one.Column, one.Message)
	}
	return strings.Join(texts, "; ")
}

// A Condition is read and ready. It may be used concurrently.
type Condition struct {
	text    string
	program cel.Program
	asks    map[string]bool // by variable
}

// Compile reads a condition. An error is a Faults.
func Compile(text string) (*Condition, error) {
	env, err := environment()
	if err != nil {
		return nil, Faults{{1, 1, err.Error(), ""}}
	}
	if strings.TrimSpace(text) == "" {
		return nil, Faults{{1, 1, "is empty", "write a condition such as args.amount < 100, or remove it"}}
	}
	tree, issues := env.Compile(text)
	if issues.Err() != nil {
		return nil, faults(issues)
	}
	if t := tree.OutputType(); !t.IsExactType(cel.BoolType) && !t.IsExactType(cel.DynType) {
		return nil, Faults{{1, 1, "is " + cel.FormatCELType(t) + ", not true or false", "compare it with something"}}
	}
	cost, err := env.EstimateCost(tree, estimator{})
	if err != nil {
		return nil, Faults{{1, 1, err.Error(), ""}}
	}
	if cost.Max > maxEstimate {
		return nil, Faults{{1, 1, "may take too long: lists within lists, or long texts for each element of a list", "ask less of args"}}
	}
	program, err := env.Program(tree, cel.EvalOptions(cel.OptOptimize, cel.OptPartialEval), cel.CostLimit(maxCost))
	if err != nil {
		return nil, Faults{{1, 1, err.Error(), ""}}
	}
	return &Condition{text: text, program: program, asks: asked(tree)}, nil
}

// asked returns the variables that a condition looks at.
func asked(tree *cel.Ast) map[string]bool {
	all := map[string]bool{}
	for _, reference := range tree.NativeRep().ReferenceMap() {
		if slices.ContainsFunc(variables, func(v struct {
			name string
			of   *cel.Type
		},
		) bool {
			return v.name == reference.Name
		}) {
			all[reference.Name] = true
		}
	}
	return all
}

// String returns the condition as it was written.
func (c *Condition) String() string { return c.text }

// AsksArgs reports whether the condition looks at the arguments of the call.
func (c *Condition) AsksArgs() bool { return c.asks[args] }

// AsksThing reports whether the condition looks at what the call is about: its name, kind or verb.
func (c *Condition) AsksThing() bool { return c.asks[name] || c.asks[kind] || c.asks[verb] }

// faults returns issues as faults in their order.
func faults(issues *cel.Issues) Faults {
	var all Faults
	for _, e := range issues.Errors() {
		f := Fault{Line: max(e.Location.Line(), 1), Column: max(e.Location.Column(), 0) + 1}
		f.Message, _, _ = strings.Cut(e.Message, "\n")
		f.Message = strings.ReplaceAll(f.Message, " (in container '')", "")
		if strings.HasPrefix(f.Message, "undeclared reference") {
			f.Hint = known()
		}
		all = append(all, f)
	}
	slices.SortStableFunc(all, func(a, b Fault) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return all
}

// known says which variables there are.
func known() string {
	names := make([]string, len(variables))
	for i, v := range variables {
		names[i] = v.name
	}
	return "known are " + strings.Join(names, ", ")
}

// constantRegex is a check of conditions: what matches goes by must be written in the condition, since a caller could choose an expression
// that takes long to read.
type constantRegex struct{}

// Name implements cel.ASTValidator.
func (constantRegex) Name() string { return "sumun.validator.regex" }

// Validate implements cel.ASTValidator.
func (constantRegex) Validate(_ *cel.Env, _ cel.ValidatorConfig, tree *ast.AST, issues *cel.Issues) {
	for _, call := range ast.MatchDescendants(ast.NavigateAST(tree), ast.FunctionMatcher("matches")) {
		arguments := call.AsCall().Args()
		if last := arguments[len(arguments)-1]; last.Kind() != ast.LiteralKind {
			issues.ReportErrorAtID(last.ID(), "the regular expression must be written out here")
		}
	}
}

// estimator says how large things are whose size the condition does not say.
type estimator struct{}

// EstimateSize implements checker.CostEstimator.
func (estimator) EstimateSize(checker.AstNode) *checker.SizeEstimate {
	return &checker.SizeEstimate{Min: 0, Max: assumed}
}

// EstimateCallCost implements checker.CostEstimator.
func (estimator) EstimateCallCost(string, string, *checker.AstNode, []checker.AstNode) *checker.CallEstimate {
	return nil
}

// A Verdict is what a condition comes to.
type Verdict int

// The verdicts. Open is the one of a condition that hangs on arguments which are not known yet.
const (
	No Verdict = iota
	Yes
	Open
)

// errNotBool says that a condition is neither true nor false.
var errNotBool = errors.New("it is neither true nor false")

// Holds works the condition out. With an error it could not be: a member is missing, types do not fit, or it took too long.
func (c *Condition) Holds(in *Input) (Verdict, error) {
	value, _, err := c.program.Eval((*activation)(in))
	switch {
	case err != nil:
		return No, fmt.Errorf("working out %q: %w", c.text, err)
	case types.IsUnknown(value):
		return Open, nil
	}
	holds, ok := value.(types.Bool)
	switch {
	case !ok:
		return No, fmt.Errorf("working out %q: %w", c.text, errNotBool)
	case bool(holds):
		return Yes, nil
	}
	return No, nil
}
