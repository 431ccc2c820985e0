package load

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestHistogramQuantiles(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var h histogram
	var all []time.Duration
	for range 50_000 {
		d := time.Duration(random.ExpFloat64() * float64(80*time.Microsecond))
		h.add(d)
		all = append(all, d)
	}
	slices.Sort(all)
	for _, share := range []float64{0.01, 0.5, 0.9, 0.99, 1} {
		want := all[int(share*float64(len(all)))-1]
		got := h.quantile(share)
		if got < want || float64(got) > float64(want)*1.04+1 {
			t.Errorf("quantile(%v) = %v, want %v and at most 4 %% more", share, got, want)
		}
	}
}

func TestHistogramBucketsAreContiguous(t *testing.T) {
	for i := range 40 << subBits {
		edge := upperEdge(i)
		if bucket(edge) != i || bucket(edge+1) != i+1 {
			t.Fatalf("bucket %d ends at %d, which lies in %d; the next value lies in %d", i, edge, bucket(edge), bucket(edge+1))
		}
	}
}

func TestHistogramMergeAndEdges(t *testing.T) {
	var a, b histogram
	if got := a.quantile(0.5); got != 0 {
		t.Errorf("quantile of nothing = %v, want 0", got)
	}
	a.add(-time.Second)
	b.add(time.Hour)
	a.merge(&b)
	if a.total != 2 || a.quantile(0.5) != 0 || a.quantile(1) < time.Hour {
		t.Errorf("merged: total %d, p50 %v, p100 %v", a.total, a.quantile(0.5), a.quantile(1))
	}
	a.add(1<<63 - 1)
	if a.quantile(1) < 100*365*24*time.Hour {
		t.Errorf("the longest duration counts as %v", a.quantile(1))
	}
}
