// Command agent is what runs in a pod of the tests: the real pilot-agent, a workload that answers, and a caller,
// chosen by the first argument.
package main

import (
	"fmt"
	"os"

	meshconfig "istio.io/api/mesh/v1alpha1"
	agent "istio.io/istio/pilot/cmd/pilot-agent/app"
	istioagent "istio.io/istio/pkg/istio-agent"
	"istio.io/istio/pkg/security"
	"istio.io/istio/security/pkg/nodeagent/sds"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: agent pilot-agent|serve|forward|call [argument ...]")
		os.Exit(2)
	}
	os.Args = os.Args[1:]
	commands := map[string]func([]string) error{
		"pilot-agent": func([]string) error { return agent.NewRootCommand(discovery).Execute() },
		"serve":       serve,
		"forward":     forward,
		"call":        call,
	}
	command, known := commands[os.Args[0]]
	if !known {
		fmt.Fprintf(os.Stderr, "unknown command %q\n", os.Args[0])
		os.Exit(2)
	}
	if err := command(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func discovery(options *security.Options, cache security.SecretManager, keys *meshconfig.PrivateKeyProvider) istioagent.SDSService {
	return sds.NewServer(options, cache, keys)
}
