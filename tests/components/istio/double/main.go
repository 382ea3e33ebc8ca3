// Command double takes the place of ztunnel, the proxy of an ambient mesh's node, of which no registry has a binary. It
// is a client of istiod's workload API, and judges connections by the policies that istiod pushes.
//
// It proves which policies istiod pushes for an object, to which workloads they apply, and that their meaning, as the
// comments of the API state it, refuses a connection or not. It does not prove ztunnel's own code: its evaluator, its
// TLS rules, its capture of a pod's traffic, the end of open connections when a policy changes, its start before it
// has policies, its choice of a waypoint.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: double pushed|serve [argument ...]")
		os.Exit(2)
	}
	commands := map[string]func([]string) error{"pushed": pushed, "serve": serve}
	command, known := commands[os.Args[1]]
	if !known {
		fmt.Fprintf(os.Stderr, "unknown command %q\n", os.Args[1])
		os.Exit(2)
	}
	if err := command(os.Args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
