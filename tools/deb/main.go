// Command deb builds the Debian package of Linnet with nfpm:
//
//	deb VERSION ARCH PROGRAM DIR OUT
//
// DIR is deploy; OUT is the package to write. Of nfpm only the part for Debian
// is compiled, which keeps the build short.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/goreleaser/nfpm/v2"
	"github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
)

func main() {
	if len(os.Args) != 6 {
		fmt.Fprintln(os.Stderr, "usage: deb VERSION ARCH PROGRAM DIR OUT")
		os.Exit(2)
	}
	if err := build(os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]); err != nil {
		fmt.Fprintln(os.Stderr, "deb:", err)
		os.Exit(1)
	}
}

func build(version, arch, program, deploy, out string) error {
	info := nfpm.WithDefaults(&nfpm.Info{
		Name: "linnet", Arch: arch, Platform: "linux", Version: version, VersionSchema: "semver",
		Section: "net", Priority: "optional", Maintainer: "The Linnet authors <https://github.com/linnetmq/linnet>",
		Homepage: "https://github.com/linnetmq/linnet", License: "Apache-2.0",
		Description: "MQTT broker for MQTT 3.1, 3.1.1 and 5.0\nOver TCP, TLS, WebSocket and Unix sockets; one program, also to publish,\nto subscribe and to measure.",
		Overridables: nfpm.Overridables{
			Depends: []string{"adduser"},
			Scripts: nfpm.Scripts{
				PostInstall: filepath.Join(deploy, "deb", "postinst"),
				PreRemove:   filepath.Join(deploy, "deb", "prerm"),
				PostRemove:  filepath.Join(deploy, "deb", "postrm"),
			},
			Contents: files.Contents{
				{Source: program, Destination: "/usr/bin/linnet", FileInfo: &files.ContentFileInfo{Mode: 0o755}},
				{Source: filepath.Join(deploy, "systemd", "linnet.service"), Destination: "/usr/lib/systemd/system/linnet.service", FileInfo: &files.ContentFileInfo{Mode: 0o644}},
				{Source: filepath.Join(deploy, "deb", "default"), Destination: "/etc/default/linnet", Type: files.TypeConfigNoReplace, FileInfo: &files.ContentFileInfo{Mode: 0o644}},
				{Source: filepath.Join(deploy, "..", "LICENSE"), Destination: "/usr/share/doc/linnet/copyright", FileInfo: &files.ContentFileInfo{Mode: 0o644}},
			},
		},
	})
	if err := nfpm.PrepareForPackager(info, "deb"); err != nil {
		return err
	}
	file, err := os.Create(out)
	if err != nil {
		return err
	}
	if err := deb.Default.Package(info, file); err != nil {
		_ = file.Close() // the error that matters is the one before
		return err
	}
	return file.Close()
}
