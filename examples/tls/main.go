// Command tls is a broker behind TLS. It makes itself a certificate that nobody
// has signed; a real one comes from tls.LoadX509KeyPair.
package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"fmt"
	"log"
	"math/big"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/linnetmq/linnet/hooks/auth"
	"github.com/linnetmq/linnet/listeners"
	"github.com/linnetmq/linnet/mqtt"
)

func main() {
	addr := flag.String("addr", ":8883", "address to listen on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	cert, err := selfSigned()
	if err != nil {
		log.Fatal(err)
	}
	server := mqtt.New(nil)
	secure := listeners.NewTLS("t1", *addr, &listeners.Config{TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}}})
	if err := errors.Join(server.AddHook(new(auth.AllowHook), nil), server.AddListener(secure)); err != nil {
		log.Fatal(err)
	}
	fmt.Println("listening on", secure.Address())
	if err := server.Run(ctx); err != nil {
		log.Fatal(err)
	}
	fmt.Println("stopped")
}

func selfSigned() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		DNSNames:     []string{"localhost"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
