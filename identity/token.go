package identity

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/store"
)

const (
	// assertionTTL is how long an assertion is good; assertionLeft is how much
	// of it is left at least when Dagster gets it.
	assertionTTL  = 5 * time.Minute
	assertionLeft = time.Minute
	// keySigns is how long a key signs; keyAhead is how long before that it is
	// published, so that whoever caches the key set has seen it; keyTail is how
	// long it stays published after.
	keySigns = 30 * 24 * time.Hour
	keyAhead = 24 * time.Hour
	keyTail  = time.Hour
	// keysFor is how long this replica believes what it read of the key set.
	keysFor = time.Minute
)

// signingKey is a key taken out of its row.
type signingKey struct {
	models.SigningKey
	private *ecdsa.PrivateKey
	signer  jose.Signer
}

// keySet is the keys as last read.
type keySet struct{ last atomic.Pointer[keysRead] }

type keysRead struct {
	keys []signingKey
	at   time.Time
}

// assertion is what Dagster, and whoever stands behind it, is told: a JWT
// (RFC 7519) signed with ES256.
type assertion struct {
	jwt.Claims
	Email      string   `json:"email,omitempty"`
	Name       string   `json:"name,omitempty"`
	Groups     []string `json:"groups"`
	Role       string   `json:"role"`
	AuthMethod string   `json:"auth_method"`
}

// Issuer is the "iss" of assertions and of the discovery document.
func (s *Service) Issuer() string { return s.Site.Link("/auth") }

// Assertion signs who the principal is. It is cached with the recognised
// principal, so it is never older than the recognition it stands for.
func (s *Service) Assertion(ctx context.Context, p *models.Principal) (string, error) {
	if token, ok := s.assertions.Get(p); ok {
		return token, nil
	}
	key, err := s.signingKey(ctx)
	if err != nil {
		return "", err
	}
	token, err := jwt.Signed(key.signer).Claims(s.assertion(p)).Serialize()
	if err != nil {
		return "", fmt.Errorf("sign assertion: %w", err)
	}
	s.assertions.Add(p, token)
	return token, nil
}

func (s *Service) assertion(p *models.Principal) assertion {
	now := s.Now()
	groups := p.Identity.Claims.Groups
	if groups == nil {
		groups = []string{}
	}
	return assertion{
		Claims: jwt.Claims{
			Issuer: s.Issuer(), Subject: p.User.ID, Audience: jwt.Audience{s.Audience}, ID: models.NewID(),
			IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now.Add(-assertionLeft)),
			Expiry: jwt.NewNumericDate(now.Add(assertionTTL)),
		},
		Email: p.User.Email, Name: p.User.Name, Groups: groups,
		Role: string(p.Access.Role), AuthMethod: p.Identity.Slot,
	}
}

// JWKS is the public keys that verify our assertions (RFC 7517).
func (s *Service) JWKS(ctx context.Context) (jose.JSONWebKeySet, error) {
	keys, err := s.readKeys(ctx)
	if err != nil {
		return jose.JSONWebKeySet{}, ErrUnavailable.Because(err)
	}
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for _, k := range keys {
		if s.Now().Before(k.VerifiesUntil) {
			set.Keys = append(set.Keys, jose.JSONWebKey{Key: &k.private.PublicKey, KeyID: k.ID, Algorithm: "ES256", Use: "sig"})
		}
	}
	return set, nil
}

// RotateKeys makes the next key where one is due. Every replica calls it now
// and then; the store lets only one of them make it.
func (s *Service) RotateKeys(ctx context.Context) error {
	keys, err := s.loadKeys(ctx)
	if err != nil {
		return err
	}
	if _, due := s.nextKeyFrom(rows(keys)); due {
		err = s.Store.Change(ctx, func(tx *store.Tx) (models.Event, error) { return s.makeKey(ctx, tx) })
	}
	if errors.Is(err, errNotDue) {
		err = nil
	}
	s.keys.last.Store(nil)
	return err
}

var errNotDue = errors.New("another replica made the key")

func (s *Service) makeKey(ctx context.Context, tx *store.Tx) (models.Event, error) {
	if err := tx.LockSigningKeys(); err != nil {
		return models.Event{}, err
	}
	existing, err := tx.SigningKeys()
	if err != nil {
		return models.Event{}, err
	}
	from, due := s.nextKeyFrom(existing)
	if !due {
		return models.Event{}, errNotDue
	}
	key, err := s.newKey(from)
	if err != nil {
		return models.Event{}, err
	}
	e := models.NewEvent(ctx, "config.rotate_signing_key", models.OutcomeOK)
	e.Actor, e.Target = models.Actor{Kind: "system"}, &models.Target{Kind: "signing_key", ID: key.ID}
	return e, tx.InsertSigningKey(&key)
}

// nextKeyFrom tells whether a key must be made, and when it begins to sign:
// at once where none signs now, else when the last one stops.
func (s *Service) nextKeyFrom(keys []models.SigningKey) (time.Time, bool) {
	now, last := s.Now(), time.Time{}
	for _, k := range keys {
		if k.SignsUntil.After(last) {
			last = k.SignsUntil
		}
	}
	if !last.After(now) {
		return now, true
	}
	return last, last.Sub(now) <= keyAhead
}

func (s *Service) newKey(from time.Time) (models.SigningKey, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return models.SigningKey{}, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return models.SigningKey{}, err
	}
	id := models.NewID()
	sealed, err := s.Keys.Seal("signing_key:"+id, base64.StdEncoding.EncodeToString(der))
	until := from.Add(keySigns)
	return models.SigningKey{
		ID: id, Sealed: sealed, CreatedAt: s.Now(),
		SignsFrom: from, SignsUntil: until, VerifiesUntil: until.Add(keyTail),
	}, err
}

// signingKey is the key that signs now. Where rotation has not happened in
// time, the last key goes on: an old key is better than none.
func (s *Service) signingKey(ctx context.Context) (signingKey, error) {
	keys, err := s.readKeys(ctx)
	if err != nil {
		return signingKey{}, err
	}
	now := s.Now()
	for _, k := range slices.Backward(keys) {
		if !now.Before(k.SignsFrom) && now.Before(k.VerifiesUntil) {
			return k, nil
		}
	}
	return signingKey{}, errors.New("no signing key")
}

func (s *Service) readKeys(ctx context.Context) ([]signingKey, error) {
	if last := s.keys.last.Load(); last != nil && s.Now().Sub(last.at) < keysFor {
		return last.keys, nil
	}
	keys, err := s.loadKeys(ctx)
	if err != nil {
		return nil, err
	}
	s.keys.last.Store(&keysRead{keys, s.Now()})
	return keys, nil
}

func (s *Service) loadKeys(ctx context.Context) ([]signingKey, error) {
	found, err := s.Store.SigningKeys(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(found, func(a, b models.SigningKey) int { return a.SignsFrom.Compare(b.SignsFrom) })
	keys := make([]signingKey, 0, len(found))
	for _, row := range found {
		k, err := s.unseal(row)
		if err != nil {
			return nil, fmt.Errorf("%w: the signing key %s was sealed with another DAGPASS_SECRET_KEY: "+
				"give the former key as the second entry of the list, or, if it is lost, delete the rows of the table signing_keys", err, row.ID)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

func (s *Service) unseal(row models.SigningKey) (signingKey, error) {
	text, err := s.Keys.Open("signing_key:"+row.ID, row.Sealed)
	if err != nil {
		return signingKey{}, err
	}
	der, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return signingKey{}, errSealed
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	private, ok := parsed.(*ecdsa.PrivateKey)
	if err != nil || !ok {
		return signingKey{}, errSealed
	}
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: private, KeyID: row.ID}},
		(&jose.SignerOptions{}).WithType("JWT"))
	return signingKey{row, private, signer}, err
}

func rows(keys []signingKey) []models.SigningKey {
	out := make([]models.SigningKey, len(keys))
	for i, k := range keys {
		out[i] = k.SigningKey
	}
	return out
}
