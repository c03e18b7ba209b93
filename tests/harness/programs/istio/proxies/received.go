// Copyright (c) 2026, the meshwright.istio authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"sync"
	"unique"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
)

// received is what a proxy was sent and did not reject, by type and name. It outlives connections, as in a ztunnel.
type received struct {
	mutex sync.Mutex
	// Equal resources of several proxies are held once: with 10,000 pods they would count.
	types map[string]map[string]unique.Handle[string]
}

func (r *received) apply(response *discovery.DeltaDiscoveryResponse, first bool) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.types == nil {
		r.types = map[string]map[string]unique.Handle[string]{}
	}
	held := r.types[response.TypeUrl]
	if held == nil || first {
		// A new connection begins with everything there is: what is absent went while there was none.
		held = map[string]unique.Handle[string]{}
		r.types[response.TypeUrl] = held
	}
	for _, resource := range response.Resources {
		held[resource.Name] = unique.Make(string(resource.GetResource().GetValue()))
	}
	for _, name := range response.RemovedResources {
		delete(held, name)
	}
}

// all returns the resources of a type, encoded, in no order.
func (r *received) all(typeURL string) [][]byte {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	found := make([][]byte, 0, len(r.types[typeURL]))
	for _, each := range r.types[typeURL] {
		found = append(found, []byte(each.Value()))
	}
	return found
}

// keeping notes what arrives, before it is acknowledged.
type keeping struct {
	grpc.ClientStream
	into     *received
	rejected map[string]bool
	seen     map[string]bool
}

func (k *keeping) RecvMsg(message any) error {
	if err := k.ClientStream.RecvMsg(message); err != nil {
		return err
	}
	if response, ok := message.(*discovery.DeltaDiscoveryResponse); ok && !k.rejected[response.TypeUrl] {
		k.into.apply(response, !k.seen[response.TypeUrl])
		k.seen[response.TypeUrl] = true
	}
	return nil
}
