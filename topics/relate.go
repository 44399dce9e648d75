package topics

// Covers reports whether every topic that filter inner matches is matched by
// filter outer as well: whoever may read outer may read inner. Both come
// without $share prefix. Topics are thought to be of any length.
func Covers(outer, inner string) bool {
	if outer == "" || inner == "" {
		return false
	}
	if startsWild(outer) && startsDollar(inner) {
		return false // [MQTT-4.7.2-1]
	}
	inner = leastLevels(inner)
	o, i := 0, 0
	for o <= len(outer) {
		oend := levelEnd(outer, o)
		olevel := outer[o:oend]
		if olevel == "#" {
			return oend == len(outer)
		}
		if i > len(inner) {
			return false
		}
		iend := levelEnd(inner, i)
		ilevel := inner[i:iend]
		// A '#' of inner stands for no level at all, or many: only '#' covers it.
		if ilevel == "#" || olevel != "+" && olevel != ilevel {
			return false
		}
		o, i = oend+1, iend+1
	}
	return i > len(inner)
}

// leastLevels spells out the level that the '#' of filter cannot do without
// when filter is one of the two in which '#' stands for at least one level,
// because there is no topic without characters [MQTT-4.7.3-1]: "#" matches
// what "+/#" matches, and "/#" what "/+/#" matches.
func leastLevels(filter string) string {
	switch filter {
	case "#":
		return "+/#"
	case "/#":
		return "/+/#"
	}
	return filter
}

// Overlaps reports whether some topic is matched by both filters. Both come
// without $share prefix.
func Overlaps(a, b string) bool {
	if a == "" || b == "" {
		return false
	}
	if startsWild(a) && startsDollar(b) || startsWild(b) && startsDollar(a) {
		return false // [MQTT-4.7.2-1]
	}
	a, b = leastLevels(a), leastLevels(b)
	i, j := 0, 0
	for i <= len(a) && j <= len(b) {
		iend, jend := levelEnd(a, i), levelEnd(b, j)
		alevel, blevel := a[i:iend], b[j:jend]
		if alevel == "#" || blevel == "#" {
			return true
		}
		if alevel != "+" && blevel != "+" && alevel != blevel {
			return false
		}
		i, j = iend+1, jend+1
	}
	return onlyHashLeft(a, i) && onlyHashLeft(b, j)
}

// onlyHashLeft reports whether filter from position pos on matches no level.
func onlyHashLeft(filter string, pos int) bool {
	return pos > len(filter) || filter[pos:] == "#"
}
