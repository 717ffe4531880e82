// Package slapdtest gives tests a real, throwaway OpenLDAP.
//
//	slapdtest.Start(t, Options{}) ──> slapd on two free loopback ports: ldap (StartTLS), ldaps
//	        │                            with a certificate of a CA made for it
//	        └── s.LDIF(t, "dn: …") ───> ldapmodify, as the directory's root
//
// Each Start is a directory of its own; it takes a tenth of a second. A server
// hangs on a pipe that the test binary holds open, so that it ends, and its
// folder with it, when its test or the binary does: also when the binary is
// killed.
//
// Neighbours: the tests of providers and e2e. It knows nothing of ours.
package slapdtest
