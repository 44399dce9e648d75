package mqtt

import (
	"errors"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
)

// parkPoller is an epoll instance for parked sockets: level-triggered, so that
// bytes which came before the socket was armed count, and one event for each
// arming. The instance itself is waited for by Go's own poller, as any socket
// is, so a parked connection wakes as quickly as a waiting one.
type parkPoller struct {
	file *os.File
	raw  syscall.RawConn
}

const parkEvents = syscall.EPOLLIN | syscall.EPOLLRDHUP | syscall.EPOLLONESHOT

func newParkPoller() (*parkPoller, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if err := syscall.SetNonblock(fd, true); err != nil { // os.NewFile gives only these to Go's poller
		_ = syscall.Close(fd) // the error that matters is the one before
		return nil, os.NewSyscallError("fcntl", err)
	}
	file := os.NewFile(uintptr(fd), "parked connections")
	raw, err := file.SyscallConn()
	if err != nil {
		_ = file.Close() // the error that matters is the one before
		return nil, err
	}
	return &parkPoller{file: file, raw: raw}, nil
}

// arm has wait report the descriptor once; again tells that it was armed before.
func (p *parkPoller) arm(fd int32, generation uint32, again bool) error {
	op := syscall.EPOLL_CTL_ADD
	if again {
		op = syscall.EPOLL_CTL_MOD
	}
	event := syscall.EpollEvent{Events: parkEvents, Fd: fd, Pad: int32(generation)}
	var err error
	closed := p.raw.Control(func(epoll uintptr) {
		err = os.NewSyscallError("epoll_ctl", syscall.EpollCtl(int(epoll), op, int(fd), &event))
	})
	return errors.Join(closed, err)
}

// wait reports ready descriptors until close.
func (p *parkPoller) wait(ready func(fd int32, generation uint32)) {
	events := make([]syscall.EpollEvent, 128)
	n, err := 0, error(nil)
	poll := func(epoll uintptr) bool {
		n, err = syscall.EpollWait(int(epoll), events, 0)
		return n > 0 || err != nil && !errors.Is(err, syscall.EINTR)
	}
	for p.raw.Read(poll) == nil && err == nil {
		for _, e := range events[:n] {
			ready(e.Fd, uint32(e.Pad))
		}
	}
}

// close ends wait.
func (p *parkPoller) close() { _ = p.file.Close() } // nothing is done about it

// freeOSMemory returns unused memory to the system. The first collection moves
// what pools hold out of their reach, the second collects it.
func freeOSMemory() {
	runtime.GC()
	debug.FreeOSMemory()
}
