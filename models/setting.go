package models

import (
	"time"

	"github.com/dagpass/dagpass/policy"
)

// Setting is a value that was put over the environment's while the program ran.
type Setting struct {
	// Name is without DAGPASS_.
	Name  string `gorm:"primaryKey"`
	Value string
	// ChangedBy is the id of a user, or the operator's.
	ChangedAt time.Time
	ChangedBy string
}

// Grant is a grant that was made while the program ran. Those of the policy file
// stay there.
type Grant struct {
	// ID is 8 hexadecimal digits, the first of them a letter.
	ID     string `gorm:"primaryKey"`
	Slot   string
	Email  string
	Domain string
	Group  string
	Org    string
	Team   string
	Role   policy.Role
	// Locations are where it holds; none is the whole deployment.
	Locations []policy.Pattern `gorm:"serializer:json"`
	CreatedAt time.Time
	// CreatedBy is the id of a user, or the operator's.
	CreatedBy string
}

// Rule is the grant as the policy takes it.
func (g Grant) Rule() policy.Grant {
	return policy.Grant{
		ID: g.ID, Slot: g.Slot, Email: g.Email, Domain: g.Domain, Group: g.Group, Org: g.Org, Team: g.Team,
		Role: g.Role, Locations: g.Locations,
	}
}

// Brand is what an installation calls itself and looks like.
type Brand struct {
	// Name stands for Dagpass in titles and at the top of pages; empty is Dagpass.
	Name string
	// Color is #rrggbb; empty is ours.
	Color string
	// Message is shown before and after sign-in, as plain text; empty is none.
	Message string
	// Logo is an image of the type LogoType, such as image/png; nil is none.
	// LogoHash tells it from others.
	Logo               []byte
	LogoType, LogoHash string
}
