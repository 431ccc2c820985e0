package wire

import "testing"

// TestObject writes objects with members, without those that are none, and empty ones.
func TestObject(t *testing.T) {
	for want, o := range map[string]Object{
		`{}`:                        Object{}.Text("a", "").Member("b", nil),
		`{"a\"":"가","b":1.10}`:      Object{}.Text(`a"`, "가").Text("c", "").Member("b", []byte("1.10")),
		`{"b":{"":"x"},"c":[null]}`: Object(nil).Member("b", Object{}.Text("", "x").End()).Member("c", []byte("[null]")),
	} {
		members := string(o.Members())
		if got := string(o.End()); got != want || "{"+members+"}" != want {
			t.Errorf("End = %s and Members = %s, want %s", got, members, want)
		}
	}
}
