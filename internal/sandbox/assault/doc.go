// Assault is what a hostile server would try: one probe a run, chosen by name. It is a program for tests only. Each probe does
// one thing that a server in a box must not be able to do, in earnest but without harm, and says whether it got through.
// The tests beside it let every probe run without a box, where it has to get through so that it proves something, and then in
// each tier. See docs/sandbox.md.
package main
