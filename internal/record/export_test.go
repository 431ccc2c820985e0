package record

import (
	"context"
	"time"
)

// EraseOld does what a gateway does each hour.
func (l *Log) EraseOld(ctx context.Context, to time.Time) { l.keeper.erase(ctx, to) }

// Erase erases payloads before a time.
func (b *Book) Erase(ctx context.Context, to string) error {
	return b.erase(ctx, Request{to: to}, time.Now())
}
