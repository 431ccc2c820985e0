package box

// Available tries out the strongest tier that this machine offers: [Full], [Lite], or "" where there is none. why says what is
// missing for the full one; it is nil if nothing is. It starts a process or two and takes some milliseconds: ask once.
func Available() (tier string, why error) { return available() }

// Sweep removes the empty control groups that boxes of gateways which were killed have left behind. Call it once at the start.
func Sweep() { sweep() }
