package box

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
)

func available() (tier string, why error) {
	if why = try(Policy{}); why == nil {
		return Full, nil
	}
	if err := try(Policy{Lite: true}); err != nil {
		return "", errors.Join(fmt.Errorf("tier %s: %w", Full, why), fmt.Errorf("tier %s: %w", Lite, err))
	}
	return Lite, fmt.Errorf("tier %s: %w", Full, why)
}

// try sets a box up in which nothing runs.
func try(policy Policy) error {
	b, err := New(policy, Program{Dir: "/"}, Hooks{})
	if err != nil {
		return err
	}
	defer b.Close()
	cmd := &exec.Cmd{}
	b.Dress(cmd)
	if err := cmd.Start(); errors.Is(err, fs.ErrPermission) && !policy.Lite && os.Geteuid() == 0 && !runnable() {
		return errors.New("the user that boxed programs run as cannot run this program's file, which is their launcher: chmod a+rx it")
	} else if err != nil {
		return fmt.Errorf("this machine lets us make no namespaces (in a container the engine forbids that, elsewhere user.max_user_namespaces; "+
			"kernel.apparmor_restrict_unprivileged_userns on Ubuntu): %w", err)
	}
	err = b.Settle(cmd.Process.Pid)
	b.End()
	_ = cmd.Wait()
	return err
}

// runnable reports whether everybody may run this program's file.
func runnable() bool {
	status, err := os.Stat("/proc/self/exe")
	return err == nil && status.Mode()&0o001 != 0
}

func sweep() {
	machine().sweep()
	prefix := scratchPrefix()
	names, _ := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*"))
	for _, name := range names {
		if abandoned(name, prefix, os.Getpid()) {
			_ = os.RemoveAll(name)
		}
	}
}
