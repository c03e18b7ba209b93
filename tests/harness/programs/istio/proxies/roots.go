// Copyright (c) 2026, the meshwright.istio authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"time"
)

// api is where the roots that proxies trust are read: the ConfigMaps that istiod writes.
type api struct {
	Server    string `json:"server"`
	Token     string `json:"token"`
	Authority string `json:"authority"`
	client    *http.Client
}

var kube *api

func (a *api) connect() {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(a.Authority))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, ForceAttemptHTTP2: true}
	a.client = &http.Client{Transport: transport, Timeout: 10 * time.Second}
}

// rootsOf are the roots that a proxy in this namespace was given; none where istiod wrote none.
func rootsOf(namespace string) ([]*x509.Certificate, error) {
	address := fmt.Sprintf("%s/api/v1/namespaces/%s/configmaps/istio-ca-root-cert", kube.Server, namespace)
	request, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+kube.Token)
	response, err := kube.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNotFound {
		return nil, nil
	}
	var found struct {
		Data map[string]string `json:"data"`
	}
	if err := json.NewDecoder(response.Body).Decode(&found); err != nil {
		return nil, err
	}
	var roots []*x509.Certificate
	rest := []byte(found.Data["root-cert.pem"])
	for {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return roots, nil
		}
		root, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		roots = append(roots, root)
	}
}
