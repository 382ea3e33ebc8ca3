package main

import (
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	tunnelPort    = 15008
	plaintextPort = 15006
	patience      = 3 * time.Second
	// originalDestination is the socket option of netfilter, for IPv4.
	originalDestination = 80
)

// double is the proxy in front of one pod.
type double struct {
	*mesh
	own  netip.Addr
	lock sync.Mutex
	// open are the connections to the pod.
	open map[net.Conn]connection
}

// serve gets the pod's certificate, waits for the policies, says that it is listening, and carries connections to the
// pod: tunnels from its port 15008, and plaintext, which the kernel redirects to port 15006.
func serve(arguments []string) error {
	if len(arguments) != 6 {
		return fmt.Errorf("usage: serve ISTIOD ROOT-FILE TOKEN-FILE POD.NAMESPACE ADDRESS CERTIFICATE-FOLDER")
	}
	own, err := netip.ParseAddr(arguments[4])
	if err != nil {
		return err
	}
	istiod, err := connect(arguments[0], arguments[1], arguments[2])
	if err != nil {
		return err
	}
	certificate, err := istiod.certificate(arguments[5])
	if err != nil {
		return err
	}
	double := &double{mesh: newMesh(), own: own, open: map[net.Conn]connection{}}
	double.changed = double.closeRefused
	complete, ended := make(chan struct{}), make(chan error, 3)
	go func() { ended <- double.follow(istiod, own.String(), arguments[3], func() { close(complete) }) }()
	select {
	case err := <-ended:
		return err
	case <-complete:
	}
	tunnels, err := net.Listen("tcp", fmt.Sprintf(":%d", tunnelPort))
	if err != nil {
		return err
	}
	plaintext, err := net.Listen("tcp", fmt.Sprintf(":%d", plaintextPort))
	if err != nil {
		return err
	}
	var http2 http.Protocols
	http2.SetHTTP2(true)
	server := &http.Server{Handler: http.HandlerFunc(double.tunnel), Protocols: &http2, TLSConfig: &tls.Config{
		Certificates: []tls.Certificate{*certificate}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: istiod.roots,
	}}
	go func() { ended <- server.ServeTLS(tunnels, "", "") }()
	go func() { ended <- double.capture(plaintext) }()
	fmt.Println("listening")
	return <-ended
}

// tunnel carries one connection of a caller with a certificate.
func (d *double) tunnel(answer http.ResponseWriter, request *http.Request) {
	to, err := netip.ParseAddrPort(request.Host)
	if request.Method != http.MethodConnect || err != nil || to.Addr() != d.own {
		http.Error(answer, "the tunnel leads to no address of this pod", http.StatusBadRequest)
		return
	}
	var identity string
	for _, name := range request.TLS.PeerCertificates[0].URIs {
		if name.Scheme == "spiffe" {
			identity = strings.TrimPrefix(name.String(), "spiffe://")
		}
	}
	source, err := netip.ParseAddrPort(request.RemoteAddr)
	c := connection{identity, source.Addr().Unmap(), to}
	if err != nil || !d.allows(c) {
		http.Error(answer, "refused by policy", http.StatusUnauthorized)
		return
	}
	pod, err := d.dial(c)
	if err != nil {
		http.Error(answer, err.Error(), http.StatusServiceUnavailable)
		return
	}
	defer d.close(pod)
	answer.WriteHeader(http.StatusOK)
	control := http.NewResponseController(answer)
	_ = control.Flush()
	go func() {
		_, _ = io.Copy(pod, request.Body)
		_ = pod.(*net.TCPConn).CloseWrite()
	}()
	_, _ = io.Copy(flushed{answer, control}, pod)
}

// flushed sends each write at once.
type flushed struct {
	io.Writer
	control *http.ResponseController
}

func (f flushed) Write(bytes []byte) (int, error) {
	written, err := f.Writer.Write(bytes)
	if err == nil {
		err = f.control.Flush()
	}
	return written, err
}

// capture carries connections that the kernel redirected here, and which have no identity.
func (d *double) capture(listener net.Listener) error {
	for {
		caller, err := listener.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer caller.Close()
			to, err := original(caller.(*net.TCPConn))
			source, sourceErr := netip.ParseAddrPort(caller.RemoteAddr().String())
			if err != nil || sourceErr != nil || to.Addr() != d.own {
				log.Printf("plaintext to %v: %v", to, err)
				return
			}
			c := connection{"", source.Addr().Unmap(), to}
			if !d.allows(c) {
				return
			}
			pod, err := d.dial(c)
			if err != nil {
				return
			}
			defer d.close(pod)
			go func() {
				_, _ = io.Copy(pod, caller)
				_ = pod.(*net.TCPConn).CloseWrite()
			}()
			_, _ = io.Copy(caller, pod)
		}()
	}
}

func (d *double) dial(c connection) (net.Conn, error) {
	pod, err := net.DialTimeout("tcp", c.destination.String(), patience)
	if err != nil {
		return nil, err
	}
	d.lock.Lock()
	defer d.lock.Unlock()
	d.open[pod] = c
	return pod, nil
}

func (d *double) close(pod net.Conn) {
	d.lock.Lock()
	defer d.lock.Unlock()
	delete(d.open, pod)
	_ = pod.Close()
}

// closeRefused closes the connections that new policies refuse, as ztunnel does.
func (d *double) closeRefused() {
	d.lock.Lock()
	defer d.lock.Unlock()
	for pod, c := range d.open {
		if !d.allows(c) {
			_ = pod.Close()
		}
	}
}

func (d *double) allows(c connection) bool {
	by, allowed := d.judge(c)
	log.Printf("%q from %v to %v: allowed %v %s", c.identity, c.source, c.destination, allowed, by)
	return allowed
}

// original returns the address to which the caller connected.
func original(caller *net.TCPConn) (netip.AddrPort, error) {
	raw, err := caller.SyscallConn()
	if err != nil {
		return netip.AddrPort{}, err
	}
	var found *syscall.IPv6Mreq
	var foundErr error
	// The option has the form of a sockaddr_in, which fits into this type.
	err = raw.Control(func(socket uintptr) {
		found, foundErr = syscall.GetsockoptIPv6Mreq(int(socket), syscall.IPPROTO_IP, originalDestination)
	})
	if err != nil || foundErr != nil {
		return netip.AddrPort{}, fmt.Errorf("%v %v", err, foundErr)
	}
	address := found.Multiaddr
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte(address[4:8])), binary.BigEndian.Uint16(address[2:4])), nil
}
