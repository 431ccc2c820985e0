package config

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/document"
)

// Health says when a replica of a server gets no calls, and how it is looked after.
type Health struct {
	// Interval is how often a replica that gets no calls is asked whether it is there, while its server is used. 0s never does.
	Interval time.Duration `yaml:"interval"`
	// Timeout is how long it may take to answer that.
	Timeout time.Duration `yaml:"timeout" min:"1000000"`
	// Failures is how many calls in a row must fail for a replica to be ejected.
	Failures int `yaml:"failures" min:"1" max:"1000"`
	// ErrorRate is the share of calls within half a minute, in percent, that must fail for the same. 0 leaves it out.
	ErrorRate int `yaml:"errorRate" min:"0" max:"100"`
	// Latency is how many times slower than the others a replica must be for the same. 0 leaves it out.
	Latency int `yaml:"latency" min:"0" max:"1000"`
	// Pause is how long an ejected replica gets no calls at first. It doubles each time, to five minutes at most.
	Pause time.Duration `yaml:"pause" min:"1000000" max:"300000000000"`
	// MaxEjected is the share of replicas, in percent, that may be ejected at once: if it were more, all are used.
	MaxEjected int `yaml:"maxEjected" min:"0" max:"100"`
}

// defaultHealth is what holds for replicas unless the file says otherwise.
func defaultHealth() Health {
	return Health{
		Interval: 10 * time.Second, Timeout: 2 * time.Second,
		Failures: 5, ErrorRate: 50, Latency: 4, Pause: 5 * time.Second, MaxEjected: 50,
	}
}

// A Route says where calls go whose name fits it. The key is the full name of a tool or prompt or a URI, with * for any characters;
// the most specific one counts.
type Route struct {
	// Name is the name or pattern.
	Name string `yaml:"-"`
	// Targets are the servers among which the calls are shared out, by their names. When absent they are the replicas of the server that
	// has the name.
	Targets []RouteTarget `yaml:"targets" key:"some"`
	// Strategy says how the calls are shared out: in turn, to the least busy target, to the less busy one of two that are drawn, or so
	// that a root or a key stays at one target.
	Strategy string `yaml:"strategy" enum:"round-robin least-pending random-two sticky:root sticky:key"`
	// Prefer is score for calls that go to the targets with the best score in the registry alone, as long as one of them can be used.
	Prefer string `yaml:"prefer" enum:"score"`
	// Failover lists servers that are used in this order while no target can be, as SERVER or SERVER:NAME.
	Failover []string `yaml:"failover" form:"word"`
	// Timeout is how long a call may stay silent, in place of tools.timeout of its server.
	Timeout time.Duration `yaml:"timeout" min:"0" max:"86400000000000"`
	// Retries is how often a call is made again at another replica, at most: where the first has not begun with it, or it may be made twice.
	Retries int `yaml:"retries" min:"0" max:"5"`
}

// A RouteTarget is one of the servers that calls are shared out among.
type RouteTarget struct {
	// Name is the target's key in the file: the server, unless server says otherwise.
	Name string `yaml:"-"`
	// Server is the name of a server, or of one replica as SERVER/NUMBER.
	Server string `yaml:"server" form:"word"`
	// Tool is what the server itself calls the tool or prompt: as in the name that is called, without the prefix, when absent.
	Tool string `yaml:"name" form:"word"`
	// Weight is the target's share of the calls, as compared with the others'.
	Weight int `yaml:"weight" min:"1" max:"1000000"`
}

// Begin makes r the route of that name.
func (r *Route) Begin(name string) {
	*r = Route{Name: name, Strategy: "round-robin", Retries: 2}
}

// Begin makes t the target of that name.
func (t *RouteTarget) Begin(name string) { *t = RouteTarget{Name: name, Server: name, Weight: 1} }

// mostReplicas bounds the replicas of one server.
const mostReplicas = 64

// checkReplicas wants addresses that differ and are of one kind.
func (l *loader) checkReplicas(p string, s *Server) {
	at := p + ".replicas"
	if !l.Written(at) || !l.OK(p+".url", at) {
		return
	}
	switch {
	case s.Command != "":
		l.WrongKey(at, "belongs to a server with a url", "remove it; maxSessions says how many processes of a command there may be")
		return
	case len(s.Replicas) >= mostReplicas:
		l.Wrong(at, fmt.Sprintf("are more than %d, url among them", mostReplicas), "leave some out")
		return
	}
	for i, one := range s.Replicas {
		here := fmt.Sprintf("%s[%d]", at, i)
		_, err := url.Parse(one)
		switch {
		case !l.OK(here):
		case err != nil:
			l.Wrong(here, forms["url"].Message, forms["url"].Hint)
		case one == s.URL || slices.Contains(s.Replicas[:i], one):
			l.Wrong(here, "stands here twice; url is the first replica", "remove it")
		case isSocket(one) != isSocket(s.URL):
			l.Wrong(here, "is reached in another way than url", "use URLs of one kind for all replicas")
		}
	}
}

// checkRouting wants targets that are there, each once, and one name for one tool.
func (l *loader) checkRouting() {
	for i := range l.config.Routing {
		r := &l.config.Routing[i]
		p := l.Element("routing", i)
		if r.Name == "" || strings.ContainsFunc(r.Name, func(c rune) bool { return c <= ' ' || c == 0x7f }) {
			l.WrongKey(p, "is no name and no pattern", "write the full name of a tool or prompt or a URI, with * for any characters")
		}
		if !l.OK(p) {
			continue
		}
		l.checkTargets(p, r)
	}
}

func (l *loader) checkTargets(p string, r *Route) {
	seen := map[string]bool{}
	for i := range r.Targets {
		t := &r.Targets[i]
		at := l.Element(p+".targets", i)
		whole, place := t.Server, at+".server"
		if t.Tool != "" {
			whole += ":" + t.Tool
		}
		if !l.Written(place) {
			place = at
		}
		if !l.OK(at, at+".server", at+".name") {
			continue
		}
		if t.Tool != "" && strings.Contains(r.Name, "*") {
			l.Wrong(at+".name", "a pattern stands for many names, which cannot all go to "+t.Tool, "remove it")
		}
		l.checkTarget(place, whole, seen)
	}
	for i, text := range r.Failover {
		if at := fmt.Sprintf("%s.failover[%d]", p, i); l.OK(at) {
			if _, tool, ok := strings.Cut(text, ":"); ok && strings.Contains(r.Name, "*") {
				l.Wrong(at, "a pattern stands for many names, which cannot all go to "+tool, "write the server alone")
			}
			l.checkTarget(at, text, seen)
		}
	}
}

// checkTarget wants a target, as SERVER or SERVER:NAME, to be there and not to have been seen.
func (l *loader) checkTarget(at, text string, seen map[string]bool) {
	server, _, _ := strings.Cut(text, ":")
	known := l.config.targets()
	switch {
	case !slices.Contains(known, server):
		l.WrongKey(at, fmt.Sprintf("there is no server %q", server), document.Suggest(server, known))
	case seen[text]:
		l.WrongKey(at, text+" stands here twice", "remove one")
	}
	seen[text] = true
}

// targets are the servers that calls can be sent to, and their replicas.
func (c *Config) targets() []string {
	var all []string
	for i := range c.Servers {
		s := &c.Servers[i]
		all = append(all, s.Name)
		for n := range s.Replicas {
			all = append(all, s.Name+"/"+strconv.Itoa(n+1))
		}
		if len(s.Replicas) > 0 {
			all = append(all, s.Name+"/"+strconv.Itoa(len(s.Replicas)+1))
		}
	}
	return all
}
