package gateway

// checks reports whether what goes into a server's tools and comes out of them is
// checked here: our own do not all check it, and others where the configuration says so.
func (g *Gateway) checks(server string) bool {
	if isOwn(server) {
		return true
	}
	configured := g.setup.Load().servers[server]
	return configured != nil && configured.Tools.Check
}
