package pins

import (
	"strconv"
	"testing"
)

func TestOnce(t *testing.T) {
	var o Once
	if !o.First("a") || o.First("a") || !o.First("b") {
		t.Error("a thing is told twice, or never")
	}
	for i := range 2 * mostTold {
		o.First(strconv.Itoa(i))
	}
	if len(o.told) > mostTold {
		t.Errorf("%d are remembered", len(o.told))
	}
}
