package seccomp

// The system calls by what is done with them. Names that an architecture does not have are passed over.
// What stands in no list is refused.
const (
	// harmless calls act on the process itself, on what it has open, and on files as far as others let it reach them.
	harmless = `
		accept accept4 alarm arch_prctl bind brk cachestat capget capset chdir clock_getres clock_gettime clock_nanosleep close close_range
		copy_file_range dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 exit
		exit_group fadvise64 fallocate fchdir fcntl fdatasync flock fork fstat fstatfs fsync ftruncate futex futex_requeue
		futex_wait futex_waitv futex_wake get_robust_list get_thread_area getcpu getcwd getdents getdents64 getegid geteuid getgid getgroups getitimer get_mempolicy
		getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresuid getrlimit getrusage getsid getsockname
		getsockopt gettid gettimeofday getuid inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy
		io_getevents io_pgetevents io_setup io_submit ioprio_get ioprio_set kill landlock_add_rule landlock_create_ruleset
		landlock_restrict_self listen lseek madvise map_shadow_stack membarrier mincore mlock mlock2 mlockall mmap mprotect mremap
		mseal msync munlock munlockall munmap nanosleep pause pidfd_open pidfd_send_signal pipe pipe2 pkey_alloc pkey_free pkey_mprotect poll
		ppoll pread64 preadv preadv2 prlimit64 pselect6 pwrite64 pwritev pwritev2 read readahead readv recvfrom recvmmsg recvmsg
		restart_syscall riscv_flush_icache rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn
		rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min sched_getaffinity
		sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam
		sched_setscheduler sched_yield seccomp select sendfile set_robust_list set_tid_address setfsgid setfsuid setgid setitimer
		setpgid setpriority setregid setresgid setresuid setreuid setrlimit setsid setsockopt setuid shutdown sigaltstack signalfd
		signalfd4 splice sync sync_file_range syncfs sysinfo tee tgkill time timer_create timer_delete timer_getoverrun
		timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime times tkill umask uname vfork vmsplice wait4
		waitid write writev`

	// looks are calls that tell of files by their paths, and open none.
	looks = `
		access faccessat faccessat2 fgetxattr flistxattr getxattr getxattrat lgetxattr listxattr listxattrat llistxattr lstat newfstatat
		readlink readlinkat stat statfs statx`

	// opens are calls that open files by their paths.
	opens = `open openat openat2 creat`

	// changes are calls that change files by their paths.
	changes = `
		link linkat mkdir mkdirat mknod mknodat rename renameat renameat2 rmdir symlink symlinkat truncate unlink unlinkat`

	// labels are calls that change what is noted about files: owner, mode, times, attributes. Landlock does not know of them.
	labels = `
		chmod chown fchmod fchmodat fchmodat2 fchown fchownat fremovexattr fsetxattr futimesat lchown lremovexattr lsetxattr
		removexattr removexattrat setxattr setxattrat utime utimensat utimes`

	// talks are calls that say where to something is sent.
	talks = `connect sendmsg sendmmsg`

	// absent are calls that runtimes try by themselves and do without: they are told that there is no such call, and nobody is told.
	// The arguments of clone3 lie in memory, where a filter sees nothing.
	absent = `clone3`

	// fallible are refused calls that programs try as well, so that they are answered as by a kernel that does not have them.
	fallible = `execveat io_uring_enter io_uring_register io_uring_setup memfd_create memfd_secret userfaultfd`
)
