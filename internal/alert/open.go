package alert

import "github.com/sumun-mcp/sumun/internal/config"

// FromConfig returns the settings of a configuration, which has been checked.
func FromConfig(c config.Alerts) Settings {
	least, _ := ParseSeverity(c.MinSeverity) // the configuration has checked it
	return Settings{Webhook: c.Webhook, Secret: c.Secret, Least: least}
}
