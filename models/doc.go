// Package models says what we are talking about: [User], [Identity],
// [Session], [SigningKey], [Principal], [Event], [Site] and [Error], each with
// the rules that hold for it wherever it goes.
//
//	provider's claim ─▶ Identity ─▶ User
//	                       └──────▶ Session ─▶ Principal (with policy.Access) ─▶ Event
//
// Tags for GORM are allowed here, GORM is not, and neither is HTTP. Above it
// stand store (keeps these rows), identity (changes them), and dagster, proxy,
// views and handlers, which read them. Below it stands policy alone.
package models
