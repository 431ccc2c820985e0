package line

import (
	"bytes"
	"context"
	"maps"
	"net/http"

	"github.com/sumun-mcp/sumun/internal/wire"
)

// MediaJSON is the media type of one message.
const MediaJSON = "application/json"

// A Post takes messages that stand alone to a server: each is a request of HTTP and needs no line, and what answers it is the
// response. It may be used concurrently.
type Post struct{ Options }

// A Reply is the response to a message, whatever its status is.
type Reply struct {
	// Response is the answer of HTTP. Its body has been closed.
	Response *http.Response
	// Body is the body.
	Body []byte
}

// Ask sends a message and returns the reply. The error is [wire.ErrTooLong], or one of the way there and back.
func (p Post) Ask(ctx context.Context, message []byte) (*Reply, error) {
	resp, err := p.send(ctx, message, MediaJSON)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := wire.AppendAll(nil, resp.Body, resp.ContentLength, p.MaxMessage)
	if err != nil {
		return nil, err
	}
	return &Reply{resp, body}, nil
}

// Listen sends a message and hands the data of each event of the answer to take, which must not keep it, until that returns an error
// or the stream ends. It returns that error, [io.EOF] for a good end, and a *[StatusError] if the answer is no such stream.
func (p Post) Listen(ctx context.Context, message []byte, take func(data []byte) error) error {
	resp, err := p.send(ctx, message, MediaEvents+", "+MediaJSON)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || Media(resp.Header) != MediaEvents {
		return refusal(resp)
	}
	defer func() { _ = resp.Body.Close() }()
	for events := wire.NewEventReader(resp.Body, p.MaxMessage); ; {
		event, err := events.Next()
		if err != nil {
			return err
		}
		if len(event.Data) == 0 {
			continue
		}
		if err := take(event.Data); err != nil {
			return err
		}
	}
}

func (p Post) send(ctx context.Context, message []byte, accept string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.URL.String(), bytes.NewReader(message))
	if err != nil {
		return nil, addressless(err)
	}
	maps.Copy(r.Header, p.Header)
	r.Header.Set("Content-Type", MediaJSON)
	r.Header.Set("Accept", accept)
	client := &http.Client{Transport: p.RoundTripper, CheckRedirect: stay(p.URL)}
	resp, err := client.Do(r)
	if err != nil {
		return nil, addressless(err)
	}
	return resp, nil
}
