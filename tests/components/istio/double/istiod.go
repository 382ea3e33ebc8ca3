package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"

	ca "istio.io/api/security/v1alpha1"
)

// istiod is a connection to istiod with a workload's token.
type istiod struct {
	connection *grpc.ClientConn
	token      string
	roots      *x509.CertPool
}

// connect reads the mesh's root certificate and the token from files.
func connect(address, rootFile, tokenFile string) (*istiod, error) {
	root, err := os.ReadFile(rootFile)
	if err != nil {
		return nil, err
	}
	token, err := os.ReadFile(tokenFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(root) {
		return nil, fmt.Errorf("no certificate in %s", rootFile)
	}
	secure := credentials.NewTLS(&tls.Config{RootCAs: roots, ServerName: "istiod.istio-system.svc"})
	connection, err := grpc.NewClient(address, grpc.WithTransportCredentials(secure))
	return &istiod{connection, strings.TrimSpace(string(token)), roots}, err
}

func (i *istiod) context() context.Context {
	return metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer "+i.token, "clusterid", "Kubernetes")
}

// certificate gets a certificate for the account of the token, and writes it to a folder as an agent does.
func (i *istiod) certificate(folder string) (*tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	// istiod takes the name from the token.
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, key)
	if err != nil {
		return nil, err
	}
	csr := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: request})
	answer, err := ca.NewIstioCertificateServiceClient(i.connection).CreateCertificate(i.context(),
		&ca.IstioCertificateRequest{Csr: string(csr), ValidityDuration: 24 * 60 * 60})
	if err != nil {
		return nil, err
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, err
	}
	chainFile, keyFile := filepath.Join(folder, "cert-chain.pem"), filepath.Join(folder, "key.pem")
	if err := os.WriteFile(chainFile, []byte(strings.Join(answer.CertChain, "")), 0o644); err != nil {
		return nil, err
	}
	if err := os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: encoded}), 0o644); err != nil {
		return nil, err
	}
	certificate, err := tls.LoadX509KeyPair(chainFile, keyFile)
	return &certificate, err
}
