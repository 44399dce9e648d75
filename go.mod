module github.com/linnetmq/linnet

go 1.26
