module github.com/linnetmq/linnet/examples

go 1.26.0

require (
	github.com/gobwas/ws v1.5.0
	github.com/linnetmq/linnet v0.0.0
)

require (
	github.com/gobwas/httphead v0.1.0 // indirect
	go.yaml.in/yaml/v4 v4.0.0 // indirect
)

replace github.com/linnetmq/linnet => ../
