package identity

import (
	"testing"

	"github.com/dagpass/dagpass/models"
)

// What waits for a store that fails is bounded, and the oldest stays.
func TestWhatWaitsIsBounded(t *testing.T) {
	f := newFolder()
	older, newer := make([]models.Event, foldKinds-1), []models.Event{{Event: "a"}, {Event: "b"}, {Event: "c"}}
	if lost := f.putBack(newer); lost != 0 {
		t.Errorf("%d of three are lost", lost)
	}
	if lost := f.putBack(older); lost != 2 {
		t.Errorf("%d are lost, want 2", lost)
	}
	if all := f.all(); len(all) != foldKinds || all[foldKinds-1].Event != "a" {
		t.Errorf("%d wait, the last %q", len(all), all[len(all)-1].Event)
	}
}
