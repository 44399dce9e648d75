package rest

import (
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/linnetmq/linnet/packets"
)

// userProperty is a name-value pair of an application.
type userProperty struct {
	Key   string `json:"key" maxLength:"65535"`
	Value string `json:"value" maxLength:"65535"`
}

// MessageView is a message: to publish, retained, or seen by a stream. Of
// payload and payload_base64 it has one. It is exported for the reason of
// PageInput.
type MessageView struct {
	Topic         string  `json:"topic" minLength:"1" maxLength:"65535"`
	Payload       *string `json:"payload,omitempty" nullable:"false" doc:"The payload where it is text (UTF-8)."`
	PayloadBase64 []byte  `json:"payload_base64,omitempty" nullable:"false" doc:"The payload where it is no text."`
	QoS           byte    `json:"qos,omitempty" minimum:"0" maximum:"2"`
	Retain        bool    `json:"retain,omitempty"`

	ContentType            string         `json:"content_type,omitempty" maxLength:"65535"`
	ResponseTopic          string         `json:"response_topic,omitempty" maxLength:"65535"`
	CorrelationData        []byte         `json:"correlation_data,omitempty" nullable:"false" doc:"Base64."`
	PayloadFormatIndicator byte           `json:"payload_format_indicator,omitempty" maximum:"1"`
	MessageExpiryInterval  *uint32        `json:"message_expiry_interval,omitempty" nullable:"false" doc:"Seconds; missing: it does not expire."`
	UserProperties         []userProperty `json:"user_properties,omitempty" nullable:"false" maxItems:"100"`
}

// receivedView is a message with what is known about where it came from.
type receivedView struct {
	MessageView
	Publisher string     `json:"publisher,omitempty" doc:"Client identifier of the publisher."`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

// packet makes the PUBLISH of a message.
func (m *MessageView) packet() (*packets.Publish, error) {
	if m.Payload != nil && m.PayloadBase64 != nil {
		return nil, fmt.Errorf("message on %q: give payload or payload_base64, not both", m.Topic)
	}
	pk := &packets.Publish{Topic: m.Topic, Payload: m.PayloadBase64, QoS: m.QoS, Retain: m.Retain}
	if m.Payload != nil {
		pk.Payload = []byte(*m.Payload)
	}
	p := &pk.Properties
	p.ContentType, p.ResponseTopic, p.CorrelationData = m.ContentType, m.ResponseTopic, m.CorrelationData
	p.PayloadFormatIndicator = m.PayloadFormatIndicator
	if m.MessageExpiryInterval != nil {
		p.MessageExpiryInterval = *m.MessageExpiryInterval
		p.Set(packets.PropMessageExpiryInterval)
	}
	for _, u := range m.UserProperties {
		p.User = append(p.User, packets.UserProperty{Key: u.Key, Value: u.Value})
	}
	return pk, nil
}

// viewMessage shows a PUBLISH. The view shares no memory with it if its slices
// were cloned before.
func viewMessage(pk *packets.Publish) MessageView {
	p := &pk.Properties
	m := MessageView{
		Topic: pk.Topic, QoS: pk.QoS, Retain: pk.Retain,
		ContentType: p.ContentType, ResponseTopic: p.ResponseTopic, CorrelationData: p.CorrelationData,
		PayloadFormatIndicator: p.PayloadFormatIndicator,
	}
	m.setPayload(pk.Payload)
	if p.Has(packets.PropMessageExpiryInterval) {
		seconds := p.MessageExpiryInterval
		m.MessageExpiryInterval = &seconds
	}
	for _, u := range p.User {
		m.UserProperties = append(m.UserProperties, userProperty(u))
	}
	return m
}

func (m *MessageView) setPayload(payload []byte) {
	if utf8.Valid(payload) {
		text := string(payload)
		m.Payload = &text
		return
	}
	m.PayloadBase64 = payload
}
