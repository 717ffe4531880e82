package store

import (
	"gorm.io/gorm"

	"github.com/dagpass/dagpass/models"
)

// KindQuery is what [Store.RecordsOf] asks the database for a page of no times.
func (s *Store) KindQuery(kinds []Kind, f models.Filter, p Page) string {
	dry := s.read.Session(&gorm.Session{DryRun: true})
	p, _ = s.within(s.read, f, p)
	done := chosen(dry, kinds, f, p).Find(&[]eventRow{})
	return done.Dialector.Explain(done.Statement.SQL.String(), done.Statement.Vars...)
}
