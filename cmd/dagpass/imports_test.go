package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/dagpass/dagpass/"

// frameworks are the import paths behind the words of the table.
var frameworks = map[string][]string{
	"kong": {"github.com/alecthomas/kong"}, "env": {"github.com/caarlos0/env"}, "godotenv": {"github.com/joho/godotenv"},
	"levenshtein": {"github.com/agnivade/levenshtein"}, "echo": {"github.com/labstack/"}, "templ": {"github.com/a-h/templ"},
	"prometheus": {"github.com/prometheus/"}, "go-jose": {"github.com/go-jose/"}, "golang-lru": {"github.com/hashicorp/golang-lru"},
	"goth": {"github.com/markbates/goth"}, "go-oidc": {"github.com/coreos/go-oidc"}, "oauth2": {"golang.org/x/oauth2"},
	"yaml": {"go.yaml.in/yaml"}, "gqlparser": {"github.com/vektah/gqlparser"}, "httputil": {"net/http/httputil"},
	"websocket": {"github.com/coder/websocket"}, "gorm": {"gorm.io/"}, "sqlite": {"modernc.org/sqlite"}, "pgx": {"github.com/jackc/pgx"},
	"goose": {"github.com/pressly/goose"}, "huma": {"github.com/danielgtaylor/huma"}, "net/http": {"net/http"}, "term": {"golang.org/x/term"},
	"argon2": {"golang.org/x/crypto/argon2"}, "otp": {"github.com/pquerna/otp"}, "webauthn": {"github.com/go-webauthn/"},
	"precis": {"golang.org/x/text"}, "idna": {"golang.org/x/net/idna"}, "ldap": {"github.com/go-ldap/"},
	"barcode": {"github.com/boombuler/barcode"}, "lumberjack": {"gopkg.in/natefinch/lumberjack.v2"},
}

type room struct {
	ours, frameworks []string
	all              bool
}

// TestImports holds the code against the table of docs/architecture.md.
func TestImports(t *testing.T) {
	rooms := importTable(t)
	for _, p := range listPackages(t) {
		name, ok := roomOf(p.ImportPath, rooms)
		if !ok {
			continue
		}
		for _, imported := range p.Imports {
			if why := rooms[name].refuses(name, imported); why != "" {
				t.Errorf("%s imports %s: %s", strings.TrimPrefix(p.ImportPath, module), imported, why)
			}
		}
	}
}

func (r room) refuses(name, imported string) string {
	if ours, ok := strings.CutPrefix(imported, module); ok {
		if r.all || ours == name || strings.HasPrefix(ours, name+"/") || slices.Contains(r.ours, ours) {
			return ""
		}
		return "the table of docs/architecture.md does not allow it"
	}
	var owner string
	for word, paths := range frameworks {
		for _, path := range paths {
			if (imported == path || strings.HasPrefix(imported, strings.TrimSuffix(path, "/")+"/")) && len(word) > len(owner) {
				owner = word
			}
		}
	}
	if owner == "" || slices.Contains(r.frameworks, owner) {
		if owner == "" && strings.Contains(strings.Split(imported, "/")[0], ".") && !slices.Contains(unowned, imported) {
			return "it has no line in frameworks; decide which room owns it"
		}
		return ""
	}
	return owner + " lives in another room"
}

// unowned are modules that are no framework: any room may use them.
var unowned = []string{"golang.org/x/sync/singleflight", "golang.org/x/sys/unix"}

type listed struct {
	ImportPath string
	Imports    []string
}

func listPackages(t *testing.T) (all []listed) {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// roomOf finds the room of a package; support for tests is in none.
func roomOf(path string, rooms map[string]room) (string, bool) {
	path = strings.TrimPrefix(path, module)
	for _, support := range []string{"test", "e2e", "gallery", "tools"} {
		if strings.Contains(path, support) {
			return "", false
		}
	}
	for name := range rooms {
		if path == name || strings.HasPrefix(path, name+"/") {
			return name, true
		}
	}
	return "", false
}

func importTable(t *testing.T) map[string]room {
	t.Helper()
	doc, err := os.ReadFile("../../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(doc), "## Who may import whom")
	rooms := map[string]room{}
	for line := range strings.SplitSeq(text, "\n") {
		cells := strings.Split(line, "|")
		if len(cells) == 5 && strings.Contains(cells[1], "`") {
			name := strings.Trim(cells[1], " `")
			rooms[name] = room{words(cells[2]), words(cells[3]), strings.Contains(cells[2], "everything")}
		}
	}
	if len(rooms) != 12 {
		t.Fatalf("the table has %d rooms, not twelve", len(rooms))
	}
	return rooms
}

func words(cell string) (all []string) {
	for word := range strings.SplitSeq(cell, ",") {
		if word = strings.TrimSpace(word); word != "" {
			all = append(all, word)
		}
	}
	return all
}
