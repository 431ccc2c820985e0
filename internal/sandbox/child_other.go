//go:build !unix

package sandbox

import "os/exec"

// canReap says that Reap does not work here.
const canReap = false

// Reap is for systems with process groups. Here a server is started directly.
func Reap([]string) int { return 1 }

func confine(*exec.Cmd, bool) {}

func terminate(cmd *exec.Cmd) { _ = cmd.Process.Kill() }

func kill(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
