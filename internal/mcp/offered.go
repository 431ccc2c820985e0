package mcp

// An Offered name is one that no server declares: the routing policy gives it to what several servers have.
type Offered struct {
	Name string
	// Of are the servers' things that it may stand for, each by its server and the name that it has there. It is described as the
	// first of them that is there.
	Of []Destination
}
