// Command linnet is an MQTT broker, with commands to publish, to subscribe and
// to ask after its health. Run "linnet --help".
package main

import (
	"os"

	"github.com/linnetmq/linnet/internal/app"
)

func main() {
	os.Exit(app.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
