package launch

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// A root is the file tree of a box while it is built.
type root struct {
	fd int // its directory
}

// stages are directories of which every machine has one: the root is mounted there until it is the root.
func stages() []string { return []string{"/tmp", "/run", "/var", "/usr", "/etc"} }

// build makes a file tree of what the order names, in this process's own mount namespace, and goes there for good.
func (o *Order) build(trees []int) error {
	// Nothing that is mounted here is seen elsewhere.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("leaving the machine's mounts: %w", err)
	}
	// The mounts are taken before anything covers what they are of.
	trees, err := o.trees(trees)
	if err != nil {
		return err
	}
	stage, err := mountRoot()
	if err != nil {
		return fmt.Errorf("mounting the root: %w", err)
	}
	fd, err := unix.Open(stage, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	r := root{fd}
	for _, step := range []func() error{
		func() error { return r.scratch(stage, o.Scratch, Scratch(o.Home)) },
		func() error { return r.binds(o.Binds, trees) },
		func() error { return r.furnish(o) },
		func() error { return r.proc(stage) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	_ = unix.Close(fd)
	return enter(stage)
}

// trees returns a mount of each bind, and takes those that came with the order.
func (o *Order) trees(given []int) ([]int, error) {
	all := make([]int, len(o.Binds))
	for i := range o.Binds {
		b := &o.Binds[i]
		if b.Tree {
			if len(given) == 0 {
				return nil, errors.New("the order has too few mounts")
			}
			all[i], given = given[0], given[1:]
			continue
		}
		var err error
		if all[i], err = b.Clone(); err != nil {
			return nil, fmt.Errorf("binding %s: %w", b.Path, err)
		}
	}
	return all, nil
}

// Clone returns a mount of what the bind names, apart from all others and restricted to what the bind allows.
func (b *Bind) Clone() (tree int, err error) {
	at, err := b.find()
	if err != nil {
		return 0, err
	}
	defer func() { _ = unix.Close(at) }()
	tree, err = unix.OpenTree(at, "", unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC|unix.AT_RECURSIVE|unix.AT_EMPTY_PATH)
	if err != nil {
		return 0, err
	}
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_NOSUID, Propagation: unix.MS_PRIVATE}
	if !b.Device {
		attr.Attr_set |= unix.MOUNT_ATTR_NODEV
	}
	if !b.Write && !b.Device {
		attr.Attr_set |= unix.MOUNT_ATTR_RDONLY
	}
	if !b.Exec {
		attr.Attr_set |= unix.MOUNT_ATTR_NOEXEC
	}
	if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, &attr); err != nil {
		_ = unix.Close(tree)
		return 0, err
	}
	return tree, nil
}

// find opens what the bind names. A program that may change a directory must not choose, by links below it, what a later box is given.
func (b *Bind) find() (int, error) {
	if b.Below == "" {
		return unix.Open(b.Path, unix.O_PATH|unix.O_CLOEXEC, 0)
	}
	base, err := unix.Open(b.Below, unix.O_PATH|unix.O_CLOEXEC|unix.O_DIRECTORY, 0)
	if err != nil {
		return 0, err
	}
	defer func() { _ = unix.Close(base) }()
	below := strings.TrimPrefix(strings.TrimPrefix(b.Path, b.Below), "/")
	return unix.Openat2(base, below, &unix.OpenHow{
		Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS,
	})
}

// mountRoot mounts an empty file tree.
func mountRoot() (stage string, err error) {
	for _, stage = range stages() {
		err = unix.Mount("tmpfs", stage, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=0755,size=16m")
		if err == nil {
			return stage, nil
		}
	}
	return "", err
}

// open opens a path in the tree. Links lead within it.
func (r root) open(name string, flags uint64) (int, error) {
	return unix.Openat2(r.fd, strings.TrimPrefix(name, "/"), &unix.OpenHow{Flags: flags | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT})
}

// directory makes a directory, and those above it, and returns it open.
func (r root) directory(name string) (int, error) {
	name = path.Clean("/" + name)
	if name == "/" {
		return unix.Openat2(r.fd, ".", &unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC})
	}
	fd, err := r.open(name, unix.O_PATH)
	if !errors.Is(err, unix.ENOENT) {
		return fd, err
	}
	above, err := r.directory(path.Dir(name))
	if err != nil {
		return 0, err
	}
	defer func() { _ = unix.Close(above) }()
	if err := unix.Mkdirat(above, path.Base(name), 0o755); err != nil {
		return 0, err
	}
	return r.open(name, unix.O_PATH)
}

// file makes an empty file, and the directories above it, and returns it open.
func (r root) file(name string, flags uint64) (int, error) {
	above, err := r.directory(path.Dir(name))
	if err != nil {
		return 0, err
	}
	defer func() { _ = unix.Close(above) }()
	fd, err := unix.Openat(above, path.Base(name), unix.O_CREAT|unix.O_WRONLY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0o644)
	if err == nil {
		_ = unix.Close(fd)
	}
	return r.open(name, flags)
}

// binds puts each mount in its place.
func (r root) binds(binds []Bind, trees []int) error {
	for i, b := range binds {
		if err := r.bind(b.Path, trees[i]); err != nil {
			return fmt.Errorf("binding %s: %w", b.Path, err)
		}
	}
	return nil
}

func (r root) bind(name string, tree int) error {
	defer func() { _ = unix.Close(tree) }()
	var status unix.Stat_t
	if err := unix.Fstat(tree, &status); err != nil {
		return err
	}
	place := r.directory
	if status.Mode&unix.S_IFMT != unix.S_IFDIR {
		place = func(name string) (int, error) { return r.file(name, unix.O_PATH) }
	}
	at, err := place(name)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(at) }()
	return unix.MoveMount(tree, "", at, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)
}

// scratch makes directories of memory, which together hold size bytes. Nothing in them can be executed.
func (r root) scratch(stage string, size int64, dirs []string) error {
	const store = ".scratch"
	above, err := r.directory(store)
	if err != nil {
		return err
	}
	_ = unix.Close(above)
	options := "mode=0755,nr_inodes=16384,size=" + strconv.FormatInt(size, 10)
	if err := unix.Mount("tmpfs", stage+"/"+store, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, options); err != nil {
		return fmt.Errorf("mounting scratch memory: %w", err)
	}
	for i, dir := range dirs {
		part := stage + "/" + store + "/" + strconv.Itoa(i)
		if err := unix.Mkdir(part, 0o700); err != nil {
			return err
		}
		tree, err := unix.OpenTree(unix.AT_FDCWD, part, unix.OPEN_TREE_CLONE|unix.OPEN_TREE_CLOEXEC)
		if err == nil {
			err = r.bind(dir, tree)
		}
		if err != nil {
			return fmt.Errorf("binding %s: %w", dir, err)
		}
	}
	if err := unix.Unmount(stage+"/"+store, unix.MNT_DETACH); err != nil {
		return err
	}
	return unix.Rmdir(stage + "/" + store)
}

// furnish makes the files and links of the order, and where the program runs, if that is nowhere yet.
func (r root) furnish(o *Order) error {
	dir, err := r.directory(o.Dir)
	if err != nil {
		return fmt.Errorf("making %s: %w", o.Dir, err)
	}
	_ = unix.Close(dir)
	for _, f := range o.Files {
		if err := r.write(f); err != nil {
			return fmt.Errorf("making %s: %w", f.Path, err)
		}
	}
	for _, link := range o.Links {
		above, err := r.directory(path.Dir(link[0]))
		if err == nil {
			err = unix.Symlinkat(link[1], above, path.Base(link[0]))
			_ = unix.Close(above)
		}
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("making %s: %w", link[0], err)
		}
	}
	return nil
}

func (r root) write(f File) error {
	fd, err := r.file(f.Path, unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	for data := f.Data; len(data) > 0; {
		n, err := unix.Write(fd, data)
		if err != nil {
			return err
		}
		data = data[n:]
	}
	return nil
}

// masks are files and directories of /proc that tell of the machine, or change it.
func masks() []string {
	return []string{"acpi", "asound", "bus", "driver", "fs", "interrupts", "irq", "kallsyms", "kcore", "keys", "latency_stats", "sched_debug", "scsi", "sysrq-trigger", "timer_list", "timer_stats", "tty"}
}

// proc mounts what the kernel tells of the box's own processes, read-only and without what it tells of the machine's insides.
func (r root) proc(stage string) error {
	at, err := r.directory("/proc")
	if err != nil {
		return err
	}
	_ = unix.Close(at)
	if err := unix.Mount("proc", stage+"/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC|unix.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("mounting /proc: %w", err)
	}
	for _, name := range masks() {
		name = stage + "/proc/" + name
		var status unix.Stat_t
		if unix.Lstat(name, &status) != nil {
			continue
		}
		var err error
		if status.Mode&unix.S_IFMT == unix.S_IFDIR {
			err = unix.Mount("tmpfs", name, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC|unix.MS_RDONLY, "size=4k,mode=0555")
		} else {
			err = unix.Mount(stage+"/dev/null", name, "", unix.MS_BIND, "")
		}
		if err != nil {
			return fmt.Errorf("hiding %s: %w", name, err)
		}
	}
	return nil
}

// enter makes the tree the root, which then cannot be changed, and forgets the machine's.
func enter(stage string) error {
	if err := unix.Chdir(stage); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("changing the root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("forgetting the machine's root: %w", err)
	}
	if err := unix.Chdir("/"); err != nil {
		return err
	}
	attr := unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	if err := unix.MountSetattr(unix.AT_FDCWD, "/", 0, &attr); err != nil {
		return fmt.Errorf("closing the root: %w", err)
	}
	if err := unix.Sethostname([]byte("box")); err != nil {
		return fmt.Errorf("naming the box: %w", err)
	}
	return nil
}
