package e2e

import "testing"

func backup(t *testing.T, w *world)   {}
func wrap(t *testing.T, w *world)     {}
func demo(t *testing.T, w *world)     {}
func pictures(t *testing.T, w *world) {}
