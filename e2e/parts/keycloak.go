package parts

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// People of Keycloak's realm (testdata/keycloak/realm.json) by what they may:
// each has the e-mail address NAME@example.com and is in one group.
const (
	Admin      = "ada"  // in dagster-admins
	Editor     = "edda" // in dagster-editors
	Viewer     = "vic"  // in dagster-viewers
	Disabled   = "dora" // Keycloak refuses her
	Unverified = "uma"  // her e-mail address is not verified

	Password = "a fine password" // everybody's
)

// Keycloak is a real Keycloak with the realm "dagpass".
type Keycloak struct {
	*Process
	Issuer, ClientID, ClientSecret string
}

// StartKeycloak starts Keycloak on a copy of the realm's database.
func StartKeycloak(t testing.TB) *Keycloak {
	t.Helper()
	port := FreePort(t)
	database := keycloakDatabase(t)
	p := Start(t, t.TempDir(), keycloakEnvironment(t), keycloakHome(t, "bin", "kc.sh"), "start", "--optimized",
		"--http-enabled=true", "--http-host=127.0.0.1", "--http-port="+port, "--hostname-strict=false",
		"--cache=local", "--db-url=jdbc:h2:file:"+database+";NON_KEYWORDS=VALUE")
	return &Keycloak{
		Process:  p,
		Issuer:   loopback(port, "/realms/dagpass"),
		ClientID: "dagpass", ClientSecret: "keycloak-test-client-secret",
	}
}

// Await waits until Keycloak answers, about five seconds after its start.
func (k *Keycloak) Await(t testing.TB) {
	t.Helper()
	k.AwaitURL(t, k.Issuer+"/.well-known/openid-configuration", 2*time.Minute)
}

// The first tier of the compiler alone: a server that lives for a minute
// never earns back what the second one costs.
func keycloakEnvironment(t testing.TB) []string {
	return Environment(t, "JAVA_OPTS_KC_HEAP=-Xms128m -Xmx400m", "JAVA_OPTS_APPEND=-XX:TieredStopAtLevel=1")
}

func keycloakHome(t testing.TB, path ...string) string {
	t.Helper()
	homes, _ := filepath.Glob(filepath.Join(Cached(t), "keycloak-*"))
	if len(homes) != 1 {
		t.Fatalf("%d Keycloaks in the cache, want one\ntype: tools/setup/setup.sh", len(homes))
	}
	return filepath.Join(append(homes, path...)...)
}

// keycloakDatabase returns the name of a copy, without H2's suffix.
func keycloakDatabase(t testing.TB) string {
	t.Helper()
	realm, err := os.ReadFile(ours("testdata", "keycloak", "realm.json"))
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(realm)
	source, err := os.Open(keycloakHome(t, "realm-"+hex.EncodeToString(sum[:8])+".mv.db"))
	if err != nil {
		t.Fatalf("%v\ntype: tools/setup/setup.sh", err)
	}
	defer source.Close()
	name := filepath.Join(t.TempDir(), "keycloak")
	target, err := os.Create(name + ".mv.db")
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	if _, err := io.Copy(target, source); err != nil {
		t.Fatal(err)
	}
	return name
}
