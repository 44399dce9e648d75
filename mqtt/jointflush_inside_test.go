package mqtt

import (
	"net"
	"testing"
)

// listedClients are clients with a byte queued, over connections whose other
// ends are returned.
func listedClients(t *testing.T, s *Server, n int) (clients []*Client, ends []net.Conn) {
	t.Helper()
	for range n {
		near, far := net.Pipe()
		c := s.newClient(near, "")
		c.out.buf = append(borrow(1), 'x')
		c.out.pending = 1
		clients, ends = append(clients, c), append(ends, far)
		t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	}
	return clients, ends
}

// written expects the byte at every end.
func written(t *testing.T, ends []net.Conn) {
	t.Helper()
	for i, end := range ends {
		var b [2]byte
		if n, err := end.Read(b[:]); n != 1 || b[0] != 'x' || err != nil {
			t.Fatalf("client %d got %q, %v", i, b[:n], err)
		}
	}
}

// manyWriters are more than there may be.
const manyWriters = 1 << 20

func TestJointFlush(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		full   bool
		listed int  // clients that another publisher listed before
		busy   bool // somebody writes
	}{
		{name: "nobody writes: the caller does"},
		{name: "others are listed: the caller writes for them", listed: 20},
		{name: "somebody writes: he does", busy: true},
		{name: "the list is full: the caller writes to its own", busy: true, full: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := New(nil)
			defer func() {
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}()
			j := &s.joint
			if tc.full {
				j.list = make([]*Client, jointList)
			}
			if tc.busy {
				j.writers = manyWriters
			}
			others, otherEnds := listedClients(t, s, tc.listed)
			for _, c := range others {
				c.out.enlist()
			}
			j.list = append(j.list, others...)
			clients, ends := listedClients(t, s, jointReceivers)
			j.flush(s, append(clients, others...))
			if tc.busy && !tc.full {
				if len(j.list) != jointReceivers {
					t.Fatalf("%d are listed", len(j.list))
				}
				j.writeAll()
			}
			written(t, otherEnds)
			written(t, ends)
		})
	}
}

// Who has done his share hands over, and the list is empty at the end.
func TestJointFlushHandsOver(t *testing.T) {
	t.Parallel()
	s := New(nil)
	j := &s.joint
	clients, ends := listedClients(t, s, 5*jointTurn)
	for _, c := range clients {
		c.out.enlist()
	}
	if budget := j.add(clients[:jointTurn]); budget != jointTurn {
		t.Fatalf("the budget of the first is %d", budget)
	}
	j.writers = manyWriters
	j.add(clients[jointTurn:])
	if !j.write(jointTurn) {
		t.Fatal("the writer did not find what came meanwhile")
	}
	j.writers = 1
	j.writeAll()
	written(t, ends)
	if j.writers != 0 || len(j.list) != 0 {
		t.Errorf("%d writers and %d listed clients are left", j.writers, len(j.list))
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
