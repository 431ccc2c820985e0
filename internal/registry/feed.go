package registry

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/signature"
	"github.com/sumun-mcp/sumun/trust"
)

// FeedType is the member format of feeds, and feedHeader the typ of the headers of their signatures.
const (
	FeedType   = "sumun.feed/v1"
	feedHeader = "mcp-trust-feed+jws"
)

// The bounds of a feed.
const (
	maxFeed        = 8 << 20
	maxFeedServers = 20_000
	longestFeed    = 400 * 24 * time.Hour
	// early is by how much the clocks of who signs and who reads may differ.
	early = 5 * time.Minute
)

// A Feed is what somebody thinks of servers, to be signed and handed to others.
type Feed struct {
	// Format is FeedType.
	Format string `json:"format"`
	// Issuer is the name of who says it, Issue the number of the feed: one with a lower number than was seen before is an old one.
	Issuer string `json:"issuer"`
	Issue  int64  `json:"issue"`
	// Issued and Expires are when it begins and ends to hold.
	Issued  time.Time `json:"issued"`
	Expires time.Time `json:"expires"`
	// Servers are those that it tells of, each once.
	Servers []Scored `json:"servers"`
}

// Scored is what a feed says of one server.
type Scored struct {
	// Target is where the server is reached; see [Identity]. A target means the same to everybody: it is a public URL, or a command without
	// files of a machine.
	Target string `json:"target"`
	// Version is that of which this is said; empty for any.
	Version string `json:"version,omitempty"`
	trust.Verdict
}

// Reasons for which a feed is refused, beside those of signatures.
const (
	// OtherIssuer: it is of another issuer than the one that is wanted, or than the key's before.
	OtherIssuer signature.Reason = "other-issuer"
	// Forked: two feeds have the same number.
	Forked signature.Reason = "forked"
)

func refuse(reason signature.Reason, format string, args ...any) error {
	return &signature.Error{Reason: reason, Text: fmt.Sprintf(format, args...)}
}

// Sign returns the feed as a JWS over its canonical form.
func (f *Feed) Sign(with ...*signature.Signer) ([]byte, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	text, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("writing the feed: %w", err)
	}
	return signature.Seal(feedHeader, text, with...)
}

// A Demand is what a feed has to be.
type Demand struct {
	// Keys are those that are trusted for it, by their ids.
	Keys map[string]signature.Key
	// Issuer is the name that it has to have; empty leaves it open.
	Issuer string
	// Now is the time at which it has to hold.
	Now time.Time
}

// Read reads a feed that holds now, and returns the ids of the trusted keys that have signed it. The error is an *signature.Error.
func (d *Demand) Read(text []byte) (*Feed, []string, error) {
	document, by, err := signature.Unseal(feedHeader, text, d.Keys, maxFeed)
	if err != nil {
		return nil, nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(document))
	decoder.DisallowUnknownFields()
	var f Feed
	if err := decoder.Decode(&f); err != nil {
		return nil, nil, refuse(signature.Malformed, "the feed cannot be read: %v", err)
	}
	if err := f.check(); err != nil {
		return nil, nil, refuse(signature.Malformed, "%v", err)
	}
	for _, id := range by {
		key := d.Keys[id]
		if err := key.Holds(f.Issued); err != nil {
			return nil, nil, err
		}
	}
	switch {
	case d.Issuer != "" && f.Issuer != d.Issuer:
		return nil, nil, refuse(OtherIssuer, "it is the feed of %.80q, not of %.80q", f.Issuer, d.Issuer)
	case d.Now.Add(early).Before(f.Issued):
		return nil, nil, refuse(signature.Early, "it holds from %s on", f.Issued.Format(time.RFC3339))
	case !d.Now.Before(f.Expires):
		return nil, nil, refuse(signature.Expired, "it has held until %s", f.Expires.Format(time.RFC3339))
	}
	return &f, by, nil
}

// check looks for what makes no sense.
func (f *Feed) check() error {
	switch {
	case f.Format != FeedType:
		return fmt.Errorf("the format of the feed is %.40q; %s is known", f.Format, FeedType)
	case strings.TrimSpace(f.Issuer) == "" || len(f.Issuer) > 200:
		return errors.New("the feed has no issuer, or one with more than 200 bytes")
	case f.Issue < 1 || f.Issue > 1<<53:
		return errors.New("the number of the feed has to be from 1 to 2^53")
	case f.Issued.IsZero() || !f.Issued.Before(f.Expires) || f.Expires.Sub(f.Issued) > longestFeed:
		return errors.New("the feed has to hold from one time to a later one, for 400 days at most")
	case len(f.Servers) > maxFeedServers:
		return fmt.Errorf("the feed tells of more than %d servers", maxFeedServers)
	}
	seen := make(map[string]bool, len(f.Servers))
	for i := range f.Servers {
		s := &f.Servers[i]
		switch {
		case s.Target == "" || s.Target != TargetOf(s.Target):
			return fmt.Errorf("server %d: the target %.80q is not written as targets are", i, s.Target)
		case seen[s.Target+"\n"+s.Version]:
			return fmt.Errorf("server %d: %.80q stands in the feed twice", i, s.Target)
		case s.Score < 0 || s.Score > 100 || s.Tier < 0 || s.Tier > 3 || len(s.Reasons) > maxReasons:
			return fmt.Errorf("server %d: its score is not from 0 to 100, its tier not from 0 to 3, or it has more than %d reasons", i, maxReasons)
		}
		seen[s.Target+"\n"+s.Version] = true
	}
	return nil
}

// IsPublic reports whether a target means the same on every machine: a URL whose host is no address of a private network, or a command
// without files of this machine.
func IsPublic(target string) bool {
	if !isURL(target) {
		return !slices.ContainsFunc(words(target), func(word string) bool {
			return strings.HasPrefix(word, "/") || strings.HasPrefix(word, `\`) || strings.Contains(word, "=/") || strings.Contains(word, `:\`)
		})
	}
	u, err := url.Parse(target)
	if err != nil || isLocal(target) || !strings.Contains(u.Hostname(), ".") && !strings.Contains(u.Hostname(), ":") || strings.HasSuffix(u.Hostname(), ".local") ||
		strings.HasSuffix(u.Hostname(), ".internal") || strings.HasSuffix(u.Hostname(), ".localhost") {
		return false
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return err != nil || addr.Unmap().IsGlobalUnicast() && !addr.Unmap().IsPrivate()
}

// Feed returns a feed, of which head has the issuer, the number and the times, with what this registry thinks of its servers itself: nothing of
// what feeds of others say goes on. Of targets that mean nothing elsewhere it tells only if all is set.
func (r *Registry) Feed(head Feed, all bool) *Feed {
	f := &head
	f.Format, f.Issued, f.Expires, f.Servers = FeedType, f.Issued.UTC().Truncate(time.Second), f.Expires.UTC().Truncate(time.Second), []Scored{}
	for i := range r.now.Load().Entries {
		e := &r.now.Load().Entries[i]
		if e.basis() == ByAddress || !all && !IsPublic(e.Target) {
			continue
		}
		f.Servers = append(f.Servers, Scored{Target: e.Target, Version: e.Version, Verdict: bounded(e.own())})
	}
	slices.SortFunc(f.Servers, func(a, b Scored) int { return cmp.Compare(a.Target, b.Target) })
	return f
}
