// Package house has no code, only the rules of the house as tests: which package may import which, how long a
// file and a package may be, and what may not be written at all. DESIGN.md tells the reasons.
package house
