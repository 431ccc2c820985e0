package resource

import (
	"errors"

	"github.com/sumun-mcp/sumun/internal/config"
)

var errType = errors.New("a resource of this type cannot be opened yet")

func (r *Resources) openPages([]config.Resource) (func(), error) { return nil, errType }
