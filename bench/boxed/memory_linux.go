package boxed

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// proportionalBytes returns how much memory of a process, and of all that have come from it, is in RAM, what several processes share
// counted in parts (smaps_rollup, proc_pid_smaps(5)).
func proportionalBytes(pid int) (int64, error) {
	rollup, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	var total int64
	for line := range strings.Lines(string(rollup)) {
		if _, err := fmt.Sscanf(line, "Pss: %d kB", &total); err == nil {
			break
		}
	}
	total <<= 10
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return 0, err
	}
	for _, name := range threads {
		children, err := os.ReadFile(name)
		if err != nil {
			return 0, err
		}
		for field := range strings.FieldsSeq(string(children)) {
			child, err := strconv.Atoi(field)
			if err != nil {
				return 0, err
			}
			more, err := proportionalBytes(child)
			if err != nil {
				return 0, err
			}
			total += more
		}
	}
	return total, nil
}
