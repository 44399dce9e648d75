package config

// Values are all single values and lists of texts by the paths of their keys, as
// texts, without secrets.
func (c *Config) Values() map[string]string {
	all := map[string]string{}
	c.keys().walk("", func(path string, k *key) {
		switch k.value.(type) {
		case *scalar, *words:
			all[path] = text(k.value)
		}
	})
	return all
}
