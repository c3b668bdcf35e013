package api

import (
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"
)

// restOfPath is the parameter that takes the rest of a path, slashes included.
const restOfPath = "{path}"

// adapter puts huma's operations on Gin. It differs from humagin's own in one
// thing: {path} at the end of a path takes slashes.
type adapter struct{ router *gin.Engine }

// Handle registers an operation.
func (a *adapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	a.router.Handle(op.Method, GinPath(op.Path), func(c *gin.Context) {
		c.Set(operationKey, op.OperationID)
		handler(humagin.NewContext(op, c))
	})
}

// ServeHTTP answers a request.
func (a *adapter) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.router.ServeHTTP(w, r) }

// GinPath writes a path of the document as Gin does.
func GinPath(path string) string {
	if rest, ok := strings.CutSuffix(path, restOfPath); ok {
		path = rest + "*path"
	}
	return strings.NewReplacer("{", ":", "}", "").Replace(path)
}

const operationKey = "operation"

// OperationOf names the operation that a request was for: its id, the route
// where it is none, or other.
func OperationOf(c *gin.Context) string {
	if id := c.GetString(operationKey); id != "" {
		return id
	}
	if path := c.FullPath(); path != "" {
		return path
	}
	return "other"
}
