// Copyright (c) 2026, the meshwright.istio authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"istio.io/istio/pilot/pkg/model"
)

// shown is what a proxy answers with on its ports, less what istiod sends.
type shown struct {
	// Admin and Stats are the ports of loopback where the pod's 15000 and 15020 are served.
	Admin     int            `json:"admin"`
	Stats     int            `json:"stats"`
	Type      model.NodeType `json:"type"`
	Namespace string         `json:"namespace"`
	Workload  string         `json:"workload"`
	Node      string         `json:"node"`
	Version   string         `json:"version"`
	// Identity is an Envoy's own; a ztunnel has those of the workloads that it serves.
	Identity string `json:"identity"`
	// ExpiresIn is how many seconds its certificates last from now on; nil: a day, and renewed.
	ExpiresIn *int64 `json:"expiresIn"`
	// Metrics are lines added to those that it has.
	Metrics string `json:"metrics"`
}

// admin is the part of a proxy's ports that is simulated. ztunnel: GET /config_dump, :15020/metrics. Envoy:
// GET /certs, :15020/stats/prometheus. All of it is made when it is asked for.
type admin struct {
	servers []*http.Server
	state   *received

	mutex  sync.Mutex
	shown  shown
	since  time.Time
	issued map[string]*issued
}

// serve starts to answer; the proxy's ports are those of `s`.
func serve(s shown) (*admin, error) {
	a := &admin{state: &received{}}
	a.update(s)
	ports := http.NewServeMux()
	stats := http.NewServeMux()
	if s.Type == model.Ztunnel {
		ports.HandleFunc("GET /config_dump", answer(a.dump))
		stats.HandleFunc("GET /metrics", text("application/openmetrics-text;charset=utf-8;version=1.0.0", a.ztunnelMetrics))
	} else {
		ports.HandleFunc("GET /certs", answer(a.certs))
		stats.HandleFunc("GET /stats/prometheus", text("text/plain; version=0.0.4; charset=utf-8", a.envoyMetrics))
	}
	for port, handler := range map[int]http.Handler{s.Admin: ports, s.Stats: stats} {
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			a.close()
			return nil, err
		}
		server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
		a.servers = append(a.servers, server)
		go func() { _ = server.Serve(listener) }()
	}
	return a, nil
}

// update takes what is shown from now on. Certificates that are told when to end are issued anew.
func (a *admin) update(s shown) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.shown, a.since, a.issued = s, time.Now(), map[string]*issued{}
}

func (a *admin) at(s shown) bool {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.shown.Admin == s.Admin && a.shown.Stats == s.Stats
}

func (a *admin) close() {
	for _, server := range a.servers {
		_ = server.Close()
	}
}

func (a *admin) now() shown {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return a.shown
}

func (a *admin) dump() (object, error) {
	found, err := dump(a.state)
	if err != nil {
		return nil, err
	}
	certificates, err := a.ofWorkloads(found["workloads"].([]object))
	if err != nil {
		return nil, err
	}
	found["certificates"] = certificates
	return found, nil
}

func answer(of func() (object, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		found, err := of()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		encoder := json.NewEncoder(w)
		encoder.SetIndent("", "  ")
		_ = encoder.Encode(found)
	}
}

func text(kind string, of func() (string, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		found, err := of()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", kind)
		_, _ = w.Write([]byte(found))
	}
}
