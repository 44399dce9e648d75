package packets

import "testing"

func TestScanHeader(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		b       string
		n, size int
		bad     bool
	}{
		{"nothing", "", 0, 0, false},
		{"first byte only", "\x30", 0, 0, false},
		{"zero", "\x30\x00", 2, 0, false},
		{"largest of one byte", "\x30\x7f\xff", 2, 127, false},
		{"one of two bytes", "\x30\x80", 0, 0, false},
		{"smallest of two bytes", "\x30\x80\x01", 3, 128, false},
		{"largest of two bytes", "\x30\xff\x7f", 3, 16383, false},
		{"two of three bytes", "\x30\x80\x80", 0, 0, false},
		{"smallest of three bytes", "\x30\x80\x80\x01", 4, 16384, false},
		{"largest of three bytes", "\x30\xff\xff\x7f", 4, 2097151, false},
		{"three of four bytes", "\x30\x80\x80\x80", 0, 0, false},
		{"smallest of four bytes", "\x30\x80\x80\x80\x01", 5, 2097152, false},
		{"largest of four bytes", "\x30\xff\xff\xff\x7f", 5, 268435455, false},
		{"five bytes", "\x30\xff\xff\xff\xff\x01", 0, 0, true},
		{"five bytes, four of them here", "\x30\xff\xff\xff\xff", 0, 0, true},
		{"zero in two bytes", "\x30\x80\x00", 0, 0, true},         // [MQTT-1.5.5-1]
		{"one in four bytes", "\x30\x81\x80\x80\x00", 0, 0, true}, // [MQTT-1.5.5-1]
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			first, n, size, err := ScanHeader([]byte(tc.b))
			if (err != nil) != tc.bad || err != nil && CodeOf(err) != ErrMalformedPacket {
				t.Fatalf("error %v", err)
			}
			if n != tc.n || size != tc.size || n > 0 && first != tc.b[0] {
				t.Errorf("first 0x%X, n %d, size %d; want n %d, size %d", first, n, size, tc.n, tc.size)
			}
			if n > 0 && string(AppendHeader(nil, first, size)) != tc.b[:n] {
				t.Errorf("AppendHeader gives %q", AppendHeader(nil, first, size))
			}
		})
	}
}

func TestCheckFlags(t *testing.T) {
	t.Parallel()
	for i := range 256 {
		first := byte(i)
		want := false
		switch flags := first & 0x0F; Type(first >> 4) {
		case 0:
		case TypePublish:
			want = flags&6 != 6 // [MQTT-3.3.1-4]
		case TypePubrel, TypeSubscribe, TypeUnsubscribe:
			want = flags == 0x02 || flags == 0x0A // with DUP in MQTT 3.1
		default:
			want = flags == 0 // [MQTT-2.1.3-1]
		}
		err := CheckFlags(first)
		if (err == nil) != want || err != nil && CodeOf(err) != ErrMalformedPacket {
			t.Errorf("0x%02X: %v, want accepted = %t", i, err, want)
		}
	}
}

func TestDecodeRefusesTypeZero(t *testing.T) {
	t.Parallel()
	testRefused(t, []refusedCase{{"reserved", V5, 0x00, "", ErrMalformedPacket}}) // [MQTT-2.1.3-1]
}
