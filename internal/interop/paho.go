package interop

import (
	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/packets"
)

// Unsubscribable is the filter which the suite expects to be refused.
const Unsubscribable = "test/nosubscribe"

// PahoOptions returns the options of a broker as the suite expects it: the
// defaults, but for a Keep Alive of at most 60 s.
func PahoOptions() *mqtt.Options {
	return &mqtt.Options{ServerKeepAlive: 60}
}

// PahoHook returns the hook of such a broker: everybody may do everything,
// except to subscribe to Unsubscribable, which is refused with 0x80.
func PahoHook() *mqtt.HookFuncs {
	return &mqtt.HookFuncs{
		OnConnect: func(*mqtt.Client) packets.Code { return packets.CodeSuccess },
		OnSubscribe: func(_ *mqtt.Client, sub packets.Subscription) packets.Code {
			if sub.Filter == Unsubscribable {
				return packets.ErrUnspecified
			}
			return packets.Code(sub.QoS)
		},
	}
}
