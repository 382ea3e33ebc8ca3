package main

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"time"
)

// serve says that it is listening. Then it answers on the addresses given, and says each time who answers:
// `http:HOST:PORT` with the request's own line and headers, `tcp:HOST:PORT` with a line for a line.
func serve(arguments []string) error {
	if len(arguments) < 2 {
		return fmt.Errorf("usage: serve NAME http|tcp:HOST:PORT ...")
	}
	name := arguments[0]
	ended := make(chan error)
	for _, address := range arguments[1:] {
		kind, address, _ := strings.Cut(address, ":")
		listener, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		switch kind {
		case "http":
			go func() { ended <- http.Serve(listener, echo(name)) }()
		case "tcp":
			go accept(listener, func(caller net.Conn) {
				lines := bufio.NewScanner(caller)
				for lines.Scan() {
					fmt.Fprintln(caller, name, lines.Text())
				}
			})
		default:
			return fmt.Errorf("unknown kind %q", kind)
		}
	}
	fmt.Println("listening")
	return <-ended
}

func echo(name string) http.HandlerFunc {
	return func(answer http.ResponseWriter, request *http.Request) {
		fmt.Fprintf(answer, "%s %s %s\n", name, request.Method, request.RequestURI)
		_ = request.Header.Write(answer)
	}
}

func accept(listener net.Listener, serve func(net.Conn)) {
	for {
		caller, err := listener.Accept()
		if err != nil {
			return
		}
		go func() {
			defer caller.Close()
			serve(caller)
		}()
	}
}

// forward carries every connection to an address on to a Unix socket, whose other end is outside this network.
func forward(arguments []string) error {
	if len(arguments) != 2 {
		return fmt.Errorf("usage: forward HOST:PORT SOCKET")
	}
	listener, err := net.Listen("tcp", arguments[0])
	if err != nil {
		return err
	}
	accept(listener, func(caller net.Conn) {
		server, err := net.Dial("unix", arguments[1])
		if err != nil {
			return
		}
		defer server.Close()
		go func() { _, _ = io.Copy(server, caller) }()
		_, _ = io.Copy(caller, server)
	})
	return nil
}

const patience = 3 * time.Second

// call writes a request and prints what comes back: `http HOST:PORT LINE [HEADER ...]`, byte for byte as it is given,
// or `tcp HOST:PORT`. After `as FOLDER` it speaks mTLS itself, with the certificate that an agent has left there; with
// `through HOST:PORT` too, it opens an HBONE tunnel to a waypoint, or to the proxy of the called pod's node.
func call(arguments []string) error {
	var folder, proxy string
	if len(arguments) > 2 && arguments[0] == "as" {
		folder, arguments = arguments[1], arguments[2:]
	}
	if len(arguments) > 2 && arguments[0] == "through" {
		proxy, arguments = arguments[1], arguments[2:]
	}
	if len(arguments) < 2 {
		return fmt.Errorf("usage: call [as FOLDER [through HOST:PORT]] http|tcp HOST:PORT [LINE [HEADER ...]]")
	}
	server, err := dial(arguments[1], folder, proxy)
	if err != nil {
		return err
	}
	defer server.Close()
	_ = server.SetDeadline(time.Now().Add(patience))
	if arguments[0] == "tcp" {
		if _, err := fmt.Fprintln(server, "hello"); err != nil {
			return err
		}
		line, err := bufio.NewReader(server).ReadString('\n')
		fmt.Print(line)
		return err
	}
	request := strings.Join(append(arguments[2:], "Connection: close", "", ""), "\r\n")
	if _, err := io.WriteString(server, request); err != nil {
		return err
	}
	answer, err := http.ReadResponse(bufio.NewReader(server), nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	fmt.Println(answer.StatusCode)
	body, err := io.ReadAll(answer.Body)
	fmt.Print(string(body))
	return err
}

func dial(address, folder, proxy string) (net.Conn, error) {
	if folder == "" {
		return net.DialTimeout("tcp", address, patience)
	}
	own, err := tls.LoadX509KeyPair(filepath.Join(folder, "cert-chain.pem"), filepath.Join(folder, "key.pem"))
	if err != nil {
		return nil, err
	}
	// Whom it reaches is not in question here.
	secure := &tls.Config{Certificates: []tls.Certificate{own}, InsecureSkipVerify: true}
	if proxy != "" {
		return tunnel(address, proxy, secure)
	}
	server, err := net.DialTimeout("tcp", address, patience)
	if err != nil {
		return nil, err
	}
	secure.NextProtos = []string{"istio-http/1.1", "istio"}
	return tls.Client(server, secure), nil
}
