package mqtt

import (
	"runtime"
	"slices"
	"sync"
)

// jointFlush writes for publishers whose batch touched many receivers. They
// list those receivers, each once, and one of them writes for all: what others
// append meanwhile to a receiver that is still on the list leaves in the same
// write. Without it a receiver of ten publishers gets ten small writes.
type jointFlush struct {
	mu      sync.Mutex
	list    []*Client
	next    int // of list: whose turn it is
	writers int // goroutines that write what is listed
}

const (
	// jointReceivers is how many receivers a batch must have touched for them to
	// be listed. Fewer are written to at once.
	jointReceivers = 8
	// jointList bounds how many may be listed before a batch adds its own. A
	// publisher that finds more writes to its receivers itself, which holds it up.
	jointList = 4096
	// jointTurn is how many receivers a writer takes from the list at a time.
	jointTurn = 16
)

// flush has what the clients have queued written, by the caller or by whoever
// writes already. It uses the slice.
func (j *jointFlush) flush(s *Server, clients []*Client) {
	if j.full() {
		for _, c := range clients {
			c.flush()
		}
		return
	}
	n := 0
	for _, c := range clients {
		if c.out.enlist() {
			clients[n] = c
			n++
		}
	}
	if budget := j.add(clients[:n]); budget > 0 && j.write(budget) && !s.spawn(j.writeAll) {
		j.writeAll() // the server stops; what was sent before is to arrive
	}
}

func (j *jointFlush) full() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.list)-j.next >= jointList
}

// add lists the clients. Where the budget it returns is above 0 the caller must
// write to so many of those that are listed.
func (j *jointFlush) add(clients []*Client) (budget int) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.list)+len(clients) > cap(j.list) && j.next >= len(j.list)/2 { // a busy list is never empty
		j.list, j.next = slices.Delete(j.list, 0, j.next), 0
	}
	j.list = append(j.list, clients...)
	if j.writers >= max(1, runtime.GOMAXPROCS(0)/2) { // the other processors are for publishers
		return 0
	}
	if budget = len(j.list) - j.next; budget > 0 {
		j.writers++
	}
	return budget
}

// write writes to listed clients: to about budget of them, then it returns true
// and the caller must see to the rest; false when the list is empty.
func (j *jointFlush) write(budget int) (more bool) {
	var turn [jointTurn]*Client
	for {
		n, empty := j.take(&turn, budget)
		if n == 0 {
			return !empty
		}
		budget -= n
		for _, c := range turn[:n] {
			c.out.unlist()
			c.flush()
		}
	}
}

// writeAll writes until the list is empty. It is a goroutine where a publisher
// has done its share.
func (j *jointFlush) writeAll() {
	for more := true; more; {
		more = j.write(jointList)
	}
}

// take moves the clients whose turn it is to turn, at most budget of them, and
// returns how many they are. Where the list is empty the caller writes no more.
func (j *jointFlush) take(turn *[jointTurn]*Client, budget int) (n int, empty bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	waiting := j.list[j.next:]
	if len(waiting) == 0 {
		j.list, j.next = j.list[:0], 0
		j.writers--
		return 0, true
	}
	n = copy(turn[:min(len(turn), max(budget, 0))], waiting)
	clear(waiting[:n])
	j.next += n
	return n, false
}

// enlist notes that the connection is on the list of receivers to write to, and
// reports whether it was not.
func (o *outbound) enlist() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.lastRouter = nil
	was := o.listed
	o.listed = true
	return !was
}

func (o *outbound) unlist() {
	o.mu.Lock()
	o.listed = false
	o.mu.Unlock()
}
