package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
)

// tunnel opens an HBONE tunnel to an address through a proxy: a CONNECT request of HTTP/2 over mTLS.
func tunnel(address, proxy string, secure *tls.Config) (net.Conn, error) {
	var http2 http.Protocols
	http2.SetHTTP2(true)
	transport := &http.Transport{
		Protocols: &http2, TLSClientConfig: secure, TLSHandshakeTimeout: patience, ResponseHeaderTimeout: patience,
		DialContext: (&net.Dialer{Timeout: patience}).DialContext,
	}
	sent, toSend := io.Pipe()
	request, err := http.NewRequest(http.MethodConnect, "https://"+proxy, sent)
	if err != nil {
		return nil, err
	}
	request.Host = address
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("tunnel: %s", answer.Status)
	}
	own, other := net.Pipe()
	go func() {
		_, _ = io.Copy(toSend, other)
		_ = toSend.Close()
	}()
	go func() {
		_, _ = io.Copy(other, answer.Body)
		_ = other.Close()
	}()
	return own, nil
}
