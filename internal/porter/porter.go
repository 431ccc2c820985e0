// Package porter opens the sockets that a configuration wants.
package porter

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"syscall"

	"github.com/sumun-mcp/sumun/internal/config"
	"github.com/sumun-mcp/sumun/internal/exit"
	"github.com/sumun-mcp/sumun/internal/port"
)

// Listen listens where the configuration says, with TLS if it says so. Errors say what to try.
func Listen(ctx context.Context, cfg *config.Config, log *slog.Logger) (net.Listener, error) {
	socket, err := new(net.ListenConfig).Listen(ctx, "tcp", cfg.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, &exit.Error{
			Code: exit.Usage, Msg: cfg.Listen + " is in use by another program", Target: cfg.Listen,
			Hint: "stop it, or choose another address: sumun serve --listen 127.0.0.1:0",
		}
	}
	if err != nil {
		return nil, &exit.Error{Code: exit.Usage, Msg: "cannot listen on " + cfg.Listen, Target: cfg.Listen, Err: err}
	}
	socket = port.Patient(socket)
	if !cfg.TLS.Enabled {
		return socket, nil
	}
	secure, err := port.Secure(ctx, socket, port.TLS{
		CertFile: cfg.TLS.CertFile, KeyFile: cfg.TLS.KeyFile, ClientCAFile: cfg.TLS.ClientCAFile, CRLFile: cfg.TLS.CRLFile,
		Optional: cfg.TLS.ClientAuth == "optional", Log: log,
	})
	if err != nil {
		e := &exit.Error{Code: exit.Usage, Target: cfg.TLS.CertFile, Err: err}
		if bad, ok := errors.AsType[*port.FileError](err); ok {
			e.Target, e.Hint = bad.File, bad.Remedy
		}
		return nil, errors.Join(e, socket.Close())
	}
	return secure, nil
}
