// Copyright (c) 2026, the meshwright.istio authors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later

package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// As istiod issues them: for a day, from two minutes ago, renewed after half of it.
const (
	lifetime = 24 * time.Hour
	skew     = 2 * time.Minute
)

// issued is a certificate of a workload, renewed when it is asked for later than that.
type issued struct {
	certificate *x509.Certificate
	renewed     time.Time
}

// keys sign nothing that anybody verifies: istiod's own key stays with istiod.
var signing, own = newKey(), newKey()

func newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return key
}

// leaf is the certificate that the proxy holds for an identity; `root` gives its issuer's name.
func (a *admin) leaf(identity string, root *x509.Certificate) (*x509.Certificate, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	now := time.Now()
	if found := a.issued[identity]; found != nil && now.Before(found.renewed) {
		return found.certificate, nil
	}
	end, renewed := now.Add(lifetime), now.Add(lifetime/2)
	if told := a.shown.ExpiresIn; told != nil {
		end, renewed = a.since.Add(time.Duration(*told)*time.Second), now.Add(10*365*lifetime)
	}
	uri, err := url.Parse(identity)
	if err != nil {
		return nil, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: serial, NotBefore: end.Add(-lifetime - skew), NotAfter: end, URIs: []*url.URL{uri},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	parent := &x509.Certificate{}
	if root != nil {
		parent.RawSubject, parent.SubjectKeyId = root.RawSubject, root.SubjectKeyId
	}
	encoded, err := x509.CreateCertificate(rand.Reader, template, parent, &own.PublicKey, signing)
	if err != nil {
		return nil, err
	}
	certificate, err := x509.ParseCertificate(encoded)
	if err != nil {
		return nil, err
	}
	a.issued[identity] = &issued{certificate, renewed}
	return certificate, nil
}

// ofWorkloads is what a ztunnel shows of the workloads that it serves: the captured ones of its node, by identity.
func (a *admin) ofWorkloads(workloads []object) ([]object, error) {
	now := a.now()
	var identities []string
	for _, each := range workloads {
		if each["node"] == now.Node && each["protocol"] == "HBONE" && each["workloadType"] == "pod" {
			identities = append(identities, fmt.Sprintf("spiffe://%s/ns/%s/sa/%s",
				each["trustDomain"], each["namespace"], each["serviceAccount"]))
		}
	}
	slices.Sort(identities)
	found := []object{}
	roots, err := rootsOf(now.Namespace)
	if err != nil {
		return nil, err
	}
	for _, identity := range slices.Compact(identities) {
		leaf, err := a.leaf(identity, first(roots))
		if err != nil {
			return nil, err
		}
		found = append(found, object{
			"identity": identity, "state": "Available",
			"certChain": []object{ofZtunnel(leaf)}, "rootCerts": convert(roots, ofZtunnel),
		})
	}
	return found, nil
}

// certs is an Envoy's GET /certs.
func (a *admin) certs() (object, error) {
	now := a.now()
	roots, err := rootsOf(now.Namespace)
	if err != nil {
		return nil, err
	}
	leaf, err := a.leaf(now.Identity, first(roots))
	if err != nil {
		return nil, err
	}
	// The genuine one has an entry for each listener and cluster with TLS: two say as much.
	one := object{"ca_cert": convert(roots, ofEnvoy), "cert_chain": []object{ofEnvoy(leaf)}}
	return object{"certificates": []object{one, one}}, nil
}

func first(roots []*x509.Certificate) *x509.Certificate {
	if len(roots) == 0 {
		return nil
	}
	return roots[0]
}

func ofZtunnel(c *x509.Certificate) object {
	encoded := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	return object{
		"pem": base64.StdEncoding.EncodeToString(encoded), "serialNumber": c.SerialNumber.String(),
		"validFrom": c.NotBefore.UTC().Format(time.RFC3339), "expirationTime": c.NotAfter.UTC().Format(time.RFC3339),
	}
}

func ofEnvoy(c *x509.Certificate) object {
	days := max(0, int(time.Until(c.NotAfter)/(24*time.Hour)))
	return object{
		"path": "<inline>", "serial_number": fmt.Sprintf("%032x", c.SerialNumber),
		"subject_alt_names":     convert(c.URIs, func(u *url.URL) object { return object{"uri": u.String()} }),
		"days_until_expiration": strconv.Itoa(days),
		"valid_from":            c.NotBefore.UTC().Format(time.RFC3339),
		"expiration_time":       c.NotAfter.UTC().Format(time.RFC3339),
	}
}
