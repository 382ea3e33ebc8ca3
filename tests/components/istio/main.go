// Command istio is the mesh the tests start: istiod and istioctl, chosen by the first argument.
package main

import (
	"fmt"
	"os"

	"istio.io/istio/istioctl/cmd"
	discovery "istio.io/istio/pilot/cmd/pilot-discovery/app"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: istio istiod|istioctl [argument ...]")
		os.Exit(2)
	}
	os.Args = os.Args[1:]
	switch os.Args[0] {
	case "istiod":
		if err := discovery.NewRootCommand().Execute(); err != nil {
			os.Exit(1)
		}
	case "istioctl":
		if err := cmd.GetRootCmd(os.Args[1:]).Execute(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(cmd.GetExitCode(err))
		}
	default:
		fmt.Fprintf(os.Stderr, "unknown component %q\n", os.Args[0])
		os.Exit(2)
	}
}
