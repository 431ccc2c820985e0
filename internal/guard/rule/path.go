package rule

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"
)

// A Root holds paths below a directory.
type Root struct {
	// Under is the directory, absolute. It need not be there: a server may run on another machine.
	Under string
	// Relative has the server given what stands below Under. Otherwise it is given the absolute path, so that what it opens is what was
	// looked at, wherever it runs.
	Relative bool
}

// Faults of paths.
var (
	errLeaves   = errors.New("leads out of the directory that it must stay in")
	errHome     = errors.New("begins with ~, which stands for somebody's home directory")
	errDrive    = errors.New("names a drive")
	errURL      = errors.New("is a URL, not a path")
	errControl  = errors.New("has a control character, which no path needs")
	errText     = errors.New("is not UTF-8 once it is decoded")
	errEncoded  = errors.New("is encoded more often than a path can be")
	errDots     = errors.New("has a part of dots and blanks alone, which some systems read as the directory above")
	errLinks    = errors.New("goes through too many symbolic links")
	errUnknown  = errors.New("cannot be looked at, so that nobody knows where it leads")
	errTooLong  = errors.New("is longer than a path can be")
	errElsewise = errors.New("reads as a path out of its directory once other characters for / or . are taken for them")
)

const (
	// maxPath is how long a path may be, in bytes.
	maxPath = 4096
	// maxDecoding is how often a path may be percent-encoded.
	maxDecoding = 4
	// maxLinks is how many symbolic links a path may go through.
	maxLinks = 40
)

// Normalize returns the one path that is meant, or why it may not be used: it leads out of the directory, or not everybody reads it as a
// path within. Percent-encoding is undone, backslashes are slashes, . and .. and symbolic links are followed. A relative path begins at
// the directory.
func (r *Root) Normalize(text string) (string, error) {
	text, err := decode(text)
	if err != nil {
		return "", err
	}
	text = strings.ReplaceAll(text, `\`, "/")
	root := filepath.ToSlash(filepath.Clean(r.Under))
	if volume := filepath.VolumeName(root); volume != "" && len(text) >= len(volume) && strings.EqualFold(text[:len(volume)], volume) {
		text = root[:len(volume)] + text[len(volume):]
	} else if err := odd(text); err != nil {
		return "", err
	}
	clean, err := r.below(root, text)
	if err != nil {
		return "", err
	}
	if r.Relative { // "./~/x" is given as "~/x", which begins somewhere else
		if err := odd(clean); err != nil {
			return "", err
		}
	}
	if folded := twins.Replace(clean); folded != clean {
		if _, err := r.below(root, folded); err != nil {
			return "", errElsewise
		}
	}
	if r.Relative {
		return clean, nil
	}
	return filepath.Join(r.Under, filepath.FromSlash(clean)), nil
}

// decode undoes percent-encoding, as often as there is some.
func decode(text string) (string, error) {
	for range maxDecoding {
		if len(text) > maxPath {
			return "", errTooLong
		}
		next := text
		if strings.Contains(text, "%") {
			next = escaped.ReplaceAllStringFunc(text, func(s string) string {
				out, err := url.PathUnescape(s)
				if err != nil {
					return s
				}
				return out
			})
		}
		if next == text {
			return text, plain(text)
		}
		text = next
	}
	return "", errEncoded
}

var (
	escaped = regexp.MustCompile(`%[0-9a-fA-F]{2}`)
	// unicodeEscaped is how some servers of Microsoft wrote characters.
	unicodeEscaped = regexp.MustCompile(`%[uU][0-9a-fA-F]{4}`)
	drive          = regexp.MustCompile(`^/*[A-Za-z]:`)
	scheme         = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]+:/`)
)

// plain returns why a decoded path is no text.
func plain(text string) error {
	switch {
	case !utf8.ValidString(text):
		return errText
	case strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r >= 0x7F && r <= 0x9F }):
		return errControl
	case unicodeEscaped.MatchString(text):
		return errEncoded
	}
	return nil
}

// odd returns why a path is one that begins somewhere else.
func odd(text string) error {
	switch {
	case strings.HasPrefix(text, "~"):
		return errHome
	case drive.MatchString(text):
		return errDrive
	case scheme.MatchString(text):
		return errURL
	}
	for part := range strings.SplitSeq(text, "/") {
		if part != "." && part != ".." && part != "" && strings.Trim(part, ". ") == "" {
			return errDots
		}
	}
	return nil
}

// twins are characters that some programs take for slashes, backslashes and dots: in one of the forms of Unicode they are.
var twins = strings.NewReplacer(
	"\u2044", "/", "\u2215", "/", "\u29f8", "/", "\uff0f", "/",
	"\u2216", "/", "\u29f5", "/", "\u29f9", "/", "\ufe68", "/", "\uff3c", "/",
	"\u2024", ".", "\ufe52", ".", "\uff0e", ".", "\u2025", "..", "\ufe30", "..", "\u2026", "...", "\ufe19", "...",
	"\uff5e", "~", "\u02dc", "~", "\u223c", "~", "\uff1a", ":", "\ufe55", ":", "\ufe13", ":",
)

// below returns the path below the root that a path leads to, with slashes, as it is once links are followed.
func (r *Root) below(root, text string) (string, error) {
	if err := odd(text); err != nil && filepath.VolumeName(root) == "" {
		return "", err
	}
	if !path.IsAbs(text) && filepath.VolumeName(text) == "" {
		text = root + "/" + text
	}
	lexical, ok := within(root, path.Clean(text))
	home, err := follow(root)
	if err != nil {
		return "", err
	}
	if !ok { // it may be written by where the root really is
		if lexical, ok = within(home, path.Clean(text)); !ok {
			return "", errLeaves
		}
	}
	target, err := follow(path.Join(home, lexical))
	if err != nil {
		return "", err
	}
	clean, ok := within(home, target)
	if !ok {
		return "", errLeaves
	}
	return clean, nil
}

// within returns what of a clean path stands below a clean root, "." for the root itself.
func within(root, clean string) (string, bool) {
	if clean == root {
		return ".", true
	}
	return strings.CutPrefix(clean, strings.TrimSuffix(root, "/")+"/")
}

// follow returns where an absolute, clean path leads once symbolic links are followed: also one that is not there, or not wholly.
func follow(clean string) (string, error) {
	volume := filepath.VolumeName(clean)
	done, rest := volume+"/", strings.TrimPrefix(clean[len(volume):], "/")
	for links := 0; rest != ""; {
		part, after, _ := strings.Cut(rest, "/")
		next := path.Join(done, part)
		info, err := os.Lstat(filepath.FromSlash(next))
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return path.Join(next, after), nil
		case err != nil:
			return "", errUnknown
		case info.Mode()&fs.ModeSymlink == 0:
			done, rest = next, after
			continue
		}
		if links++; links > maxLinks {
			return "", errLinks
		}
		target, err := os.Readlink(filepath.FromSlash(next))
		if err != nil {
			return "", errUnknown
		}
		if target = filepath.ToSlash(target); !path.IsAbs(target) && filepath.VolumeName(target) == "" {
			target = done + "/" + target
		}
		// The target may have .. behind a link: its parts are followed one by one.
		done, rest = volume+"/", strings.TrimPrefix(unlinked(target, volume), "/")+"/"+after
		rest = strings.Trim(rest, "/")
	}
	return done, nil
}

// unlinked returns a path without its volume.
func unlinked(target, volume string) string { return strings.TrimPrefix(target, volume) }
