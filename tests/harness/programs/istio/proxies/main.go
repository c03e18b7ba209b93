package main

import "istio.io/istio/pkg/adsc"

func main() { _ = adsc.New }
