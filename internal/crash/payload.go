package crash

import (
	"bytes"
	"strconv"
	"strings"
)

// payload is the message's name and a filling that only this message has, size
// bytes at least.
func (m Message) payload(size int) []byte {
	var b bytes.Buffer
	b.WriteString(m.String())
	b.WriteByte(' ')
	for b.Len() < size {
		b.WriteString(m.String())
	}
	return b.Bytes()
}

// readPayload returns the message whose payload b is; ok is false if b is not
// exactly what payload made.
func readPayload(b []byte) (m Message, ok bool) {
	name, filling, ok := strings.Cut(string(b), " ")
	publisher, number, cut := strings.Cut(name, "#")
	n, err := strconv.Atoi(number)
	if !ok || !cut || err != nil || publisher == "" {
		return Message{}, false
	}
	m = Message{publisher, n}
	return m, strings.Repeat(name, len(filling)/len(name)) == filling && m.String() == name
}
