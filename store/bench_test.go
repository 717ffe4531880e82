package store_test

import (
	"testing"

	"github.com/dagpass/dagpass/store"
	"github.com/dagpass/dagpass/store/storetest"
	"github.com/dagpass/dagpass/store/storetest/pgtest"
)

func BenchmarkStore(b *testing.B) {
	for name, s := range map[string]*store.Store{"sqlite": storetest.SQLite(b), "postgres": storetest.Migrated(b, pgtest.URL(b))} {
		p := newPerson("ada", noon())
		if err := tryChange(b.Context(), s, p.insert); err != nil {
			b.Fatal(err)
		}
		b.Run(name+" session", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, _, _, err := s.Session(b.Context(), p.session.ID); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+" record", func(b *testing.B) {
			for b.Loop() {
				if err := s.Record(b.Context(), said()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
