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
// arming.
type parkPoller struct {
	epoll int
	stop  int // the write end of a pipe whose read end is watched
}

const parkEvents = syscall.EPOLLIN | syscall.EPOLLRDHUP | syscall.EPOLLONESHOT

func newParkPoller() (*parkPoller, error) {
	epoll, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	var pipe [2]int
	if err := syscall.Pipe2(pipe[:], syscall.O_CLOEXEC|syscall.O_NONBLOCK); err != nil {
		_ = syscall.Close(epoll) // the pipe's error is the one to tell
		return nil, os.NewSyscallError("pipe2", err)
	}
	event := syscall.EpollEvent{Events: syscall.EPOLLIN, Fd: int32(pipe[0]), Pad: stopMark}
	if err := syscall.EpollCtl(epoll, syscall.EPOLL_CTL_ADD, pipe[0], &event); err != nil {
		return nil, os.NewSyscallError("epoll_ctl", err)
	}
	return &parkPoller{epoll: epoll, stop: pipe[1]}, nil
}

// stopMark tells the stop pipe from parked descriptors, whose generations
// begin at one.
const stopMark = 0

// arm has wait report the descriptor once; again tells that it was armed before.
func (p *parkPoller) arm(fd int32, generation uint32, again bool) error {
	op := syscall.EPOLL_CTL_ADD
	if again {
		op = syscall.EPOLL_CTL_MOD
	}
	event := syscall.EpollEvent{Events: parkEvents, Fd: fd, Pad: int32(generation)}
	return os.NewSyscallError("epoll_ctl", syscall.EpollCtl(p.epoll, op, int(fd), &event))
}

// wait reports ready descriptors until close.
func (p *parkPoller) wait(ready func(fd int32, generation uint32)) {
	defer syscall.Close(p.epoll) //nolint:errcheck // nothing is done about it
	events := make([]syscall.EpollEvent, 128)
	for {
		n, err := syscall.EpollWait(p.epoll, events, -1)
		if err != nil {
			if errors.Is(err, syscall.EINTR) {
				continue
			}
			return
		}
		for _, e := range events[:n] {
			if e.Pad == stopMark {
				_ = syscall.Close(int(e.Fd)) // nothing is done about it
				return
			}
			ready(e.Fd, uint32(e.Pad))
		}
	}
}

// close ends wait.
func (p *parkPoller) close() { _ = syscall.Close(p.stop) } // the hang-up is the message

// freeOSMemory returns unused memory to the system. The first collection moves
// what pools hold out of their reach, the second collects it.
func freeOSMemory() {
	runtime.GC()
	debug.FreeOSMemory()
}
