package check

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/sumun-mcp/sumun/trust"
)

// local reports whether a server is started as a process, so that it has no surface of its own.
func local(s *trust.Subject) bool { return s.Transport == "stdio" }

// tried returns the first observation of a probe, nil if it was not tried.
func tried(s *trust.Subject, probe string) *trust.Observation {
	for i := range s.Observations {
		if s.Observations[i].Probe == probe {
			return &s.Observations[i]
		}
	}
	return nil
}

func accepted(s *trust.Subject, probe string) *trust.Observation {
	if o := tried(s, probe); o != nil && o.Accepted() {
		return o
	}
	return nil
}

// told returns what an observation shows, as evidence.
func told(o *trust.Observation) string {
	var b strings.Builder
	b.WriteString(o.Probe)
	if o.Target != "" {
		fmt.Fprintf(&b, " %s", o.Target)
	}
	if o.Status != 0 {
		fmt.Fprintf(&b, ": %d", o.Status)
	}
	if o.Code != 0 {
		fmt.Fprintf(&b, " (JSON-RPC %d)", o.Code)
	}
	return b.String()
}

func noAuthentication(s *trust.Subject, _ []*tool, say func(hit)) {
	if s.Authentication == trust.AuthNone && !local(s) && !s.Loopback {
		say(hit{message: "whoever reaches the server over the network may use it: it asks nobody who they are"})
	}
}

func localAuthentication(s *trust.Subject, _ []*tool, say func(hit)) {
	if s.Authentication == trust.AuthNone && !local(s) && s.Loopback {
		say(hit{message: "every program on this machine may use the server: it asks nobody who they are"})
	}
}

func staticAuthentication(s *trust.Subject, _ []*tool, say func(hit)) {
	if s.Authentication == trust.AuthStatic {
		say(hit{message: "the server asks for a credential that does not change by itself; who has once seen it may use it for ever"})
	}
}

func wrongCredentials(s *trust.Subject, _ []*tool, say func(hit)) {
	list := tried(s, trust.ProbeList)
	if o := accepted(s, trust.ProbeWrongCredentials); o != nil && list != nil && !list.Accepted() {
		say(hit{evidence: told(o), message: "the server asks for credentials, and takes any"})
	}
}

func openCall(s *trust.Subject, _ []*tool, say func(hit)) {
	if local(s) {
		return
	}
	for _, probe := range []string{trust.ProbeEmptyCall, trust.ProbeUnknownTool} {
		if o := accepted(s, probe); o != nil {
			say(hit{evidence: told(o), message: "tools can be called without credentials: the call was looked at, and not refused for who made it"})
			return
		}
	}
}

func noTLS(s *trust.Subject, _ []*tool, say func(hit)) {
	if !local(s) && !s.Loopback && !s.TLS {
		text := ""
		if o := tried(s, trust.ProbeCertificate); o != nil {
			text = o.Text
		}
		say(hit{evidence: text, message: "what is said to the server can be read and changed on the way: there is no TLS, or its certificate does not hold"})
	}
}

func foreignOrigin(s *trust.Subject, _ []*tool, say func(hit)) {
	if o := accepted(s, trust.ProbeForeignOrigin); o != nil && !local(s) {
		say(hit{evidence: told(o), message: "any page in a browser can use the server: the Origin of requests is not looked at"})
	}
}

// foreignHost concerns servers that a browser can be led to by a name that changes its address: those without TLS, which would notice.
func foreignHost(s *trust.Subject, _ []*tool, say func(hit)) {
	if o := accepted(s, trust.ProbeForeignHost); o != nil && !local(s) && (s.Loopback || !s.TLS) {
		say(hit{evidence: told(o), message: "the server answers under every name, so that a page can reach it by a name that changes its address (DNS rebinding)"})
	}
}

func badVersion(s *trust.Subject, _ []*tool, say func(hit)) {
	if o := accepted(s, trust.ProbeBadVersion); o != nil && !local(s) {
		say(hit{evidence: told(o), message: "the server answers in a revision of the protocol that there is not"})
	}
}

func duplicateMembers(s *trust.Subject, _ []*tool, say func(hit)) {
	if o := accepted(s, trust.ProbeDuplicateMembers); o != nil {
		say(hit{evidence: told(o), message: "the server takes messages in which a member stands twice, which others may read in another way"})
	}
}

var (
	// harmlessPath are paths that say no more than that a server is there.
	harmlessPath = regexp.MustCompile(`(?i)^/(health|healthz|livez|readyz|ready|live|ping|version|robots\.txt|favicon\.ico|\.well-known/.*)?/?$`)
	// tellingText are members and words that an operator's interface has, and a front page does not.
	tellingText = regexp.MustCompile(`(?i)("|_|\b)(prompts?|notes?|extra[_-]?\w+|init[_-]?url|inject\w*|config\w*|settings?|tools?|execution_tools|env\w*|logs?|sessions?|users?|nodes?|instances?|commands?|tokens?|keys?|secrets?)("|_)`)
	// steeringPath are paths that decide what tools or models are told.
	steeringPath = regexp.MustCompile(`(?i)(prompt|note|inject|instruct|init-?url|payload|override|push|telemetry)`)
)

// admin yields the paths of an operator's interface that anybody can read; steering says whether those are meant that decide what tools say.
func admin(steering bool) look {
	return func(s *trust.Subject, _ []*tool, say func(hit)) {
		if local(s) {
			return
		}
		none := tried(s, trust.ProbeNoPath)
		for i := range s.Observations {
			o := &s.Observations[i]
			if o.Probe != trust.ProbePath || o.Status < 200 || o.Status > 299 || harmlessPath.MatchString(o.Target) {
				continue
			}
			if none != nil && none.Status == o.Status && strings.TrimSpace(none.Text) == strings.TrimSpace(o.Text) {
				continue // the server says the same under every path
			}
			if steers := steeringPath.MatchString(o.Target); steers != steering || !steers && !tellingText.MatchString(o.Text) {
				continue
			}
			message := "an interface for operators is open to everybody"
			if steering {
				message = "who reaches the server can see, and may change, what its tools say: the path is open to everybody"
			}
			say(hit{where: trust.Place{Pointer: o.Target}, evidence: strings.TrimSpace(told(o) + " " + o.Text), message: message})
		}
	}
}
