package crash

import (
	"errors"
	"net"
	"sync"
	"time"

	"github.com/linnetmq/linnet/packets"
)

// link is one Network Connection of a client. A goroutine reads it ahead; what
// its owner does not take from in was not received.
type link struct {
	number  int
	conn    net.Conn
	version packets.Version
	in      chan packets.Packet // closed at the end of the connection; reading ahead is bounded by it
	gone    chan struct{}       // closed by close
	once    sync.Once
	wg      sync.WaitGroup
}

// readAhead is how many packets are read before their owner takes them.
const readAhead = 64

func newLink(conn net.Conn, number int, v packets.Version) *link {
	l := &link{number: number, conn: conn, version: v, in: make(chan packets.Packet, readAhead), gone: make(chan struct{})}
	l.wg.Go(l.read)
	return l
}

// read is started by newLink and ends with the connection.
func (l *link) read() {
	defer close(l.in)
	r := packets.NewReader(l.conn, 0)
	r.SetVersion(l.version)
	for {
		pk, err := r.ReadPacket()
		if err != nil {
			return
		}
		select {
		case l.in <- pk:
		case <-l.gone:
			return
		}
	}
}

// send writes packets in one piece. An error means that the connection is lost;
// the end of in tells so, too.
func (l *link) send(pks ...packets.Packet) error {
	var b []byte
	for _, pk := range pks {
		var err error
		if b, err = pk.Append(b, l.version); err != nil {
			return err
		}
	}
	if err := l.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	_, err := l.conn.Write(b)
	return err
}

// patience bounds every single wait for a broker that is up.
const patience = 10 * time.Second

// receive returns the next packet, or an error when the connection ends or
// nothing comes.
func (l *link) receive() (packets.Packet, error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case pk, ok := <-l.in:
		if !ok {
			return nil, errEnded
		}
		return pk, nil
	case <-timer.C:
		return nil, errSilent
	}
}

var (
	errEnded  = errors.New("the connection has ended")
	errSilent = errors.New("the broker does not answer")
)

// close ends the connection; what was read ahead is forgotten.
func (l *link) close() {
	l.once.Do(func() { close(l.gone) })
	_ = l.conn.Close() // the broker may have been first
	l.wg.Wait()
}
