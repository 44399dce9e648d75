package packets

import "testing"

// TestAllocations holds the ceilings of the hot path.
func TestAllocations(t *testing.T) { // not parallel: it counts allocations
	plain := mustAppend(t, benchPublish(16), V311)
	full := mustAppend(t, fullPublish(), V5)
	var pub Publish
	var puback Puback
	var pubrec Pubrec
	var pubrel Pubrel
	var pubcomp Pubcomp
	short, withCode := []byte{0, 1}, []byte{0, 1, 0x10}
	buf := make([]byte, 0, 1024)
	check := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct {
		name string
		f    func()
	}{
		{"publish decode", func() { check(pub.Decode(0, plain[2:], V311)) }},
		{"publish decode with properties", func() { check(pub.Decode(full[0]&0x0F, full[2:], V5)) }},
		{"publish append", func() { _, err := benchPublishSmall.Append(buf, V311); check(err) }},
		{"publish append with properties", func() { _, err := benchPublishFull.Append(buf, V5); check(err) }},
		{"puback decode", func() { check(puback.Decode(0, short, V311)) }},
		{"puback decode with code", func() { check(puback.Decode(0, withCode, V5)) }},
		{"pubrec decode", func() { check(pubrec.Decode(0, short, V5)) }},
		{"pubrel decode", func() { check(pubrel.Decode(2, short, V5)) }},
		{"pubcomp decode", func() { check(pubcomp.Decode(0, short, V5)) }},
		{"puback append", func() { AppendPuback(buf, V5, 1, CodeNoMatchingSubscribers) }},
		{"pubrec append", func() { AppendPubrec(buf, V5, 1, CodeSuccess) }},
		{"pubrel append", func() { AppendPubrel(buf, V5, 1, ErrPacketIDNotFound) }},
		{"pubcomp append", func() { AppendPubcomp(buf, V311, 1, CodeSuccess) }},
		{"scan header", func() { _, _, _, err := ScanHeader(full); check(err) }},
		{"append header", func() { AppendHeader(buf, 0x30, 1<<20) }},
		{"check flags", func() { check(CheckFlags(0x32)) }},
	} {
		if n := testing.AllocsPerRun(100, tc.f); n != 0 {
			t.Errorf("%s: %v allocations, want none", tc.name, n)
		}
	}
}

var (
	benchPublishSmall = benchPublish(16)
	benchPublishFull  = fullPublish()
)

func TestPublishCloneAllocations(t *testing.T) { // not parallel: it counts allocations
	p := benchPublish(256)
	if n := testing.AllocsPerRun(100, func() { p = p.Clone() }); n > 2 {
		t.Errorf("%v allocations, want at most 2", n)
	}
}
