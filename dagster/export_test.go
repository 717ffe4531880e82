package dagster

// Plain is a call as it was read, before anything of its sender is written into
// it.
func (c *Call) Plain() []byte {
	return c.payload(c.document.quoted, c.variables, "operationName")
}
