package config

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sumun-mcp/sumun/internal/document"
)

// Audit is what is kept of each call in the store, and how it is sealed.
type Audit struct {
	// Payloads is what is kept of arguments and results: hash keeps salted digests, full keeps both, none keeps neither.
	Payloads string `yaml:"payloads" enum:"hash full none"`
	// Retain is how long salts, arguments and results stay beside their records before they are erased: 24h to ten years. When absent they
	// stay. The records themselves always do.
	Retain time.Duration `yaml:"retain" min:"86400000000000" max:"315360000000000000"`
	// Sign signs the checkpoints of the record.
	Sign bool `yaml:"sign"`
	// KeyFile has the key that signs. When absent it lies beside the store, and is made where there is none. Instances that share a store
	// need one key.
	KeyFile string `yaml:"keyFile"`
	// Checkpoint is how long a record may wait until it is sealed by a checkpoint.
	Checkpoint time.Duration `yaml:"checkpoint" min:"10000000" max:"3600000000000"`
	// Durability says what an answer waits for: batch for nothing, since records are stored in batches a moment later; sync until its record
	// is stored so that not even a power failure takes it.
	Durability string `yaml:"durability" enum:"batch sync"`
	// Ship is where checkpoints are sent, so that they are out of reach of whoever can write here.
	Ship []Ship `yaml:"ship" list:"true"`
}

// A Ship is where checkpoints are sent: to one of file, syslog and url.
type Ship struct {
	// File is a file that a line is appended to for each checkpoint.
	File string `yaml:"file"`
	// Syslog is a collector of RFC 5424 messages: unix:///dev/log, udp://HOST:PORT, tcp://HOST:PORT or tls://HOST:PORT.
	Syslog string `yaml:"syslog" form:"syslog"`
	// URL is where each checkpoint is posted to, as JSON.
	URL string `yaml:"url" secret:"expanded" form:"page"`
	// Headers are sent with the post.
	Headers map[string]string `yaml:"headers" secret:"all" form:"line" key:"header"`
	// Every is how long after one checkpoint the next is sent at the earliest: the newest one then. A minute when absent.
	Every time.Duration `yaml:"every" min:"1000000000" max:"86400000000000"`
}

// Seal returns what cannot be changed while the gateway runs, to be compared: how the record is sealed, stored and shipped.
func (a Audit) Seal() string {
	a.Payloads, a.Retain = "", 0
	return fmt.Sprintf("%v", a)
}

func defaultAudit() Audit {
	return Audit{Payloads: "hash", Sign: true, Checkpoint: time.Second, Durability: "batch"}
}

// finishAudit makes paths absolute.
func (l *loader) finishAudit() {
	a := &l.config.Audit
	for _, path := range l.auditFiles() {
		if *path != "" {
			*path = document.Absolute(l.config.Dir, *path)
		}
	}
	for i := range a.Ship {
		if a.Ship[i].Every == 0 {
			a.Ship[i].Every = time.Minute
		}
	}
}

func (l *loader) auditFiles() []*string {
	a := &l.config.Audit
	files := []*string{&a.KeyFile}
	for i := range a.Ship {
		files = append(files, &a.Ship[i].File)
	}
	return files
}

// syslogPattern is what the address of a collector looks like.
const syslogPattern = `^(unix:///.+|(udp|tcp|tls)://(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]+):[0-9]{1,5})$`

// checkAudit wants one destination for each that is shipped to.
func (l *loader) checkAudit() {
	a := &l.config.Audit
	if a.KeyFile != "" && !a.Sign {
		l.Wrong("audit.keyFile", "is for nothing where nothing is signed", "remove audit.sign: false, or keyFile")
	}
	for i := range a.Ship {
		s, at := &a.Ship[i], fmt.Sprintf("audit.ship[%d]", i)
		var told []string
		for key, value := range map[string]string{"file": s.File, "syslog": s.Syslog, "url": s.URL} {
			if value != "" || l.Written(at+"."+key) {
				told = append(told, key)
			}
		}
		if len(told) != 1 {
			l.WrongKey(at, "names "+strconv.Itoa(len(told))+" places to ship to", "write one of file, syslog and url in each element")
		}
		if len(s.Headers) > 0 && s.URL == "" && !l.Written(at+".url") {
			l.WrongKey(at+".headers", "is for url", "remove it")
		}
		if u, err := url.Parse(s.Syslog); s.Syslog != "" && err == nil && u.Scheme != "unix" && !portLike(u.Port()) {
			l.Wrong(at+".syslog", fmt.Sprintf("%q has no port that there is", s.Syslog), "write it like tls://logs.example.com:6514")
		}
	}
}

// portLike reports whether text is the number of a port.
func portLike(text string) bool {
	return len(text) <= 5 && strings.Trim(text, "0123456789") == "" && text != "" && (len(text) < 5 || text <= "65535") && strings.Trim(text, "0") != ""
}
