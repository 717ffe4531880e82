// Package freeport finds ports for the servers that tests start.
//
// The kernel takes the ports of outgoing connections out of the same range as
// those of listeners that ask for port 0. Whoever asks for one, closes it and
// hands its number to a program that starts a moment later finds it taken now
// and then by a connection. The ports of this package lie below that range.
package freeport

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

// first and last bound the ports: above what services are known by, below what
// Linux takes for outgoing connections (ip_local_port_range, 32768 at the least).
const first, last = 20000, 32000

var (
	mu    sync.Mutex
	given = map[int]bool{}
)

var errNone = errors.New("freeport: no port is free")

// Next is a loopback port at which nothing listens and which this process was
// not given before.
func Next() (int, error) {
	mu.Lock()
	defer mu.Unlock()
	for range last - first {
		port := first + rand.IntN(last-first) //nolint:gosec // it is no secret
		if given[port] {
			continue
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err != nil {
			continue
		}
		given[port] = true
		return port, l.Close()
	}
	return 0, errNone
}
