package record

import (
	"cmp"
	"encoding/json"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// severities are those of CEF, 0 to 10, by the outcome.
var severities = map[string]string{"ok": "1", "tool-error": "3", "error": "4", "refused": "6"}

// What CEF wants escaped: in the header the bar, in the extension the equals sign, in both
// the backslash. Line breaks may stand in the extension only, as letters.
var (
	inHeader    = strings.NewReplacer(`\`, `\\`, `|`, `\|`)
	inExtension = strings.NewReplacer(`\`, `\\`, `=`, `\=`)
)

// header returns text as a field of the header.
func header(s string) string { return inHeader.Replace(word(s)) }

// extension returns text as a value of the extension.
func extension(s string) string {
	lines := strings.Split(strings.ReplaceAll(s, "\r", "\n"), "\n")
	for i, line := range lines {
		lines[i] = inExtension.Replace(visible(line))
	}
	return strings.Join(lines, `\n`)
}

// A cef is a line of the Common Event Format in the making.
type cef struct{ line strings.Builder }

// add adds a pair to the extension unless the value is empty.
func (c *cef) add(key, value string) {
	if value != "" {
		c.line.WriteString(" " + key + "=" + extension(value))
	}
}

// CEF returns a record as one line of the Common Event Format.
func (e *Entry) CEF() string {
	what := cmp.Or(e.Text("event"), e.Text("method"), "message")
	var c cef
	c.line.WriteString("CEF:0|Sumun|Sumun|1|" + header(what) + "|" + header(what+" "+cmp.Or(e.Text("name"), e.Text("subject"))) + "|" +
		cmp.Or(severities[e.Text("outcome")], "5") + "|")
	c.line.WriteString("rt=" + strconv.FormatInt(e.Time().UnixMilli(), 10) + " cn1Label=seq cn1=" + strconv.FormatInt(e.Seq, 10))
	c.add("externalId", e.Text("id"))
	c.add("suser", cmp.Or(e.Text("caller"), e.Text("actor")))
	c.source(e.Text("remote"))
	c.add("app", e.Text("transport"))
	c.add("requestClientApplication", e.Text("client"))
	c.add("destinationServiceName", e.Text("server"))
	c.add("request", e.Text("name"))
	c.labelled("cs1", "subject", e.Text("subject"))
	c.labelled("cs2", "detail", e.json("detail"))
	c.labelled("cs3", "findings", e.json("findings"))
	c.labelled("cs4", "approval", e.Text("approval"))
	c.add("outcome", e.Text("outcome"))
	c.add("reason", e.Text("reason"))
	c.add("msg", e.Text("error"))
	c.add("cnt", e.Text("count"))
	return c.line.String()
}

// labelled adds a pair whose key means what its label says.
func (c *cef) labelled(key, label, value string) {
	if value != "" {
		c.add(key+"Label", label)
		c.add(key, value)
	}
}

// source adds where a call came from. CEF has one key for addresses of IPv4 and another
// for those of IPv6.
func (c *cef) source(remote string) {
	host, port, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.Is6() && !addr.Is4In6() {
		c.labelled("c6a2", "Source IPv6 Address", host)
	} else {
		c.add("src", host)
	}
	c.add("spt", port)
}

// json returns a member that is no text, as JSON.
func (e *Entry) json(member string) string {
	v, ok := e.Members[member]
	if !ok {
		return ""
	}
	text, err := json.Marshal(v)
	if err != nil { // it was read from JSON
		return ""
	}
	return string(text)
}
