package packets

// Will is the Will Message of a CONNECT.
type Will struct {
	Topic      string
	Payload    []byte
	QoS        QoS
	Retain     bool
	Properties Properties
}

func (p *Connect) decodeWill(r *bodyReader, bits byte) {
	w := &p.Will
	p.WillFlag = true
	w.QoS = bits & connectWillQoS >> 3
	w.Retain = bits&connectWillRetain != 0
	if p.Version >= V5 {
		r.properties(&w.Properties, TypeWill)
	}
	w.Topic = string(r.text("Will Topic")) // [MQTT-3.1.3-11]
	w.Payload = copyBytes(r.binary("Will Payload"))
	if r.err == nil {
		if err := topicNameError(w.Topic, "Will Topic"); err != nil {
			r.fail(err)
		}
	}
}

func (w *Will) append(pw *packetWriter, v Version) {
	if w.QoS > 2 {
		pw.fail(malformed("CONNECT with Will QoS %d", w.QoS)) // [MQTT-3.1.2-12]
	}
	if err := topicNameError(w.Topic, "Will Topic"); err != nil {
		pw.fail(err)
	}
	if v >= V5 {
		pw.properties(&w.Properties, TypeWill)
	}
	pw.text(w.Topic, "Will Topic")
	pw.binary(w.Payload, "Will Payload")
}

// topicNameError says why a string of valid UTF-8 is no Topic Name.
func topicNameError(topic, what string) error {
	if topic == "" {
		return protocolError("%s is empty", what) // [MQTT-4.7.3-1]
	}
	if hasWildcard(topic) {
		return malformed("%s with a wildcard", what) // [MQTT-3.3.2-2]
	}
	return nil
}
