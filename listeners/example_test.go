package listeners_test

import (
	"context"
	"fmt"
	"io"
	"net"

	"github.com/linnetmq/linnet/listeners"
)

// An in-process listener hands over both ends of a buffered connection.
func ExampleNewMemory() {
	l := listeners.NewMemory("inside")
	if err := l.Listen(nil); err != nil {
		fmt.Println(err)
		return
	}
	done := make(chan error)
	go func() {
		done <- l.Serve(func(conn net.Conn) error {
			defer conn.Close()
			_, err := io.WriteString(conn, "hello from "+l.Address())
			return err
		})
	}()
	conn, err := l.Dial(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	text, err := io.ReadAll(conn)
	fmt.Println(string(text), err)
	fmt.Println(l.Close(context.Background()), <-done)
	// Output:
	// hello from memory <nil>
	// <nil> <nil>
}
