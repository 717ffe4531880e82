module github.com/dagpass/dagpass/tools/bench

go 1.26.0

require (
	github.com/coder/websocket v1.8.15
	github.com/dagpass/dagpass v0.0.0
)

require github.com/go-jose/go-jose/v4 v4.1.8 // indirect

replace github.com/dagpass/dagpass => ../..
