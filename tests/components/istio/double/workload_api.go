package main

import (
	"encoding/json"
	"fmt"
	"log"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	core "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"istio.io/istio/pkg/workloadapi"
	"istio.io/istio/pkg/workloadapi/security"
)

const (
	addressType       = "type.googleapis.com/istio.workload.Address"
	authorizationType = "type.googleapis.com/istio.security.Authorization"
)

// mesh is what istiod has pushed, each resource by its name.
type mesh struct {
	lock      sync.RWMutex
	addresses map[string]*workloadapi.Address
	policies  map[string]*security.Authorization
	// changed is called after each change.
	changed func()
}

func newMesh() *mesh {
	return &mesh{
		addresses: map[string]*workloadapi.Address{}, policies: map[string]*security.Authorization{}, changed: func() {},
	}
}

// follow subscribes to every resource of both types, as a ztunnel does, for the pod NAME.NAMESPACE at an address. It
// calls complete when both types have arrived, and returns only with an error.
func (m *mesh) follow(i *istiod, address, pod string, complete func()) error {
	stream, err := discovery.NewAggregatedDiscoveryServiceClient(i.connection).DeltaAggregatedResources(i.context())
	if err != nil {
		return err
	}
	_, namespace, _ := strings.Cut(pod, ".")
	about, err := structpb.NewStruct(map[string]any{"CLUSTER_ID": "Kubernetes", "NAMESPACE": namespace})
	if err != nil {
		return err
	}
	node := &core.Node{
		Id:       fmt.Sprintf("ztunnel~%s~%s~%s.svc.cluster.local", address, pod, namespace),
		Metadata: about,
	}
	missing := map[string]bool{addressType: true, authorizationType: true}
	for kind := range missing {
		request := &discovery.DeltaDiscoveryRequest{Node: node, TypeUrl: kind, ResourceNamesSubscribe: []string{"*"}}
		if err := stream.Send(request); err != nil {
			return err
		}
	}
	for {
		answer, err := stream.Recv()
		if err != nil {
			return err
		}
		if err := m.update(answer); err != nil {
			return err
		}
		m.changed()
		if missing[answer.TypeUrl] {
			delete(missing, answer.TypeUrl)
			if len(missing) == 0 {
				complete()
			}
		}
		accepted := &discovery.DeltaDiscoveryRequest{TypeUrl: answer.TypeUrl, ResponseNonce: answer.Nonce}
		if err := stream.Send(accepted); err != nil {
			return err
		}
	}
}

func (m *mesh) update(answer *discovery.DeltaDiscoveryResponse) error {
	m.lock.Lock()
	defer m.lock.Unlock()
	for _, resource := range answer.Resources {
		switch answer.TypeUrl {
		case addressType:
			address := &workloadapi.Address{}
			if err := resource.Resource.UnmarshalTo(address); err != nil {
				return err
			}
			m.addresses[resource.Name] = address
		case authorizationType:
			policy := &security.Authorization{}
			if err := resource.Resource.UnmarshalTo(policy); err != nil {
				return err
			}
			m.policies[resource.Name] = policy
			log.Printf("policy %s", resource.Name)
		}
	}
	for _, name := range answer.RemovedResources {
		switch answer.TypeUrl {
		case addressType:
			delete(m.addresses, name)
		case authorizationType:
			delete(m.policies, name)
		}
	}
	return nil
}

// pushed prints everything that istiod pushes, as one JSON object.
func pushed(arguments []string) error {
	if len(arguments) != 4 {
		return fmt.Errorf("usage: pushed ISTIOD ROOT-FILE TOKEN-FILE POD.NAMESPACE")
	}
	istiod, err := connect(arguments[0], arguments[1], arguments[2])
	if err != nil {
		return err
	}
	mesh := newMesh()
	complete, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- mesh.follow(istiod, "127.0.0.1", arguments[3], func() { close(complete) }) }()
	select {
	case err := <-ended:
		return err
	case <-complete:
	}
	mesh.lock.RLock()
	defer mesh.lock.RUnlock()
	addresses, err := encoded(mesh.addresses)
	if err != nil {
		return err
	}
	policies, err := encoded(mesh.policies)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"addresses": addresses, "policies": policies})
}

func encoded[M proto.Message](messages map[string]M) ([]json.RawMessage, error) {
	all := []json.RawMessage{}
	for _, name := range slices.Sorted(maps.Keys(messages)) {
		text, err := protojson.Marshal(messages[name])
		if err != nil {
			return nil, err
		}
		all = append(all, text)
	}
	return all, nil
}
