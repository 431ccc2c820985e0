package approve

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"
)

// A memory is a store in memory, which several instances may share and which can be out of reach.
type memory struct {
	mu         sync.Mutex
	down       bool
	requests   []Request
	remembered []Remembered
}

var errDown = errors.New("out of reach")

func (m *memory) fall(down bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.down = down
}

// do does something with the store, unless it is out of reach.
func (m *memory) do(do func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down {
		return errDown
	}
	return do()
}

func (m *memory) find(id string) *Request {
	i := slices.IndexFunc(m.requests, func(r Request) bool { return r.ID == id })
	if i < 0 {
		return nil
	}
	return &m.requests[i]
}

func (m *memory) AddApproval(_ context.Context, r *Request) error {
	return m.do(func() error {
		m.requests = append(m.requests, *r)
		return nil
	})
}

func (m *memory) SettleApproval(_ context.Context, id string, s *Settlement) (r Request, err error) {
	err = m.do(func() error {
		found := m.find(id)
		if found == nil {
			return ErrUnknown
		}
		if err := found.Refuses(s); err != nil {
			r = *found
			return err
		}
		found.State, found.Decision = s.State, s.Decision
		r = *found
		if s.Remember == nil {
			return nil
		}
		s.Remember.Subject = r.Subject
		m.remembered = append(m.remembered, *s.Remember)
		for i := range m.requests {
			if other := &m.requests[i]; other.Subject == r.Subject && other.State == Waiting {
				other.State, other.Decision = s.State, s.Decision
			}
		}
		return nil
	})
	return r, err
}

func (m *memory) filter(keep func(r *Request) bool) (all []Request, err error) {
	err = m.do(func() error {
		for i := range m.requests {
			if keep(&m.requests[i]) {
				all = append(all, m.requests[i])
			}
		}
		return nil
	})
	return all, err
}

func (m *memory) WaitingApprovals(context.Context) ([]Request, error) {
	return m.filter(func(r *Request) bool { return r.State == Waiting })
}

func (m *memory) SettledApprovals(_ context.Context, instance string, since time.Time) ([]Request, error) {
	return m.filter(func(r *Request) bool {
		return r.State != Waiting && r.Instance == instance && !r.Asked.Before(since)
	})
}

func (m *memory) BeatApprovals(_ context.Context, instance string) error {
	return m.do(func() error {
		for i := range m.requests {
			if r := &m.requests[i]; r.Instance == instance && r.State == Waiting {
				r.Beat++
			}
		}
		return nil
	})
}

func (m *memory) RecallApproval(_ context.Context, s Subject, now time.Time) (found Remembered, ok bool, err error) {
	err = m.do(func() error {
		for _, r := range m.remembered {
			if r.Subject == s && (r.Expires.IsZero() || now.Before(r.Expires)) {
				found, ok = r, true
			}
		}
		return nil
	})
	return found, ok, err
}

func (m *memory) RememberedApprovals(context.Context, time.Time) (all []Remembered, err error) {
	err = m.do(func() error {
		all = slices.Clone(m.remembered)
		return nil
	})
	return all, err
}

func (m *memory) ForgetApproval(_ context.Context, id string) (found Remembered, err error) {
	err = m.do(func() error {
		i := slices.IndexFunc(m.remembered, func(r Remembered) bool { return r.ID == id })
		if i < 0 {
			return ErrUnknown
		}
		found = m.remembered[i]
		m.remembered = slices.Delete(m.remembered, i, i+1)
		return nil
	})
	return found, err
}

// states returns how the requests stand, oldest first.
func (m *memory) states() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []string
	for _, r := range m.requests {
		all = append(all, strings.TrimSpace(string(r.State)+" "+r.Reason))
	}
	return strings.Join(all, "; ")
}
