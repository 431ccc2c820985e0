package alert

import (
	"fmt"
	"time"
)

// A flood counts the alerts of one kind: the first of a window are told by themselves, those that say the same again and all further
// ones together when the window ends.
type flood struct {
	since time.Time
	told  []*Alert // of this window
	held  int      // those that were not told
	last  *Alert   // the worst of them, the latest of these
}

// hold reports whether the alert is not to be told by itself. With full none is.
func (f *flood) hold(a *Alert, full bool) bool {
	if a.At.Sub(f.since) >= window && f.held == 0 {
		*f = flood{since: a.At}
	}
	if !full && len(f.told) < burst && !f.has(a) {
		f.told = append(f.told, a)
		return false
	}
	f.held++
	if f.last == nil || a.Severity >= f.last.Severity {
		f.last = a
	}
	return true
}

// has reports whether the same was told in this window.
func (f *flood) has(a *Alert) bool {
	for _, t := range f.told {
		if t.Server == a.Server && t.Subject == a.Subject && t.Text == a.Text && t.Severity == a.Severity {
			return true
		}
	}
	return false
}

// release returns one alert for all that were held, once their window is over, or at the end. Its counting begins anew with it.
func (f *flood) release(now time.Time, end bool) *Alert {
	if f.held == 0 || !end && now.Sub(f.since) < window {
		return nil
	}
	together := *f.last
	together.Count, together.At = f.held, now
	if f.held > 1 {
		together.Text = fmt.Sprintf("%s (and %d more alerts of this kind since %s)", f.last.Text, f.held-1, f.since.UTC().Format(time.TimeOnly))
	}
	*f = flood{since: now, told: []*Alert{f.last}}
	return &together
}
