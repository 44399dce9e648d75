package mqtt

// SetMaximumClients changes Capabilities.MaximumClients at run time; 0 takes the
// bound away. A lower one disconnects nobody: it counts from the next CONNECT on.
// It may be called by any goroutine.
func (s *Server) SetMaximumClients(n int64) { s.maximumClients.Store(max(n, 0)) }

// full reports whether all connections are taken, and how many there are.
func (s *Server) full() (most int64, full bool) {
	most = s.maximumClients.Load()
	return most, most > 0 && s.stats.connected.Load() >= most
}
