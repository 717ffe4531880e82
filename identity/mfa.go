package identity

import (
	"slices"

	"github.com/dagpass/dagpass/models"
)

// MFA says who needs a second factor.
type MFA string

const (
	// MFAOptional asks those who have set one up, and whom the policy names.
	MFAOptional MFA = "optional"
	// MFARequired makes every account that is kept here have one.
	MFARequired MFA = "required"
	// MFAOff asks nobody.
	MFAOff MFA = "off"
)

// ParseMFA reads the setting.
func ParseMFA(s string) (MFA, bool) {
	m := MFA(s)
	return m, m == MFAOptional || m == MFARequired || m == MFAOff
}

// wants tells what a sign-in still lacks once the first factor is proved, by the
// second factors that somebody has. Where the provider says that it asked for a
// second one, it notes so.
func (s *Service) wants(factorsOf func(userID string) ([]models.Factor, error), who *entrant) (models.Wants, error) {
	if who.factor == models.FactorNone && who.twofold() {
		who.factor = models.FactorProvider
	}
	if who.factor != models.FactorNone || !s.asksAtSignIn(who) {
		return "", nil
	}
	factors, err := factorsOf(who.user.ID)
	switch {
	case err != nil:
		return "", err
	case len(factors) > 0:
		return models.WantsFactor, nil
	case s.needs(*who.user, *who.identity):
		return models.WantsEnrol, nil
	}
	return "", nil
}

// asksAtSignIn is asks for one sign-in. A link stands in for a password or a
// provider, and never for a second factor that somebody has set up here.
func (s *Service) asksAtSignIn(who *entrant) bool {
	return s.asks(who.identity.Slot) || s.Rules().MFA != MFAOff && who.method == models.MethodLink
}

// asks tells whether people of a slot are asked for second factors that they
// set up here: those of other slots than our own only if the policy says so.
func (s *Service) asks(slot string) bool {
	return s.Rules().MFA != MFAOff && (slot == models.LocalSlot || s.Policy().MFA().SSO)
}

// needs tells whether somebody must have a second factor to sign in so.
func (s *Service) needs(user models.User, identity models.Identity) bool {
	p := s.Policy()
	return s.asks(identity.Slot) && (s.Rules().MFA == MFARequired || p.NeedsFactor(p.Access(subject(user, identity))))
}

// twofold tells whether this sign-in was at a provider that says it asked for
// two factors. Of a sign-in by another way the kept claims say nothing.
func (who *entrant) twofold() bool {
	there := who.method == models.MethodProvider || who.method == models.MethodHeader
	return there && twofold(who.identity.Claims.AMR)
}

// twofold reads authentication methods (RFC 8176 §2): several factors in one
// word, or something that one has or is beside something that one knows.
func twofold(amr []string) bool {
	says := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(amr, w) })
	}
	return says("mfa") || says("pwd", "pin") && says("otp", "hwk", "swk", "fpt", "face", "sc")
}
