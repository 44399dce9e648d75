package mqtt_test

import (
	"testing"

	"github.com/linnetmq/linnet/mqtt"
	"github.com/linnetmq/linnet/mqtttest"
	"github.com/linnetmq/linnet/packets"
)

func TestMaximumClientsChangesAtRunTime(t *testing.T) {
	t.Parallel()
	s := mqtttest.NewServerWith(t, &mqtt.Options{Capabilities: mqtt.Capabilities{MaximumClients: 1}})
	first := mqtttest.Dial(t, s, mqtttest.Connect("first"))
	refused := mqtttest.DialRefused(t, s, mqtttest.Connect("second"))
	if refused.Connack.Code != packets.ErrServerBusy {
		t.Errorf("the second of one got %v", refused.Connack.Code)
	}

	s.SetMaximumClients(2)
	second := mqtttest.Dial(t, s, mqtttest.Connect("second"))
	if have := s.Options().Capabilities.MaximumClients; have != 2 {
		t.Errorf("options say %d", have)
	}

	s.SetMaximumClients(1)
	first.Ping()
	second.Ping() // nobody is disconnected
	mqtttest.DialRefused(t, s, mqtttest.Connect("third"))

	s.SetMaximumClients(-1)
	mqtttest.Dial(t, s, mqtttest.Connect("third")).Ping()
}
