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
	if h.wantsACL() {
		im.miss("acl, aclConf: access control files are not offered yet in this version. Until they are, this file admits clients of this machine, without any rules, and nobody else.")
	} else {
		im.Config.Access.Anonymous = Everybody
		im.note("access.anonymous", "hmq without an ACL file admits everybody. Linnet's default is loopback: clients of this machine only.")
	}
	if h.workers > 0 {
		im.miss("workerNum: %d. Linnet needs no workers.", h.workers)
	}
	for i := range im.Config.Listeners {
		l, path := &im.Config.Listeners[i], element("listeners", i)
		if l.Protocol == WebSockets && l.TLS.VerifyClient {
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
