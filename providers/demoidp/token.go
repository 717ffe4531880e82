package demoidp

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4/jwt"
)

// token is the token endpoint (OpenID Connect Core section 3.1.3).
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	if !p.isClient(r) {
		writeJSON(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	}
	if r.PostFormValue("grant_type") != "authorization_code" {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "unsupported_grant_type"})
		return
	}
	g, ok := p.codes.take(r.PostFormValue("code"))
	if !ok || r.PostFormValue("redirect_uri") != g.redirectURI || !g.proves(r.PostFormValue("code_verifier")) {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
		return
	}
	p.issue(w, g)
}

func (p *Provider) issue(w http.ResponseWriter, g grant) {
	accessToken := p.tokens.put(g.person)
	idToken, err := jwt.Signed(p.signer).Claims(p.idClaims(g, accessToken)).Serialize()
	if err != nil {
		writeJSON(w, http.StatusInternalServerError, map[string]string{"error": "server_error"})
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"access_token": accessToken,
		"token_type":   "Bearer",
		"expires_in":   int(tokenLifetime.Seconds()),
		"id_token":     idToken,
	})
}

// isClient accepts client_secret_basic, client_secret_post and, for a public
// client, the bare client id (RFC 6749 section 2.3.1).
func (p *Provider) isClient(r *http.Request) bool {
	id, secret := r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	if user, password, ok := r.BasicAuth(); ok {
		id, _ = url.QueryUnescape(user)
		secret, _ = url.QueryUnescape(password)
	}
	return id == p.cfg.ClientID && subtle.ConstantTimeCompare([]byte(secret), []byte(p.cfg.ClientSecret)) == 1
}

// proves compares a code verifier with the challenge (RFC 7636 section 4.6).
func (g grant) proves(verifier string) bool {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:]) == g.challenge
}

func (p *Provider) idClaims(g grant, accessToken string) map[string]any {
	claims := g.person.claims()
	now := time.Now()
	half := sha256.Sum256([]byte(accessToken))
	claims["iss"] = p.cfg.Issuer
	claims["aud"] = p.cfg.ClientID
	claims["iat"] = now.Unix()
	claims["exp"] = now.Add(tokenLifetime).Unix()
	claims["auth_time"] = g.at.Unix()
	claims["at_hash"] = base64.RawURLEncoding.EncodeToString(half[:len(half)/2])
	if g.nonce != "" {
		claims["nonce"] = g.nonce
	}
	return claims
}

func (p Person) claims() map[string]any {
	return map[string]any{
		"sub":            p.Subject,
		"email":          p.Email,
		"email_verified": true,
		"name":           p.Name,
		"groups":         append([]string{}, p.Groups...),
	}
}

// userinfo is the UserInfo endpoint (OpenID Connect Core section 5.3).
func (p *Provider) userinfo(w http.ResponseWriter, r *http.Request) {
	bearer, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	person, known := p.tokens.get(bearer)
	if !ok || !known {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		writeJSON(w, http.StatusUnauthorized, map[string]string{"error": "invalid_token"})
		return
	}
	writeJSON(w, http.StatusOK, person.claims())
}
