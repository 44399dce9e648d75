package debug

import (
	"fmt"
	"log/slog"
	"reflect"
	"strings"

	"github.com/linnetmq/linnet/packets"
)

// summary names a packet's facts that are short and no secrets.
func summary(pk packets.Packet) []slog.Attr {
	switch pk := pk.(type) {
	case *packets.Connect:
		return []slog.Attr{
			slog.String("version", pk.Version.String()), slog.Bool("clean_start", pk.CleanStart),
			slog.Int("keep_alive", int(pk.KeepAlive)), slog.String("username", pk.Username), slog.Bool("will", pk.WillFlag),
		}
	case *packets.Connack:
		return []slog.Attr{code(pk.Code), slog.Bool("session_present", pk.SessionPresent)}
	case *packets.Publish:
		return []slog.Attr{
			slog.String("topic", pk.Topic), slog.Int("qos", int(pk.QoS)), slog.Bool("retain", pk.Retain),
			slog.Bool("dup", pk.Dup), id(pk.PacketID), slog.Int("payload_bytes", len(pk.Payload)),
		}
	case *packets.Puback:
		return []slog.Attr{id(pk.PacketID), code(pk.Code)}
	case *packets.Pubrec:
		return []slog.Attr{id(pk.PacketID), code(pk.Code)}
	case *packets.Pubrel:
		return []slog.Attr{id(pk.PacketID), code(pk.Code)}
	case *packets.Pubcomp:
		return []slog.Attr{id(pk.PacketID), code(pk.Code)}
	case *packets.Subscribe:
		return []slog.Attr{id(pk.PacketID), slog.Any("filters", pk.Subscriptions)}
	case *packets.Suback:
		return []slog.Attr{id(pk.PacketID), slog.Any("reason_codes", numbers(pk.Codes))}
	case *packets.Unsubscribe:
		return []slog.Attr{id(pk.PacketID), slog.Any("filters", pk.Filters)}
	case *packets.Unsuback:
		return []slog.Attr{id(pk.PacketID), slog.Any("reason_codes", numbers(pk.Codes))}
	case *packets.Disconnect:
		return []slog.Attr{code(pk.Code)}
	case *packets.Auth:
		return []slog.Attr{code(pk.Code), slog.String("method", pk.Properties.AuthenticationMethod)}
	}
	return nil
}

func id(n uint16) slog.Attr { return slog.Int("packet_id", int(n)) }

func code(c packets.Code) slog.Attr {
	return slog.String("reason_code", fmt.Sprintf("0x%02X", byte(c)))
}

func numbers(codes []packets.Code) []string {
	list := make([]string, len(codes))
	for i, c := range codes {
		list[i] = fmt.Sprintf("0x%02X", byte(c))
	}
	return list
}

// secrets are what a packet has to prove who its sender is.
func secrets(pk packets.Packet) []slog.Attr {
	switch pk := pk.(type) {
	case *packets.Connect:
		attrs := []slog.Attr{slog.String("password", string(pk.Password))}
		if data := pk.Properties.AuthenticationData; data != nil {
			attrs = append(attrs, slog.String("authentication_data", string(data)))
		}
		return attrs
	case *packets.Auth:
		return []slog.Attr{slog.String("authentication_data", string(pk.Properties.AuthenticationData))}
	}
	return nil
}

// data writes every field of a packet that is not zero, secrets only if they
// are asked for.
func (h *Hook) data(pk packets.Packet) string {
	var b strings.Builder
	h.write(&b, reflect.ValueOf(pk).Elem())
	return b.String()
}

const hidden = "(hidden)"

func (h *Hook) write(b *strings.Builder, v reflect.Value) {
	switch {
	case v.Type() == reflect.TypeFor[[]byte]():
		fmt.Fprintf(b, "%q", v.Bytes())
	case v.Kind() == reflect.String:
		fmt.Fprintf(b, "%q", v.String())
	case v.Kind() == reflect.Struct:
		h.writeFields(b, v)
	case v.Kind() == reflect.Slice:
		b.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				b.WriteByte(' ')
			}
			h.write(b, v.Index(i))
		}
		b.WriteByte(']')
	default:
		fmt.Fprintf(b, "%d", v.Interface())
	}
}

func (h *Hook) writeFields(b *strings.Builder, v reflect.Value) {
	b.WriteByte('{')
	first := true
	for f, value := range v.Fields() {
		if !f.IsExported() || value.IsZero() {
			continue
		}
		if !first {
			b.WriteByte(' ')
		}
		first = false
		b.WriteString(f.Name + ":")
		switch {
		case value.Kind() == reflect.Bool:
			b.WriteString("true") // false is zero
		case (f.Name == "Password" || f.Name == "AuthenticationData") && !h.options.ShowPasswords:
			b.WriteString(hidden)
		default:
			h.write(b, value)
		}
	}
	b.WriteByte('}')
}
