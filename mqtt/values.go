package mqtt

// clientValue is what a hook keeps with a client.
type clientValue struct{ key, value any }

// Value returns what SetValue stored under key, nil if nothing. It takes no
// lock and may be asked for every packet.
func (c *Client) Value(key any) any {
	if list := c.values.Load(); list != nil {
		for i := range *list {
			if (*list)[i].key == key {
				return (*list)[i].value
			}
		}
	}
	return nil
}

// SetValue stores a value that lives as long as the client. The key is the
// hook's own: a pointer to it, or a value of an unexported type. It is for a
// few values per client; the embedding program has SetUserData.
func (c *Client) SetValue(key, value any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var next []clientValue
	if list := c.values.Load(); list != nil {
		for _, v := range *list {
			if v.key != key {
				next = append(next, v)
			}
		}
	}
	next = append(next, clientValue{key, value})
	c.values.Store(&next)
}
