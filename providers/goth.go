package providers

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"github.com/markbates/goth"
	"golang.org/x/oauth2"
)

// fetchUser walks goth's three steps with one provider value: a session, a
// token for the code, a user for the token. The value is made afresh for each
// sign-in, because goth's methods take neither a context nor a PKCE verifier.
func fetchUser(p goth.Provider, a Attempt, code string) (goth.User, error) {
	session, err := p.BeginAuth(a.State)
	if err != nil {
		return goth.User{}, asError(err)
	}
	if _, err := session.Authorize(p, url.Values{"code": {code}}); err != nil {
		return goth.User{}, exchangeError(err)
	}
	user, err := p.FetchUser(session)
	return user, asError(err)
}

// asError makes an *Error of what a stock provider returned. Such errors name
// a URL or a status.
func asError(err error) error {
	var known *Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	return outage(ReasonProviderError, "%w", err)
}

// exchangeError says why the token endpoint gave no token. It does not wrap
// the library's error, which quotes the answer and with it perhaps a secret.
func exchangeError(err error) error {
	var known *Error
	var answer *oauth2.RetrieveError
	var network *url.Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.As(err, &answer):
		return &Error{
			Reason: ReasonExchange,
			Outage: !blamesCode(answer.ErrorCode),
			Err:    fmt.Errorf("the token endpoint answered %d, error=%.64q", answer.Response.StatusCode, answer.ErrorCode),
		}
	case errors.As(err, &network):
		return outage(ReasonExchange, "token endpoint: %w", network)
	}
	return outage(ReasonExchange, "the token endpoint's answer was not understood")
}

// blamesCode says whether the token endpoint found the code at fault (RFC 6749
// section 5.2; bad_verification_code is GitHub's word). All else is the
// provider's failure or our registration's.
func blamesCode(errorCode string) bool {
	switch errorCode {
	case "invalid_grant", "invalid_request", "bad_verification_code":
		return true
	}
	return false
}

// login is one OIDC sign-in in goth's terms.
type login struct {
	oidc     *OIDC
	ctx      context.Context // goth's methods take none
	metadata metadata
	attempt  Attempt
}

// session is what goth carries from step to step. It lives for one call of
// Finish and is never stored.
type session struct {
	authURL     string
	accessToken string
	idToken     string
	claims      map[string]any
}

var (
	_ goth.Provider = (*login)(nil)
	_ goth.Session  = (*session)(nil)
)

// Name implements goth.Provider.
func (l *login) Name() string { return l.oidc.cfg.Slot }

// SetName implements goth.Provider. The name is the slot's and stays.
func (l *login) SetName(string) {}

// Debug implements goth.Provider. There is nothing to switch on.
func (l *login) Debug(bool) {}

// BeginAuth implements goth.Provider.
func (l *login) BeginAuth(state string) (goth.Session, error) {
	options := []oauth2.AuthCodeOption{
		oauth2.SetAuthURLParam("nonce", l.attempt.Nonce),
		oauth2.S256ChallengeOption(l.attempt.Verifier),
	}
	for name, value := range l.oidc.cfg.AuthParams {
		options = append(options, oauth2.SetAuthURLParam(name, value))
	}
	if hosted := l.oidc.cfg.Hosted; hosted != nil && hosted() != "" {
		options = append(options, oauth2.SetAuthURLParam("hd", hosted()))
	}
	if !l.attempt.FreshSince.IsZero() { // last, so that no configuration takes its place
		options = append(options, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	}
	return &session{authURL: l.config().AuthCodeURL(state, options...)}, nil
}

// FetchUser implements goth.Provider. The claims are in RawData.
func (l *login) FetchUser(s goth.Session) (goth.User, error) {
	signedIn := s.(*session)
	claims, err := l.oidc.fullClaims(l.ctx, l.metadata, signedIn)
	if err != nil {
		return goth.User{}, err
	}
	return goth.User{
		RawData:  claims,
		Provider: l.Name(),
		UserID:   text(claims, "sub"),
		Email:    text(claims, "email"),
		Name:     text(claims, "name"),
		NickName: text(claims, "preferred_username"),
		IDToken:  signedIn.idToken,
	}, nil
}

// UnmarshalSession implements goth.Provider. No session is ever marshalled.
func (l *login) UnmarshalSession(string) (goth.Session, error) { return nil, errors.ErrUnsupported }

// RefreshToken implements goth.Provider.
func (l *login) RefreshToken(string) (*oauth2.Token, error) { return nil, errors.ErrUnsupported }

// RefreshTokenAvailable implements goth.Provider.
func (l *login) RefreshTokenAvailable() bool { return false }

func (l *login) config() *oauth2.Config {
	cfg := l.oidc.cfg
	return &oauth2.Config{
		ClientID:     cfg.ClientID,
		ClientSecret: cfg.ClientSecret,
		RedirectURL:  l.attempt.RedirectURI,
		Scopes:       cfg.Scopes,
		Endpoint: oauth2.Endpoint{
			AuthURL:   l.metadata.Authorization,
			TokenURL:  l.metadata.Token,
			AuthStyle: l.metadata.authStyle(cfg.ClientSecret == ""),
		},
	}
}

// GetAuthURL implements goth.Session.
func (s *session) GetAuthURL() (string, error) { return s.authURL, nil }

// Marshal implements goth.Session. There is nothing to keep.
func (s *session) Marshal() string { return "" }

// Authorize implements goth.Session: it exchanges the code and verifies the ID
// token. Of params it reads the code alone.
func (s *session) Authorize(p goth.Provider, params goth.Params) (string, error) {
	l := p.(*login)
	ctx := context.WithValue(l.ctx, oauth2.HTTPClient, l.oidc.client)
	token, err := l.config().Exchange(ctx, params.Get("code"), oauth2.VerifierOption(l.attempt.Verifier))
	if err != nil {
		return "", err
	}
	s.accessToken = token.AccessToken
	s.idToken, _ = token.Extra("id_token").(string)
	if s.idToken == "" {
		return "", refused(ReasonTokenMissing, "the token response has no id_token")
	}
	if s.claims, err = l.oidc.verifyIDToken(ctx, s.idToken, s.accessToken, l.attempt.Nonce); err != nil {
		return "", err
	}
	hear(ctx, "id_token", s.claims)
	return s.accessToken, l.attempt.judgeAuthTime(instant(s.claims, "auth_time"), l.oidc.cfg.Now())
}
