// Package warden decides what stands between a server's program and the machine, and has it stand there: from a server of the configuration
// it makes the command that starts it, in a box that shows it its own files and those that its arguments name, installed before, with the
// network that was declared; what is refused there becomes alerts.
package warden
