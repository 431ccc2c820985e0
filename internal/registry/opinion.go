package registry

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/signature"
	"github.com/sumun-mcp/sumun/trust"
)

// Taken is what was last taken over of a feed.
type Taken struct {
	// Source is where it comes from: its URL or file in trust.feeds; of one that was imported by hand "key:" and the id of its key.
	Source string `json:"source"`
	// Keys are the ids of the keys that had signed it, Digest that of its canonical form.
	Keys   []string `json:"keys"`
	Digest string   `json:"digest"`
	// Weight is how much of a score is theirs, in percent, for one that was imported by hand.
	Weight int `json:"weight,omitempty"`
	// Fetched is when it was taken over, ETag what its server calls that state of it.
	Fetched time.Time `json:"fetched"`
	ETag    string    `json:"etag,omitempty"`
	// Feed is what it says.
	Feed *Feed `json:"feed"`
}

// byHand begins the source of a feed that was imported.
const byHand = keyPrefix

// Follows returns an error if a feed may not take the place of what was taken over before, of any source: its number is lower than one that
// the same key has signed, or the same and its words are others, or its issuer is another one. Again reports that it is the same as the one
// of its source.
func (t *Taken) Follows(before []Taken) (again bool, err error) {
	for i := range before {
		b := &before[i]
		if !slices.ContainsFunc(t.Keys, func(id string) bool { return slices.Contains(b.Keys, id) }) {
			continue
		}
		switch {
		case t.Feed.Issuer != b.Feed.Issuer:
			return false, refuse(OtherIssuer, "it is the feed of %.80q; what this key has signed before was that of %.80q", t.Feed.Issuer, b.Feed.Issuer)
		case t.Feed.Issue < b.Feed.Issue:
			return false, refuse(signature.Replayed, "it is number %d; number %d was seen before", t.Feed.Issue, b.Feed.Issue)
		case t.Feed.Issue == b.Feed.Issue && t.Digest != b.Digest:
			return false, refuse(Forked, "it is number %d, and another feed had this number", t.Feed.Issue)
		}
		again = again || t.Source == b.Source && t.Digest == b.Digest && t.Weight == b.Weight
	}
	return again, nil
}

// Take takes a feed over: what it says counts from now on. The error of one that is refused is an *signature.Error.
func (r *Registry) Take(ctx context.Context, text []byte, d *Demand, from Taken) (*Taken, error) {
	feed, by, err := d.Read(text)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(feed)
	if err != nil {
		return nil, fmt.Errorf("reading the feed: %w", err)
	}
	slices.Sort(by)
	from.Feed, from.Keys, from.Fetched = feed, by, d.Now.UTC().Truncate(time.Second)
	if from.Digest, err = digest(body); err != nil {
		return nil, err
	}
	if from.Source == "" {
		from.Source = byHand + by[0]
	}
	if err := r.Store.PutFeed(ctx, &from); err != nil {
		return nil, err
	}
	_, err = r.load(ctx)
	return &from, err
}

func digest(document []byte) (string, error) {
	text, err := trust.Canonical(document)
	if err != nil {
		return "", fmt.Errorf("reading the feed: %w", err)
	}
	sum := sha256.Sum256(text)
	return "sha256:" + hex.EncodeToString(sum[:]), nil
}

// An opinion is what a feed says of one server.
type opinion struct {
	from   *Taken
	scored *Scored
}

// opinionsOf returns what feeds say, by the servers.
func opinionsOf(feeds []Taken) map[string][]opinion {
	all := map[string][]opinion{}
	for i := range feeds {
		for j := range feeds[i].Feed.Servers {
			s := &feeds[i].Feed.Servers[j]
			id := IDOf(s.Target)
			all[id] = append(all[id], opinion{from: &feeds[i], scored: s})
		}
	}
	return all
}

// weight returns how much of a score a feed has, in percent: what mcp.yaml says of one that stands there, else what was said when it was
// imported. One that does not hold any more has none.
func (r *Registry) weight(t *Taken, now time.Time) int {
	if !now.Before(t.Feed.Expires) {
		return 0
	}
	if strings.HasPrefix(t.Source, byHand) {
		return t.Weight
	}
	if c := r.config(); c != nil {
		for i := range c.Trust.Feeds {
			if c.Trust.Feeds[i].URL == t.Source {
				return c.Trust.Feeds[i].Weight
			}
		}
	}
	return 0
}

// verdict returns what is thought of a server, by ourselves and by the feeds that hold.
func (r *Registry) verdict(e *Entry) trust.Verdict {
	v, now := e.own(), time.Now()
	for _, o := range r.now.Load().opinions[e.ID] {
		w := r.weight(o.from, now)
		if w == 0 || o.scored.Version != "" && e.Version != "" && o.scored.Version != e.Version {
			continue
		}
		points := int(math.Round(float64((o.scored.Score-v.Score)*w) / 100))
		text := fmt.Sprintf("feed %s gives it %d (%s), which counts for %d %%", short(o.from.Feed.Issuer), o.scored.Score, o.scored.label(), w)
		v = with(v, trust.Reason{Points: points, Text: text})
	}
	return v
}

// label is the verdict of a feed in words.
func (s *Scored) label() string {
	text := "unknown"
	if s.Tier > 0 {
		text = fmt.Sprintf("Tier %d", s.Tier)
	}
	if s.Malicious {
		text += "-Malicious"
	}
	return text
}

// Score returns the score of a server at a target: from 0 to 100.
func (r *Registry) Score(target string) int {
	if r == nil {
		return 0
	}
	e := r.now.Load().byID[IDOf(target)]
	if e == nil {
		e = &Entry{ID: IDOf(target), Target: target}
	}
	return r.verdict(e).Score
}

// ReplicaScore returns the score of a replica of a server of mcp.yaml, as SERVER or SERVER/NUMBER, counted from 1. What is none, such as our own
// servers, has the best.
func (r *Registry) ReplicaScore(name string) int {
	server, number, _ := strings.Cut(name, "/")
	c := r.config()
	if c == nil {
		return 100
	}
	s := configured(c, server)
	if s == nil {
		return 100
	}
	n, err := strconv.Atoi(cmp.Or(number, "1"))
	all := identities(s)
	if err != nil || n < 1 || n > len(all) {
		return 0
	}
	return r.Score(all[n-1].Target)
}

// failed tells that a feed was not taken over; the one before holds until it ends.
func (r *Registry) failed(ctx context.Context, source string, err error) {
	reason := "unreachable"
	if refused, ok := errors.AsType[*signature.Error](err); ok {
		reason = string(refused.Reason)
	}
	r.Log.WarnContext(ctx, "a feed is not taken over; the one before holds until it ends", slog.String("feed", source), slog.String("reason", reason), slog.Any("error", err))
}
