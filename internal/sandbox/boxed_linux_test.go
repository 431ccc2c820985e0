package sandbox

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// deeds are what the program of these tests can do in a box. Each says on standard output what it found out.
var deeds = map[string]func(args []string) (string, error){
	"echo": func([]string) (string, error) {
		text, err := io.ReadAll(os.Stdin)
		return string(text), err
	},
	"id": func([]string) (string, error) {
		status, err := os.ReadFile("/proc/self/status")
		said := []string{fmt.Sprintf("uid=%d gid=%d pid1=%t", os.Getuid(), os.Getgid(), os.Getpid() == 1)}
		for line := range strings.Lines(string(status)) {
			if strings.HasPrefix(line, "Cap") || strings.HasPrefix(line, "NoNewPrivs") {
				said = append(said, strings.Join(strings.Fields(line), ""))
			}
		}
		return strings.Join(said, " "), err
	},
	"env": func([]string) (string, error) { return strings.Join(os.Environ(), " "), nil },
	"read": func(args []string) (string, error) {
		text, err := os.ReadFile(args[0])
		return string(text), err
	},
	"write": func(args []string) (string, error) { return "written", os.WriteFile(args[0], []byte("hi"), 0o600) },
	"scratch": func([]string) (string, error) {
		dir, err := os.MkdirTemp("", "")
		if err != nil {
			return "", err
		}
		return strconv.Itoa(os.Getuid()), os.WriteFile(filepath.Join(dir, "file"), nil, 0o600)
	},
	"open": func(args []string) (string, error) {
		for _, name := range args {
			if f, err := os.Open(name); err == nil {
				_ = f.Close()
			}
		}
		return "opened", nil
	},
	"list": func(args []string) (string, error) {
		entries, err := os.ReadDir(args[0])
		var names []string
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return strings.Join(names, " "), err
	},
	"run": func(args []string) (string, error) {
		out, err := exec.Command(args[0], args[1:]...).Output()
		return strings.TrimSpace(string(out)), err
	},
	"drop": func(args []string) (string, error) { // a program that it wrote
		own, err := os.ReadFile("/proc/self/exe")
		if err == nil {
			err = os.WriteFile(args[0], own, 0o700)
		}
		if err != nil {
			return "", err
		}
		return "ran", exec.Command(args[0], "boxed", "echo").Run()
	},
	"dial": func(args []string) (string, error) {
		c, err := net.DialTimeout(args[0], args[1], 3*time.Second)
		if err != nil {
			return "", err
		}
		defer func() { _ = c.Close() }()
		_, _ = c.Write([]byte("ping"))
		said := make([]byte, 64)
		n, err := c.Read(said)
		return string(said[:n]), err
	},
	"talk": func(args []string) (string, error) { // to itself, through a unix socket
		l, err := net.Listen("unix", args[0])
		if err != nil {
			return "", err
		}
		defer func() { _ = l.Close() }()
		c, err := net.Dial("unix", args[0])
		if err != nil {
			return "", err
		}
		return "connected", c.Close()
	},
	"socket": func(args []string) (string, error) {
		var number [3]int
		for i, arg := range args {
			number[i], _ = strconv.Atoi(arg)
		}
		_, err := unix.Socket(number[0], number[1], number[2])
		return "a socket", err
	},
	"call": func(args []string) (string, error) {
		number, err := strconv.Atoi(args[0])
		if err != nil {
			return "", err
		}
		var room [256]byte
		if _, _, errno := unix.Syscall(uintptr(number), uintptr(unsafe.Pointer(&room)), 0, 0); errno != 0 {
			return "", errno
		}
		return "called", nil
	},
	"signal": func([]string) (string, error) { return "signalled", syscall.Kill(1, syscall.SIGKILL) },
	"exit":   func([]string) (string, error) { os.Exit(7); return "", nil },
	"wait": func([]string) (string, error) {
		fmt.Println("waiting")
		select {}
	},
	"orphan": func([]string) (string, error) { // leaves a child behind that leaves one behind
		cmd := exec.Command("/proc/self/exe", "boxed", "wait")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		if err := cmd.Start(); err != nil {
			return "", err
		}
		fmt.Println("waiting")
		select {}
	},
	"memory": func(args []string) (string, error) {
		size, err := strconv.Atoi(args[0])
		if err != nil {
			return "", err
		}
		room, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_SHARED)
		if err != nil {
			return "", err
		}
		for i := 0; i < len(room); i += 4096 {
			room[i] = 1
		}
		time.Sleep(2 * time.Second) // longer than it takes until somebody counts
		return "had it", nil
	},
	"fill": func(args []string) (string, error) {
		f, err := os.Create(filepath.Join(args[0], "full"))
		for n := 0; err == nil && n < 64; n++ {
			_, err = f.Write(make([]byte, 1<<20))
		}
		return "filled", err
	},
	"link": func(args []string) (string, error) {
		return "linked", errors.Join(os.Symlink(args[0], args[1]), os.Rename(args[1], args[2]))
	},
}

// boxed does one of the deeds and says how it went.
func boxed(args []string) int {
	said, err := deeds[args[0]](args[1:])
	if err != nil {
		fmt.Println("failed:", err)
		return 1
	}
	fmt.Println(said)
	return 0
}
