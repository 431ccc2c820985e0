package config

import "time"

// Alerts says who is told what is wrong beside the log: tools that have changed, scopes that nobody uses.
type Alerts struct {
	// Webhook is the URL that alerts are posted to as JSON. Its host may have an address that is not public.
	Webhook string `yaml:"webhook" form:"page" secret:"expanded"`
	// MinSeverity is the least severity that is posted.
	MinSeverity string `yaml:"minSeverity" enum:"info low medium high critical"`
	// Secret signs what is posted, as Standard Webhooks says.
	Secret string `yaml:"secret" secret:"all"`
}

// Review is how what keys may do is compared with what they do: the scopes, keys, tools and resources that nobody uses.
type Review struct {
	// Every is how often that is done while the gateway runs, with its findings as an alert. 0s leaves it to sumun scope review.
	Every time.Duration `yaml:"every" min:"0" max:"8760000000000000"`
	// Days is for how long something must not have been used to be found.
	Days int `yaml:"days" min:"1" max:"3650"`
}

// checkAlerts wants a webhook for what is said of it.
func (l *loader) checkAlerts() {
	if l.config.Alerts.Webhook == "" && l.config.Alerts.Secret != "" && !l.Odd("alerts") {
		l.Wrong("alerts.secret", "signs nothing without a webhook", "write webhook too")
	}
}
