package record

import (
	"context"
	"time"
)

// Erase erases payloads before a time.
func (b *Book) Erase(ctx context.Context, to string) error {
	return b.erase(ctx, Request{to: to}, time.Now())
}
