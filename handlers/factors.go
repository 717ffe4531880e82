package handlers

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/identity"
	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/views"
)

// whom is who sets up a second factor: somebody signed in, or somebody halfway
// who must have one. The same routes serve both, behind a gate each.
func (s *Server) whom(c echo.Context) (identity.Whom, error) {
	if h := half(c); h != nil {
		return h.Self()
	}
	return s.Identity.Self(principal(c))
}

// userOf is the user of [Server.whom].
func userOf(c echo.Context) string {
	if h := half(c); h != nil {
		return h.User.ID
	}
	return principal(c).User.ID
}

// enrol tells somebody halfway that they need a second factor, and which there are.
func (s *Server) enrol(c echo.Context) error {
	h := half(c)
	if h.Wants != models.WantsEnrol {
		return c.Redirect(http.StatusSeeOther, s.at("/auth/mfa", wayBack(c)))
	}
	ticket, err := s.ticket(c)
	if err != nil {
		return err
	}
	return s.show(c, http.StatusOK, views.Enrol{
		Site: s.viewSite(), User: h.User.Label(), Next: s.site.Next(wayBack(c)),
		Passkeys: s.Identity.PasskeysWork(), PasskeyName: device(c.Request().UserAgent()), Ticket: ticket,
	})
}

// ticket stands in a page that no script but the page's own can read
// ([Server.byHand]), and lets the person begin a new passkey there.
func (s *Server) ticket(c echo.Context) (string, error) {
	return s.Identity.Keys.Seal(ticketFor(userOf(c)), userOf(c))
}

func ticketFor(userID string) string { return "passkey_ticket:" + userID }

// offerTOTP shows a secret for an authenticator app. Nothing is kept of it until
// its first code comes.
func (s *Server) offerTOTP(c echo.Context) error {
	whom, err := s.whom(c)
	if err != nil {
		return err
	}
	offer, err := s.Identity.OfferTOTP(c.Request().Context(), whom)
	if err != nil {
		return err
	}
	return s.show(c, http.StatusOK, s.totpPage(c, offer, nil))
}

func (s *Server) addTOTP(c echo.Context) error {
	whom, err := s.whom(c)
	if err != nil {
		return err
	}
	ctx, sealed := c.Request().Context(), field(c, "sealed")
	done, err := s.Identity.EnrolTOTP(ctx, whom, sealed, field(c, "code"), field(c, "name"), s.entry(c))
	if err != nil {
		return s.again(c, err, func(wrong views.Wrong) (page, error) {
			offer, err := s.Identity.ReopenTOTP(ctx, whom, sealed)
			return s.totpPage(c, offer, wrong), err
		}, "code", "name", "")
	}
	return s.enrolled(c, done)
}

func (s *Server) totpPage(c echo.Context, offer identity.TOTPOffer, wrong views.Wrong) page {
	return views.TOTPOffer{
		Site: s.viewSite(), Halfway: half(c) != nil, Secret: offer.Secret, URL: offer.URL, Sealed: offer.Sealed,
		FactorName: cmp.Or(field(c, "name"), "Authenticator app"), Next: s.site.Next(wayBack(c)), Wrong: wrong,
	}
}

// offerPasskey begins a new passkey, on our own page alone: any script of this
// origin could make one that is not in the hands of the person.
func (s *Server) offerPasskey(c echo.Context) error {
	whom, err := s.whom(c)
	if err != nil {
		return err
	}
	if _, err := s.Identity.Keys.Open(ticketFor(userOf(c)), c.QueryParam("ticket")); err != nil {
		return errNotByHand.Because(err)
	}
	ceremony, err := s.Identity.OfferPasskey(c.Request().Context(), whom)
	return s.begin(c, toEnrol, ceremony, err)
}

func (s *Server) addPasskey(c echo.Context) error {
	whom, err := s.whom(c)
	if err != nil {
		return err
	}
	name := cmp.Or(c.QueryParam("name"), device(c.Request().UserAgent()))
	done, err := s.Identity.EnrolPasskey(c.Request().Context(), whom, s.ceremony(c, toEnrol), answered(c), name, s.entry(c))
	if err != nil {
		return err
	}
	return s.enrolled(c, done)
}

// enrolled goes on after a second factor was set up: to where the sign-in leads
// that it was wanted for, else back to the account. Recovery codes come first.
func (s *Server) enrolled(c echo.Context, done identity.Enrolled) error {
	notice := "factor_added"
	if done.Others > 0 {
		notice = "factor_added_here"
	}
	location := s.noticed(notice, 0)
	if done.SignedIn != nil {
		location = s.keep(c, *done.SignedIn)
	}
	switch {
	case len(done.RecoveryCodes) == 0:
		return s.goOn(c, location)
	case isScript(c.Request()):
		return s.showLater(c, done.RecoveryCodes, location)
	}
	return s.showCodes(c, done.RecoveryCodes, location)
}

func (s *Server) showCodes(c echo.Context, codes []string, location string) error {
	return s.show(c, http.StatusOK, views.RecoveryCodes{Site: s.viewSite(), Codes: codes, Continue: location})
}

// showLater has a script go to where the recovery codes are shown. Until then
// the browser keeps them, sealed for this person: here they are only digests.
func (s *Server) showLater(c echo.Context, codes []string, location string) error {
	sealed, err := s.Identity.Keys.Seal(codesFor(userOf(c)), strings.Join(codes, " "))
	if err != nil {
		return err
	}
	c.SetCookie(s.cookie(s.codesCookie(), sealed, s.Now().Add(models.PendingFor)))
	return s.goOn(c, s.site.Prefix()+accountRoute+"/recovery-codes?next="+url.QueryEscape(location))
}

func codesFor(userID string) string { return "recovery_codes:" + userID }

// recoveryCodes shows what [Server.showLater] left in the browser, once.
func (s *Server) recoveryCodes(c echo.Context) error {
	codes, err := s.Identity.Keys.Open(codesFor(principal(c).User.ID), s.take(c, s.codesCookie()))
	if err != nil {
		return c.Redirect(http.StatusSeeOther, s.site.Prefix()+accountRoute)
	}
	return s.showCodes(c, strings.Fields(codes), s.site.Next(wayBack(c)))
}

// newRecoveryCodes replaces the recovery codes.
func (s *Server) newRecoveryCodes(c echo.Context) error {
	whom, err := s.whom(c)
	if err != nil {
		return err
	}
	codes, err := s.Identity.NewRecoveryCodes(c.Request().Context(), whom)
	if err != nil {
		return err
	}
	return s.showCodes(c, codes, s.site.Prefix()+accountRoute)
}

func (s *Server) removeFactor(c echo.Context) error {
	whom, err := s.whom(c)
	if err != nil {
		return err
	}
	if err := s.Identity.RemoveFactor(c.Request().Context(), whom, field(c, "id")); err != nil {
		return err
	}
	return s.backToAccount(c, "factor_removed", 0)
}
