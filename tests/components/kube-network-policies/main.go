// Command kube-network-policies enforces NetworkPolicies and AdminNetworkPolicies of a cluster in the network namespace it runs in: it judges
// each packet that iptables sends to NFQUEUE 100. Its own nftables rules need CONFIG_NFT_QUEUE; it logs an error without
// that, and judges all the same.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/klog/v2"
	"sigs.k8s.io/kube-network-policies/pkg/networkpolicy"
	admin "sigs.k8s.io/network-policy-api/pkg/client/clientset/versioned"
	admininformers "sigs.k8s.io/network-policy-api/pkg/client/informers/externalversions"
)

func main() {
	klog.InitFlags(nil)
	kubeconfig := flag.String("kubeconfig", "", "the cluster and the user")
	socket := flag.String("through", "", "a Unix socket that leads to the API server")
	flag.Parse()
	if err := run(*kubeconfig, *socket); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(kubeconfig, socket string) error {
	if kubeconfig == "" || socket == "" {
		return errors.New("usage: kube-network-policies --kubeconfig FILE --through SOCKET")
	}
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return err
	}
	config.Dial = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	// It asks the container runtime for addresses of pods. This one is absent, so that it asks none of this machine.
	if err := os.Setenv("NRI_PLUGIN_SOCKET", "none"); err != nil {
		return err
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	return enforce(ctx, config)
}

func enforce(ctx context.Context, config *rest.Config) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	adminClient, err := admin.NewForConfig(config)
	if err != nil {
		return err
	}
	all := informers.NewSharedInformerFactory(client, 0)
	adminPolicies := admininformers.NewSharedInformerFactory(adminClient, 0)
	controller, err := networkpolicy.NewController(client, all.Networking().V1().NetworkPolicies(),
		all.Core().V1().Namespaces(), all.Core().V1().Pods(), all.Core().V1().Nodes(), adminClient,
		adminPolicies.Policy().V1alpha1().AdminNetworkPolicies(), nil,
		// Nobody's pods: where its own rules are accepted, they send it nothing.
		networkpolicy.Config{NodeName: "nobody", QueueID: 100, AdminNetworkPolicy: true})
	if err != nil {
		return err
	}
	all.Start(ctx.Done())
	adminPolicies.Start(ctx.Done())
	return controller.Run(ctx)
}
