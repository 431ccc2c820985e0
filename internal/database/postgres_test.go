package database

import (
	"os"
	"testing"

	"github.com/sumun-mcp/sumun/internal/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Run(m)) }
