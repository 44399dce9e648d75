package topics

// Match reports whether filter, without $share prefix, matches topic. Levels
// are compared byte by byte, nothing is normalised [MQTT-4.7.3-4].
func Match(filter, topic string) bool {
	if filter == "" || topic == "" {
		return false
	}
	if startsWild(filter) && startsDollar(topic) {
		return false // [MQTT-4.7.2-1]
	}
	f, t := 0, 0
	for f <= len(filter) {
		fend := levelEnd(filter, f)
		level := filter[f:fend]
		if level == "#" {
			// Matches the parent level too: "a/#" matches "a".
			return fend == len(filter)
		}
		if t > len(topic) {
			return false
		}
		tend := levelEnd(topic, t)
		if level != "+" && level != topic[t:tend] {
			return false
		}
		f, t = fend+1, tend+1
	}
	return t > len(topic)
}
