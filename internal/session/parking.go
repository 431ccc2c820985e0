package session

import (
	"cmp"
	"container/list"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"sync"
	"time"
)

// Reasons why a parked call is not to be had, besides ErrForged and ErrForeign.
var (
	// ErrChanged says that the token was given for another call.
	ErrChanged = errors.New("the call is not the one that the token was given for")
	// ErrExpired says that the answers came too late.
	ErrExpired = errors.New("the call has waited too long for answers")
	// ErrUsed says that the token was used before.
	ErrUsed = errors.New("the call was answered already")
	// ErrLost says that the call ended while it was parked, or was parked by another
	// instance, such as this one before it was restarted. It may have had effects.
	ErrLost = errors.New("the call is no longer there")
	// ErrCrowded says that no further call can be parked now.
	ErrCrowded = errors.New("too many calls wait for answers")
)

const (
	// maxPerCaller and maxParked are how many calls may wait where the options do not say.
	maxPerCaller, maxParked = 64, 4096
	// maxGone is of how many calls it is known that they ended while they were parked.
	maxGone = 1024
)

// ParkingOptions configures a Parking.
type ParkingOptions struct {
	// Sealer makes and checks the tokens.
	Sealer *Sealer
	// Instance tells this instance's tokens from those of others.
	Instance string
	// Patience is how long a call waits for answers.
	Patience time.Duration
	// PerCaller is how many calls of one caller may wait at once: 64 unless it is set.
	PerCaller int
	// Max is how many calls may wait in all: 4096 unless it is set.
	Max int
}

// A Parking holds calls that wait for answers of their clients, under tokens that
// the clients bring back. Each token is good once, for the caller and the call it
// was made for, until it expires. Its methods may be called concurrently.
type Parking[T any] struct {
	ParkingOptions

	// ctx is the parent of what runs on for parked calls.
	ctx context.Context
	end context.CancelFunc
	// running counts what Go started, and the timer while it is set.
	running sync.WaitGroup

	mu sync.Mutex
	// places are those of calls that wait, and of those that ended instead, so that
	// who comes for one is told.
	places map[parkingID]*place[T]
	// order holds those that wait, the one that expires first in front, and gone the
	// others, oldest first.
	order, gone list.List
	// timer is set for the front while there is one, nil otherwise.
	timer *time.Timer
	// waiting is how many calls wait, of each caller and in all.
	waiting map[string]int
	total   int
	// draining says that nothing is parked any more, closed that nothing runs either.
	draining, closed bool
}

type parkingID [16]byte

// A place is where one call is parked.
type place[T any] struct {
	id      parkingID
	caller  string
	call    T
	until   time.Time
	expired chan struct{}
	element *list.Element
	// left says that the call has ended.
	left bool
}

// A Slot is what the owner of a parked call has in hand.
type Slot struct {
	// Token is what the client brings back.
	Token string
	// Expired is closed when nobody came for the call in time, or it has left.
	Expired <-chan struct{}

	id parkingID
}

// NewParking returns an empty Parking. Close ends it.
func NewParking[T any](ctx context.Context, o ParkingOptions) *Parking[T] {
	o.PerCaller, o.Max = cmp.Or(o.PerCaller, maxPerCaller), cmp.Or(o.Max, maxParked)
	ctx, end := context.WithCancel(ctx) //nolint:gosec // Close calls it
	return &Parking[T]{ParkingOptions: o, ctx: ctx, end: end, places: map[parkingID]*place[T]{}, waiting: map[string]int{}}
}

// Go runs what serves a call that may be parked. The context ends with the Parking;
// once that is closed, run is called with the ended context before Go returns.
func (p *Parking[T]) Go(run func(ctx context.Context)) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		run(p.ctx)
		return
	}
	p.running.Go(func() { run(p.ctx) })
	p.mu.Unlock()
}

// Close ends what runs for parked calls and waits for it. Nothing is parked afterwards.
func (p *Parking[T]) Close() {
	p.end()
	p.mu.Lock()
	p.closed = true
	p.disarm()
	p.mu.Unlock()
	p.running.Wait()
}

// Drain lets every parked call expire and parks no further one.
func (p *Parking[T]) Drain() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.draining = true
	for at := p.front(); at != nil; at = p.front() {
		p.expire(at)
	}
}

// Park holds a call for a caller. Digest says what the token is good for: the
// method, the name and the arguments of the call. The error is ErrCrowded, or
// ErrLost once the Parking is closed.
func (p *Parking[T]) Park(caller string, digest []byte, call T) (Slot, error) {
	at := &place[T]{caller: caller, call: call, until: time.Now().Add(p.Patience), expired: make(chan struct{})}
	// Read never fails (crypto/rand).
	_, _ = rand.Read(at.id[:])
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed || p.draining:
		return Slot{}, ErrLost
	case p.waiting[caller] >= p.PerCaller || p.total >= p.Max:
		return Slot{}, ErrCrowded
	}
	p.places[at.id] = at
	p.waiting[caller]++
	p.total++
	at.element = p.order.PushBack(at)
	if p.timer == nil {
		p.arm()
	}
	return Slot{Token: p.seal(at, digest), Expired: at.expired, id: at.id}, nil
}

// Leave takes a call out that has ended otherwise. It reports false when a client
// has come for it already, and true again when it is called again.
func (p *Parking[T]) Leave(s Slot) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := p.places[s.id]
	if at == nil || at.left {
		select {
		case <-s.Expired:
			return true
		default:
			return false
		}
	}
	p.expire(at)
	var none T
	at.call, at.left = none, true
	p.places[at.id] = at
	at.element = p.gone.PushBack(at)
	if p.gone.Len() > maxGone {
		p.forget(p.gone.Front().Value.(*place[T])) //nolint:errcheck // the list holds nothing else
	}
	return true
}

// Take takes the call of a token out. The error is ErrForged, ErrForeign,
// ErrChanged, ErrExpired, ErrUsed or ErrLost.
func (p *Parking[T]) Take(token, caller string, digest []byte) (T, error) {
	var none T
	t, err := p.open(token)
	switch {
	case err != nil:
		return none, err
	case t.caller != fingerprintOf(caller):
		return none, ErrForeign
	case t.digest != fingerprintOf(digest):
		return none, ErrChanged
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	at, now := p.places[t.id], time.Now()
	switch {
	case at != nil && at.left && now.Before(at.until):
		return none, ErrLost
	case at != nil && at.left:
		p.forget(at)
		return none, ErrExpired
	case at != nil && !now.Before(at.until):
		p.expire(at)
		return none, ErrExpired
	case at != nil:
		p.remove(at)
		return at.call, nil
	case !now.Before(t.until):
		return none, ErrExpired
	case t.instance != p.Instance || p.draining:
		return none, ErrLost
	}
	return none, ErrUsed
}

// Len returns how many calls wait.
func (p *Parking[T]) Len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.total
}

// What follows is called with the lock held.

// remove takes the place of a call away that waits, and with the last one the timer.
func (p *Parking[T]) remove(at *place[T]) {
	p.total--
	if p.waiting[at.caller]--; p.waiting[at.caller] == 0 {
		delete(p.waiting, at.caller)
	}
	delete(p.places, at.id)
	p.order.Remove(at.element)
	if p.order.Len() == 0 {
		p.disarm()
	}
}

// expire takes the place of a call away for which nobody came, and tells its owner.
func (p *Parking[T]) expire(at *place[T]) {
	p.remove(at)
	close(at.expired)
}

// forget takes the place of a call away that has left.
func (p *Parking[T]) forget(at *place[T]) {
	delete(p.places, at.id)
	p.gone.Remove(at.element)
}

func (p *Parking[T]) front() *place[T] {
	if p.closed || p.order.Len() == 0 {
		return nil
	}
	return p.order.Front().Value.(*place[T]) //nolint:errcheck // the list holds nothing else
}

// arm sets the timer for the front, if there is one.
func (p *Parking[T]) arm() {
	at := p.front()
	if at == nil {
		return
	}
	p.running.Add(1)
	p.timer = time.AfterFunc(time.Until(at.until), func() {
		defer p.running.Done()
		p.mu.Lock()
		defer p.mu.Unlock()
		for at := p.front(); at != nil && !time.Now().Before(at.until); at = p.front() {
			p.expire(at)
		}
		p.disarm()
		p.arm()
	})
}

func (p *Parking[T]) disarm() {
	if p.timer != nil && p.timer.Stop() {
		p.running.Done()
	}
	p.timer = nil
}

// A ticket is what the token of a parked call holds.
type ticket struct {
	id       parkingID
	until    time.Time
	caller   fingerprint
	digest   fingerprint
	instance string
}

// forCall keeps the tokens of calls apart from all others.
var forCall = []byte("parked call")

func (p *Parking[T]) seal(at *place[T], digest []byte) string {
	plain := make([]byte, 0, 96)
	plain = binary.BigEndian.AppendUint64(plain, uint64(at.until.UnixMilli()))
	plain = append(plain, at.id[:]...)
	caller, bound := fingerprintOf(at.caller), fingerprintOf(digest)
	plain = append(append(plain, caller[:]...), bound[:]...)
	return p.Sealer.Seal(append(plain, p.Instance...), forCall)
}

func (p *Parking[T]) open(token string) (ticket, error) {
	var t ticket
	plain, err := p.Sealer.Open(token, forCall)
	if err != nil || len(plain) < 8+3*16 {
		return t, ErrForged
	}
	t.until, plain = time.UnixMilli(int64(binary.BigEndian.Uint64(plain))), plain[8:] //nolint:gosec // sealed by us
	t.id, plain = parkingID(plain), plain[16:]
	t.caller, plain = fingerprint(plain), plain[16:]
	t.digest, t.instance = fingerprint(plain), string(plain[16:])
	return t, nil
}
