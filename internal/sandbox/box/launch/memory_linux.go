package launch

import (
	"bytes"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// sum adds up what count tells of all processes of the box but this one.
func sum(count func(dir string) int64) (total int64) {
	dir, err := os.Open("/proc")
	if err != nil {
		return 0
	}
	defer func() { _ = dir.Close() }()
	names, _ := dir.Readdirnames(-1)
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil && pid != os.Getpid() {
			total += count("/proc/" + name)
		}
	}
	return total
}

// resident returns how many bytes of a process are in memory.
func resident(dir string) int64 {
	text, err := os.ReadFile(dir + "/statm") //nolint:gosec // a file of the kernel
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

// proportional returns how many bytes of a process are in memory that are no file's; what is shared counts in parts.
func proportional(dir string) (total int64) {
	text, err := os.ReadFile(dir + "/smaps_rollup") //nolint:gosec // as above
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(text) {
		name, rest, _ := bytes.Cut(line, []byte(":"))
		if field := string(name); field == "Pss_Anon" || field == "Pss_Shmem" {
			kib, _ := strconv.ParseInt(string(bytes.TrimSpace(bytes.TrimSuffix(bytes.TrimSpace(rest), []byte("kB")))), 10, 64)
			total += kib << 10
		}
	}
	return total
}

// shrink gives back the memory that held the program's own file while it was started: a launcher that waits needs little of it, and the
// kernel brings it back. What has been changed since it was read (by relocations) is not the file's any more and stays.
func shrink() {
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return
	}
	var start, end uint64
	for line := range strings.Lines(string(maps)) {
		fields := strings.Fields(line)
		switch {
		case len(fields) >= 2 && fields[0] == "Anonymous:" && fields[1] == "0" && start < end:
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, uintptr(start), uintptr(end-start), unix.MADV_DONTNEED)
		case len(fields) == 6 && !strings.HasSuffix(fields[0], ":"):
			start, end = 0, 0
			if strings.HasPrefix(fields[5], "/") && !strings.Contains(fields[1], "w") {
				start, end = span(fields[0])
			}
		}
	}
}

// span reads a range of addresses; it is empty if that is none.
func span(text string) (start, end uint64) {
	from, to, _ := strings.Cut(text, "-")
	start, err := strconv.ParseUint(from, 16, 64)
	if err != nil {
		return 0, 0
	}
	if end, err = strconv.ParseUint(to, 16, 64); err != nil {
		return 0, 0
	}
	return start, end
}
