package oauth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/sumun-mcp/sumun/internal/dial"
)

// answerBytes bounds one answer of an issuer.
const answerBytes = 256 << 10

// fetch asks the issuer for its keys.
func (s *source) fetch(ctx context.Context) ([]*key, error) {
	at := s.jwks
	if at == "" {
		s.mu.Lock()
		at = s.where
		s.mu.Unlock()
	}
	if at == "" {
		var err error
		if at, err = s.discover(ctx); err != nil {
			return nil, err
		}
	}
	data, err := s.get(ctx, at)
	var keys []*key
	if err == nil {
		keys, err = readKeys(data)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.where = at
	if err != nil {
		s.where = "" // they may have moved
		return nil, fmt.Errorf("the key set %s: %w", at, err)
	}
	return keys, nil
}

// discover asks the issuer's metadata where its keys are (OpenID Connect Discovery section 4, RFC 8414 section 3).
func (s *source) discover(ctx context.Context) (string, error) {
	u, err := url.Parse(s.issuer)
	if err != nil {
		return "", err
	}
	path := strings.TrimSuffix(u.EscapedPath(), "/")
	origin := u.Scheme + "://" + u.Host
	var errs []error
	for _, at := range []string{
		origin + path + "/.well-known/openid-configuration",
		origin + "/.well-known/oauth-authorization-server" + path,
	} {
		where, err := s.metadata(ctx, at)
		if err == nil {
			return where, nil
		}
		errs = append(errs, fmt.Errorf("the metadata %s: %w", at, err))
	}
	return "", errors.Join(errs...)
}

// metadata reads where the keys are in the metadata at an address.
func (s *source) metadata(ctx context.Context, at string) (string, error) {
	data, err := s.get(ctx, at)
	if err != nil {
		return "", err
	}
	var m struct {
		Issuer string `json:"issuer"`
		JWKS   string `json:"jwks_uri"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return "", err
	}
	if m.Issuer != s.issuer {
		return "", fmt.Errorf("they are those of %q, not of %q; write the issuer exactly as it calls itself", m.Issuer, s.issuer)
	}
	if !strings.HasPrefix(m.JWKS, "https://") && !strings.HasPrefix(s.issuer, "http://") {
		return "", fmt.Errorf("its jwks_uri %q is not an https URL", m.JWKS)
	}
	return m.JWKS, nil
}

func (s *source) get(ctx context.Context, at string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at, http.NoBody)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/json")
	resp, err := s.http.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // it was only read
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answers with the status %d", resp.StatusCode)
	}
	return dial.Read(resp.Body, answerBytes)
}
