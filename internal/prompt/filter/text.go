package filter

import (
	"html"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sumun-mcp/sumun/internal/prompt/value"
)

// textFilter makes a filter of a function of texts, whose result is about as
// long as what it is given.
func textFilter(change func(string) string) func(*value.Budget, value.Value, Arguments[value.Value]) (value.Value, error) {
	return func(r *value.Budget, v value.Value, _ Arguments[value.Value]) (value.Value, error) {
		s, err := r.Text(v)
		if err != nil {
			return nil, err
		}
		// Letters cost more steps than bytes that are only copied.
		if err := r.Scan(3 * len(s)); err != nil {
			return nil, err
		}
		if err := r.Alloc(2 * len(s)); err != nil {
			return nil, err
		}
		return change(s), nil
	}
}

func stringFilter(r *value.Budget, v value.Value, _ Arguments[value.Value]) (value.Value, error) {
	return r.Text(v)
}

// upper knows the one letter without a capital that is common.
func upper(s string) string { return strings.ReplaceAll(strings.ToUpper(s), "ß", "SS") }

func capitalize(s string) string {
	c, size := utf8.DecodeRuneInString(s)
	if size == 0 {
		return s
	}
	return string(unicode.ToTitle(c)) + strings.ToLower(s[size:])
}

// title begins each word with a capital; the words stand between white space,
// hyphens and opening brackets.
func title(s string) string {
	begins := true
	return strings.Map(func(c rune) rune {
		isBreak := value.IsSpace(c) || strings.ContainsRune("-({[<", c)
		defer func() { begins = isBreak }()
		if begins && !isBreak {
			return unicode.ToUpper(c)
		}
		return unicode.ToLower(c)
	}, s)
}

// escapeFilter escapes HTML as Jinja does, which writes &#34; and &#39; for quotes.
func escapeFilter(r *value.Budget, v value.Value, _ Arguments[value.Value]) (value.Value, error) {
	s, err := r.Text(v)
	if err != nil {
		return nil, err
	}
	size := len(s)
	for _, c := range []string{"<", ">", "&", "'", `"`} {
		size += 4 * strings.Count(s, c)
	}
	if err := r.Alloc(size); err != nil {
		return nil, err
	}
	return html.EscapeString(s), nil
}

func wordcountFilter(r *value.Budget, v value.Value, _ Arguments[value.Value]) (value.Value, error) {
	s, err := r.Text(v)
	if err != nil {
		return nil, err
	}
	n, within := int64(0), false
	for _, c := range s {
		isWord := c == '_' || unicode.IsLetter(c) || unicode.IsNumber(c)
		if isWord && !within {
			n++
		}
		within = isWord
	}
	return n, r.Scan(4 * len(s))
}

func trimFilter(r *value.Budget, v value.Value, args Arguments[value.Value]) (value.Value, error) {
	s, err := r.Text(v)
	if err != nil {
		return nil, err
	}
	if !args.isSet(0) {
		return strings.TrimFunc(s, value.IsSpace), r.Scan(4 * len(s))
	}
	chars, err := words(r, args, 0, "")
	if err != nil {
		return nil, err
	}
	if err := r.Scan(4 * (len(chars) + len(s))); err != nil {
		return nil, err
	}
	set := make(map[rune]bool, min(len(chars), 256))
	for _, c := range chars {
		set[c] = true
	}
	return strings.TrimFunc(s, func(c rune) bool { return set[c] }), r.Alloc(64 * len(set))
}

func replaceFilter(r *value.Budget, v value.Value, args Arguments[value.Value]) (value.Value, error) {
	s, err := r.Text(v)
	if err != nil {
		return nil, err
	}
	before, err := r.Text(args.Values[0])
	if err != nil {
		return nil, err
	}
	after, err := r.Text(args.Values[1])
	if err != nil {
		return nil, err
	}
	limit, err := whole(args, 2, -1)
	if err != nil {
		return nil, err
	}
	if err := r.Scan(2 * len(s)); err != nil {
		return nil, err
	}
	found := strings.Count(s, before)
	if limit >= 0 {
		found = min(found, limit)
	}
	if err := r.Alloc(len(s) + found*max(0, len(after)-len(before))); err != nil {
		return nil, err
	}
	return strings.Replace(s, before, after, limit), r.Step(found)
}

// lines cuts a text where Python sees the end of a line; the last one is none.
func lines(s string) []string {
	var found []string
	for s != "" {
		end := strings.IndexFunc(s, isLineEnd)
		if end < 0 {
			return append(found, s)
		}
		_, size := utf8.DecodeRuneInString(s[end:])
		if strings.HasPrefix(s[end:], "\r\n") {
			size = 2
		}
		found, s = append(found, s[:end]), s[end+size:]
	}
	return found
}

func isLineEnd(c rune) bool {
	return c >= '\n' && c <= '\r' || c >= 0x1c && c <= 0x1e || c == 0x85 || c == 0x2028 || c == 0x2029
}

func indentFilter(r *value.Budget, v value.Value, args Arguments[value.Value]) (value.Value, error) {
	s, ok := v.(string)
	if !ok {
		return nil, unfitText(v)
	}
	by, ok := args.Values[0].(string)
	if !ok {
		width, err := whole(args, 0, 4)
		if err != nil {
			return nil, err
		}
		if err := r.Alloc(max(width, 0)); err != nil {
			return nil, err
		}
		by = strings.Repeat(" ", max(width, 0))
	}
	first, blank := flag(args, 1), flag(args, 2)
	if err := r.Alloc(len(s) + 16*strings.Count(s, "\n")); err != nil {
		return nil, err
	}
	all := lines(s + "\n")
	if err := r.Alloc(2*len(s) + (len(by)+16)*(len(all)+1)); err != nil {
		return nil, err
	}
	var b strings.Builder
	for i, line := range all {
		if i > 0 {
			b.WriteByte('\n')
		}
		if i == 0 && first || i > 0 && (blank || line != "") {
			b.WriteString(by)
		}
		b.WriteString(line)
	}
	return b.String(), nil
}

func unfitText(v value.Value) error {
	if u, ok := v.(*value.Undefined); ok {
		return u.Fault()
	}
	return value.Faultf("convert it with the filter string", "%s is not a text", value.Describe(v))
}

func truncateFilter(r *value.Budget, v value.Value, args Arguments[value.Value]) (value.Value, error) {
	if u, ok := v.(*value.Undefined); ok {
		return u, nil
	}
	s, ok := v.(string)
	if !ok {
		return nil, unfitText(v)
	}
	length, err := whole(args, 0, 255)
	if err != nil {
		return nil, err
	}
	end, err := words(r, args, 2, "...")
	if err != nil {
		return nil, err
	}
	leeway, err := whole(args, 3, 5)
	if err != nil {
		return nil, err
	}
	keep := length - utf8.RuneCountInString(end)
	if keep < 0 || leeway < 0 {
		return nil, value.Faultf("give a larger length", "the end %q is longer than the %d characters to keep, or the leeway is negative", end[:min(len(end), 20)], length)
	}
	if err := r.Scan(len(s) + len(end)); err != nil {
		return nil, err
	}
	if utf8.RuneCountInString(s) <= length+leeway {
		return s, nil
	}
	for i := range s {
		if keep--; keep < 0 {
			s = s[:i]
			break
		}
	}
	if i := strings.LastIndexByte(s, ' '); i >= 0 && !flag(args, 1) {
		s = s[:i]
	}
	return r.Join([]value.Value{s, end}, "")
}

func tojsonFilter(r *value.Budget, v value.Value, args Arguments[value.Value]) (value.Value, error) {
	indent, ok := args.Values[0].(string)
	if !ok {
		width, err := whole(args, 0, 0)
		if err != nil {
			return nil, err
		}
		if err := r.Alloc(max(width, 0)); err != nil {
			return nil, err
		}
		indent = strings.Repeat(" ", max(width, 0))
	}
	return r.JSON(v, indent, args.isSet(0), args.isSet(1) && !value.Truth(args.Values[1]))
}

func absFilter(r *value.Budget, v value.Value, _ Arguments[value.Value]) (value.Value, error) {
	n, ok := value.ToNumber(v)
	if !ok {
		return nil, value.Unfit("absolute value", v)
	}
	if f, ok := n.(float64); ok {
		return math.Abs(f), nil
	}
	return r.Sized(new(big.Int).Abs(value.Grow(n)))
}

func intFilter(r *value.Budget, v value.Value, args Arguments[value.Value]) (value.Value, error) {
	base, err := whole(args, 1, 10)
	if err != nil {
		return nil, err
	}
	otherwise := args.Values[0]
	if otherwise == nil {
		otherwise = int64(0)
	}
	var f float64
	switch v := v.(type) {
	case *value.Undefined:
		return nil, v.Fault()
	case string:
		if err := r.Scan(4 * len(v)); err != nil {
			return nil, err
		}
		n, err := intOf(v, base)
		if err == nil {
			return n, r.Alloc(len(v))
		}
		if f, err = floatOf(v); err != nil {
			return otherwise, nil //nolint:nilerr // a text that is no number has the default
		}
	case float64:
		f = v
	default:
		if n, ok := value.ToNumber(v); ok {
			return n, nil
		}
		return otherwise, nil
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return otherwise, nil
	}
	n, _ := big.NewFloat(f).Int(nil)
	return r.Sized(n)
}

func floatFilter(r *value.Budget, v value.Value, args Arguments[value.Value]) (value.Value, error) {
	var otherwise value.Value = 0.0
	if args.Values[0] != nil {
		otherwise = args.Values[0]
	}
	switch v := v.(type) {
	case *value.Undefined:
		return nil, v.Fault()
	case string:
		if err := r.Scan(4 * len(v)); err != nil {
			return nil, err
		}
		f, err := floatOf(v)
		if err != nil {
			return otherwise, nil //nolint:nilerr // a text that is no number has the default
		}
		return f, nil
	}
	n, ok := value.ToNumber(v)
	if !ok {
		return otherwise, nil
	}
	return value.ToFloat(n)
}

// intOf reads a whole number as Python's int does.
func intOf(text string, base int) (value.Value, error) {
	text = strings.TrimFunc(text, value.IsSpace)
	digits := strings.TrimLeft(text, "+-")
	prefixes := map[int]string{2: "0b", 8: "0o", 16: "0x"}
	switch {
	case base != 0 && (base < 2 || base > 36), len(text)-len(digits) > 1, len(digits) > value.MaxDigits:
		return nil, strconv.ErrSyntax
	case base != 0 && prefixes[base] != "" && strings.HasPrefix(strings.ToLower(digits), prefixes[base]):
		digits = strings.TrimPrefix(digits[2:], "_")
	case base == 0 && strings.HasPrefix(digits, "0") && strings.Trim(digits, "0123456789_") == "" && strings.Trim(digits, "0_") != "":
		return nil, strconv.ErrSyntax
	}
	if base != 0 {
		if strings.HasPrefix(digits, "_") || strings.HasSuffix(digits, "_") || strings.Contains(digits, "__") {
			return nil, strconv.ErrSyntax
		}
		digits = strings.ReplaceAll(digits, "_", "")
	}
	n, ok := new(big.Int).SetString(digits, base)
	if !ok || strings.HasPrefix(digits, "+") || strings.HasPrefix(digits, "-") || n.BitLen() > value.MaxBits {
		return nil, strconv.ErrSyntax
	}
	if strings.HasPrefix(text, "-") {
		n.Neg(n)
	}
	return value.Shrink(n), nil
}

// floatOf reads a float as Python's float does.
func floatOf(text string) (float64, error) {
	text = strings.TrimFunc(text, value.IsSpace)
	if len(text) > value.MaxDigits {
		return 0, strconv.ErrSyntax
	}
	text = strings.ToLower(text)
	switch strings.TrimLeft(text, "+-") {
	case "inf", "infinity", "nan":
		return strconv.ParseFloat(text, 64)
	}
	if strings.Trim(text, "0123456789+-.e_") != "" || strings.Contains(text, "__") {
		return 0, strconv.ErrSyntax
	}
	for i := range len(text) {
		if text[i] == '_' && (i == 0 || i == len(text)-1 || text[i-1] < '0' || text[i-1] > '9' || text[i+1] < '0' || text[i+1] > '9') {
			return 0, strconv.ErrSyntax
		}
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(text, "_", ""), 64)
	if math.IsInf(f, 0) {
		err = nil
	}
	return f, err
}

// maxPrecision is how many places round knows; a float has no more.
const maxPrecision = 330

func roundFilter(r *value.Budget, v value.Value, args Arguments[value.Value]) (value.Value, error) {
	n, ok := value.ToNumber(v)
	if !ok {
		return nil, value.Unfit("rounding", v)
	}
	precision, err := whole(args, 0, 0)
	if err != nil {
		return nil, err
	}
	method, err := words(r, args, 1, "common")
	if err != nil {
		return nil, err
	}
	precision = max(-maxPrecision, min(precision, maxPrecision))
	switch method {
	case "common":
		return roundHalf(r, n, precision)
	case "ceil", "floor":
	default:
		return nil, value.Faultf("use 'common', 'ceil' or 'floor'", "there is no method %s to round", value.QuoteAll([]value.Value{method}))
	}
	// As in Jinja: the value is scaled, cut and scaled back.
	scale, err := r.Operate("**", int64(10), int64(precision))
	if err != nil {
		return nil, err
	}
	scaled, err := r.Operate("*", n, scale)
	if err != nil {
		return nil, err
	}
	if f, ok := scaled.(float64); ok {
		cut := math.Floor(f)
		if method == "ceil" {
			cut = math.Ceil(f)
		}
		if math.IsNaN(cut) || math.IsInf(cut, 0) {
			return nil, value.Faultf("use smaller numbers", "%s cannot be rounded", value.NumberText(cut))
		}
		whole, _ := big.NewFloat(cut).Int(nil)
		scaled = value.Shrink(whole)
	}
	return r.Operate("/", scaled, scale)
}

// roundHalf rounds to the nearest number of so many places, halves to the even one.
func roundHalf(r *value.Budget, n value.Value, precision int) (value.Value, error) {
	f, isFloat := n.(float64)
	if isFloat && precision >= 0 {
		rounded, err := strconv.ParseFloat(strconv.FormatFloat(f, 'f', precision, 64), 64)
		return rounded, err
	}
	if !isFloat && precision >= 0 || isFloat && (math.IsNaN(f) || math.IsInf(f, 0)) {
		return n, nil
	}
	exactly := new(big.Rat)
	if isFloat {
		exactly.SetFloat64(f)
	} else {
		exactly.SetInt(value.Grow(n))
	}
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(-precision)), nil)
	text := exactly.Quo(exactly, new(big.Rat).SetInt(unit)).Num()
	quotient, rest := new(big.Int).DivMod(text, exactly.Denom(), new(big.Int))
	half := new(big.Int).Lsh(rest, 1).Cmp(exactly.Denom())
	if half > 0 || half == 0 && quotient.Bit(0) == 1 {
		quotient.Add(quotient, big.NewInt(1))
	}
	rounded, err := r.Sized(quotient.Mul(quotient, unit))
	if err != nil || !isFloat {
		return rounded, err
	}
	back, err := value.ToFloat(rounded)
	return math.Copysign(back, f), err
}
