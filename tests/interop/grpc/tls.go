package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"flag"
	"os"
)

import (
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// tlsFiles are the files of one side. A consumer speaks TLS where there is an authority, a provider where there is a certificate, which
// asks its callers for certificates where there is an authority as well.
type tlsFiles struct {
	authority, cert, key, serverName string
}

func (t *tlsFiles) define(flags *flag.FlagSet) {
	flags.StringVar(&t.authority, "tls-ca", "", "file of the authority that the other side's certificates come from")
	flags.StringVar(&t.cert, "tls-cert", "", "file of the own certificate")
	flags.StringVar(&t.key, "tls-key", "", "file of its key")
	flags.StringVar(&t.serverName, "tls-server-name", "", "the name that a provider's certificate must carry")
}

func (t *tlsFiles) provider() (credentials.TransportCredentials, error) {
	if t.cert == "" {
		return insecure.NewCredentials(), nil
	}
	config, err := t.config()
	if err != nil {
		return nil, err
	}
	if config.RootCAs != nil {
		config.ClientCAs, config.ClientAuth = config.RootCAs, tls.RequireAndVerifyClientCert
	}
	return credentials.NewTLS(config), nil
}

func (t *tlsFiles) consumer() (credentials.TransportCredentials, error) {
	if t.authority == "" {
		return insecure.NewCredentials(), nil
	}
	config, err := t.config()
	if err != nil {
		return nil, err
	}
	return credentials.NewTLS(config), nil
}

func (t *tlsFiles) config() (*tls.Config, error) {
	config := &tls.Config{ServerName: t.serverName}
	if t.authority != "" {
		text, err := os.ReadFile(t.authority)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(text) {
			return nil, errors.New("no certificate in " + t.authority)
		}
	}
	if t.cert != "" {
		pair, err := tls.LoadX509KeyPair(t.cert, t.key)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}
