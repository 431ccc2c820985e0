package load

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// openers is how many connections open sessions at once.
const openers = 8

// handshake opens a legacy session on the client's connection and returns its id.
func (c *client) handshake(s Script) (string, error) {
	a, err := c.exchange(s.initialize())
	if err != nil {
		return "", fmt.Errorf("initialize: %w", err)
	}
	if a.status != 200 || !bytes.Contains(a.body, []byte(`"result":`)) {
		return "", fmt.Errorf("initialize: status %d: %.200s", a.status, a.body)
	}
	session := string(a.session)
	a, err = c.exchange(s.initialized(session))
	if err == nil && a.status != 202 {
		err = fmt.Errorf("status %d: %.200s", a.status, a.body)
	}
	if err != nil {
		return "", fmt.Errorf("notifications/initialized: %w", err)
	}
	return session, nil
}

// OpenSessions opens n legacy sessions over a few connections, leaves them open and returns their ids.
func OpenSessions(ctx context.Context, s Script, n int) ([]string, error) {
	sessions := make([]string, n)
	errs := make([]error, openers)
	var wg sync.WaitGroup
	for worker := range openers {
		wg.Go(func() {
			c := &client{addr: s.Addr}
			if errs[worker] = c.dial(ctx); errs[worker] != nil {
				return
			}
			defer func() { _ = c.conn.Close() }()
			for i := worker; i < n && errs[worker] == nil && ctx.Err() == nil; i += openers {
				if errs[worker] = c.extend(time.Now().Add(grace)); errs[worker] == nil {
					sessions[i], errs[worker] = c.handshake(s)
				}
			}
		})
	}
	wg.Wait()
	return sessions, cmp.Or(errors.Join(errs...), ctx.Err())
}

// CallIn makes one small call in a legacy session that is already open.
func CallIn(ctx context.Context, s Script, session string) error {
	c := &client{addr: s.Addr, id: firstID, msg: s.Call(session, Small())}
	if err := c.dial(ctx); err != nil {
		return err
	}
	defer func() { _ = c.conn.Close() }()
	return c.once()
}
