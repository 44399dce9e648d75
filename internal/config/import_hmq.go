package config

// hmq reads a file of hmq.
func (im *Imported) hmq(text []byte) error {
	h, err := parseHMQ(im.name, text)
	if err != nil {
		return err
	}
	if err := im.Config.hmqListeners(im.name, &h); err != nil {
		return err
	}
	im.Config.hmqAccess(&h)
	im.Config.Access.Anonymous = Everybody
	im.note("access.anonymous", "hmq asks nobody for a password. Linnet's default is loopback: clients of this machine only.")
	if h.wantsACL() {
		im.note("access.acl_file", "Unlike hmq: a rule counts for its direction only, %%c and %%u stand for client ID and user name in rules of every kind, and a filter covers no deeper topics than it says. A user name proves nothing without access.password_file.")
	}
	im.Config.Notices.Enabled = true
	if h.workers > 0 {
		im.miss("workerNum: %d. Linnet needs no workers.", h.workers)
	}
	for i := range im.Config.Listeners {
		l, path := &im.Config.Listeners[i], element("listeners", i)
		if l.Protocol == WebSockets && l.TLS.VerifyClient != "" {
			im.note(path+".tls", "hmq does not ask WebSocket clients for certificates. Leave verify_client and client_ca_file out for the same.")
		}
		if l.isWebSocket() && h.host != "" && h.host != DefaultHost {
			im.note(path+".address", "hmq ignores host for WebSocket and listens at every address.")
		}
		if l.isWebSocket() {
			l.Origins = []string{"*"}
			im.note(path+".origins", "hmq lets every web page connect; name the origins of your own pages instead.")
		}
	}
	return nil
}
