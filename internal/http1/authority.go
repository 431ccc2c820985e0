package http1

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
)

// An Authority gives requests what proves who asks (RFC 9110 section 11.6.2), and is told when that is not accepted. It may be used
// concurrently.
type Authority interface {
	// Authorization returns the value of the header Authorization for a request; empty for none. On an error the request is not sent.
	Authorization(ctx context.Context) (string, error)
	// Refused is told of an answer that refuses a request (401, 403), the value that it was sent with, and whether that was the second
	// time. It says whether to send it once more, with what Authorization then returns, which is done once. An error takes the place of
	// the answer, whose body is not to be read.
	Refused(ctx context.Context, shown string, second bool, answer *http.Response) (again bool, err error)
}

// A RefusalError says that an Authority has nothing to show for a request, or nothing that is accepted: the other side did not begin
// with it.
type RefusalError struct{ Err error }

// Error returns the Authority's own message.
func (e *RefusalError) Error() string { return e.Err.Error() }

// Unwrap returns the Authority's own error.
func (e *RefusalError) Unwrap() error { return e.Err }

// IsRefusal reports whether a request was not made, or not accepted, for want of something to show.
func IsRefusal(err error) bool {
	_, ok := errors.AsType[*RefusalError](err)
	return ok
}

// As returns a Transport over the same connections whose requests show what the Authority gives. It need not be closed.
func (t *Transport) As(who Authority) *Transport { return &Transport{base: t, authority: who} }

// doAs makes a request that shows what the Authority gives, and once more where that is worth it.
func (t *Transport) doAs(ctx context.Context, r *Request) (*http.Response, error) {
	more := r.More
	return t.authorized(ctx, func(value string) (*http.Response, error) {
		if value != "" {
			r.More = append(slices.Clip(more), Field{Name: "Authorization", Value: value})
		}
		return t.base.Do(ctx, r)
	})
}

// roundTripAs does as doAs. A body that cannot be had again is sent only once.
func (t *Transport) roundTripAs(req *http.Request) (*http.Response, error) {
	first := true
	resp, err := t.authorized(req.Context(), func(value string) (*http.Response, error) { //nolint:contextcheck // it is in the request
		next := req.Clone(req.Context())
		if value != "" {
			next.Header.Set("Authorization", value)
		}
		if !first && hasBody(req) {
			if req.GetBody == nil {
				return nil, errors.New("the credential was renewed in mid-request, whose body cannot be sent again")
			}
			body, err := req.GetBody()
			if err != nil {
				return nil, fmt.Errorf("reading the body of a request again: %w", err)
			}
			next.Body = body
		}
		first = false
		return t.base.RoundTrip(next)
	})
	if first { // nothing was sent
		closeBody(req.Body)
	}
	return resp, err
}

// authorized sends a request with what the Authority gives, at most twice.
func (t *Transport) authorized(ctx context.Context, send func(value string) (*http.Response, error)) (*http.Response, error) {
	for again := false; ; {
		value, err := t.authority.Authorization(ctx)
		if err != nil {
			return nil, &RefusalError{err}
		}
		resp, err := send(value)
		if err != nil || resp.StatusCode != http.StatusUnauthorized && resp.StatusCode != http.StatusForbidden {
			return resp, err
		}
		wanted, err := t.authority.Refused(ctx, value, again, resp)
		if err == nil && (again || !wanted) {
			return resp, nil
		}
		_ = resp.Body.Close()
		if err != nil {
			return nil, &RefusalError{err}
		}
		again = true
	}
}
