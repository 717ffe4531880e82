package handlers

import (
	"cmp"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/views"
)

// overview is the console's first page.
func (s *Server) overview(c echo.Context) error {
	o, err := s.Identity.Overview(c.Request().Context())
	if err != nil {
		return err
	}
	recent, err := s.eventLines(c, o.Recent)
	if err != nil {
		return err
	}
	around := s.Around() // from memory: the page does not wait for others
	return s.show(c, http.StatusOK, views.ConsoleOverview{
		Console: s.console(c), People: o.People, Disabled: o.Disabled, OpenSessions: o.OpenSessions,
		SignInsToday: o.SignInsToday, RefusalsToday: o.RefusalsToday, SignIns: o.SignIns, Refusals: o.Refusals,
		LastHour: o.LastHour, Providers: s.consoleProviders(around.Providers),
		DagsterUp: around.Dagster.Reachable, DagsterVersion: around.Dagster.Version, Version: s.Version,
		Monitor: s.Identity.Rules().Monitor, Warnings: s.warnings(), Unclassified: around.Unclassified, Recent: recent,
	})
}

// warnings are what an admin should hear of how this installation is set up.
func (s *Server) warnings() (all []string) {
	for _, warning := range s.Warnings() {
		all = append(all, strings.ToUpper(warning[:1])+warning[1:]+".")
	}
	if s.Identity.Rules().MFA == identity.MFAOff {
		all = append(all, "Second factors are off: a password alone signs in to an account that is kept here.")
	}
	if len(s.Identity.Doors) == 0 {
		all = append(all, "There is no identity provider: everybody signs in with an account that is kept here.")
	}
	if !s.site.Secure() {
		all = append(all, "This installation is reached without https, which only a demonstration should be.")
	}
	return all
}

// kinds of providers in words.
var kinds = map[string]string{
	"oidc": "OpenID Connect", "google": "Google", "github": "GitHub", typeDirectory: "Directory (LDAP)",
	typeWitness: "Headers of a proxy", models.LocalSlot: "Accounts that are kept here",
}

const unreachable = "It could not be reached when it was last asked. The log says why."

func (s *Server) consoleProviders(states []identity.ProviderState) (all []views.ConsoleProvider) {
	for _, p := range states {
		line := views.ConsoleProvider{
			Slot: p.Slot, Label: p.Label, Type: p.Type, Kind: cmp.Or(kinds[p.Type], p.Type), Issuer: p.Issuer, Up: !p.Down,
		}
		if p.Type != typeDirectory && p.Type != typeWitness {
			line.RedirectURI = s.Identity.RedirectURI(p.Slot)
		}
		if p.Down {
			line.Problem = unreachable
		}
		all = append(all, line)
	}
	if s.Identity.PasswordLogin {
		all = append(all, views.ConsoleProvider{
			Slot: models.LocalSlot, Label: "Password", Type: models.LocalSlot, Kind: kinds[models.LocalSlot], Up: true,
		})
	}
	return all
}
