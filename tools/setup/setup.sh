#!/bin/sh
# Puts in place the real things that the tests run against: PostgreSQL,
# OpenLDAP, Chromium, two versions of Dagster, Keycloak, oidc-provider and axe-core.
#
#   apt ─> two Dagsters from PyPI ─> Keycloak from Maven Central ─> oidc-provider and axe-core from npm
#
# Run it as often as you like: a step whose result is there does nothing. All
# of it but the Debian packages lies in $DAGPASS_CACHE (default: the user's
# cache folder), outside the checkout; e2e/parts looks for it there. As root
# on Debian missing packages are installed; elsewhere this script ends with
# the line to type.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
e2e=$(cd "$here/../../e2e" && pwd)
cache=${DAGPASS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/dagpass}
mkdir -p "$cache"

# Two runs at once would take each other's half-made folders for whole ones.
exec 9>"$cache/setup.lock"
if command -v flock >/dev/null; then flock 9; fi

fail() {
	echo "setup: $*" >&2
	exit 1
}

# step NAME COMMAND... tells how long COMMAND took.
step() {
	name=$1
	shift
	began=$(date +%s)
	"$@"
	echo "setup: $name: $(($(date +%s) - began)) s"
}

has() { command -v "$1" >/dev/null; }
has_postgres() { ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || has initdb; }
has_slapd() { [ -x /usr/sbin/slapd ] || has slapd; } # not on everybody's path
has_chromium() { has chromium || has google-chrome || has chrome; }

missing_packages() {
	has_postgres || echo postgresql-15
	has_slapd || echo slapd
	has ldapmodify || echo ldap-utils
	has_chromium || echo chromium fonts-liberation
	has gcc || echo gcc libc6-dev # the race detector is C
	python3 -c 'import ensurepip' 2>/dev/null || echo python3-venv
	has node || echo nodejs
	has npm || echo npm
	has java || echo default-jre-headless
	has mvn || echo maven
}

packages() {
	wanted=$(missing_packages | tr '\n' ' ')
	[ -n "$wanted" ] || return 0
	if [ "$(id -u)" != 0 ] || ! has apt-get; then
		fail "missing; type: apt-get install -y $wanted"
	fi
	apt-get update -qq
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $wanted >"$cache/apt.log" 2>&1 ||
		{ tail -20 "$cache/apt.log" >&2; fail "apt-get install $wanted failed"; }
}

# made FOLDER: FOLDER was finished, not only begun.
made() { [ -e "$1/.made" ]; }

# dagster NAME makes $cache/NAME of what NAME.txt lists.
dagster() {
	venv=$cache/$1
	wanted=$here/$1.txt
	if made "$venv" && cmp -s "$wanted" "$venv/.made"; then return; fi
	rm -rf "$venv"
	python3 -m venv "$venv"
	"$venv/bin/pip" install --quiet --disable-pip-version-check -r "$wanted"
	"$venv/bin/python" -m compileall -q "$venv/lib" >/dev/null || true # files that are no Python among the packages
	cp "$wanted" "$venv/.made"
	"$venv/bin/dagster-webserver" --version
}

keycloak_version=$(sed 's/.*keycloak-quarkus-dist-\(.*\)\.tar\.gz/\1/' "$here/keycloak.sha256")
keycloak=$cache/keycloak-$keycloak_version

keycloak_archive() {
	(cd "$archives" 2>/dev/null && sha256sum --status -c "$here/keycloak.sha256") && return
	mvn --quiet --batch-mode -Dstyle.color=never "-Dmaven.repo.local=$cache/maven" dependency:get -Dtransitive=false \
		"-Dartifact=org.keycloak:keycloak-quarkus-dist:$keycloak_version:tar.gz"
	(cd "$archives" && sha256sum --quiet -c "$here/keycloak.sha256") ||
		fail "the Keycloak archive is not the one that keycloak.sha256 names"
}

# The archive is checked at each run; it is unpacked and built, which takes
# 20 s, once.
keycloak() {
	archives=$cache/maven/org/keycloak/keycloak-quarkus-dist/$keycloak_version
	keycloak_archive
	if made "$keycloak" && cmp -s "$here/keycloak.sha256" "$keycloak/.made"; then return; fi
	rm -rf "$cache"/keycloak-*/
	tar -xzf "$archives/keycloak-quarkus-dist-$keycloak_version.tar.gz" -C "$cache"
	"$keycloak/bin/kc.sh" build --db=dev-file >"$cache/keycloak.log" 2>&1 ||
		{ tail -20 "$cache/keycloak.log" >&2; fail "kc.sh build failed"; }
	cp "$here/keycloak.sha256" "$keycloak/.made"
}

# A database with the realm in it spares each start of Keycloak six of its
# eleven seconds. Its name has the realm file's checksum, so that a changed
# file is a new database.
realm() {
	sum=$(sha256sum "$e2e/testdata/keycloak/realm.json" | cut -c1-16)
	database=$keycloak/realm-$sum
	[ -e "$database.mv.db" ] && return
	rm -rf "$keycloak"/realm-*
	"$keycloak/bin/kc.sh" import --optimized --file "$e2e/testdata/keycloak/realm.json" \
		"--db-url=jdbc:h2:file:$database.new;NON_KEYWORDS=VALUE" >"$cache/keycloak.log" 2>&1 ||
		{ tail -20 "$cache/keycloak.log" >&2; fail "kc.sh import failed"; }
	rm -f "$database.new.trace.db" # what H2 notes of Keycloak's questions to an empty database
	mv "$database.new.mv.db" "$database.mv.db"
}

# npm_packages NAME FOLDER makes $cache/NAME of the packages that FOLDER locks;
# npm holds each against its checksum.
npm_packages() {
	folder=$cache/$1
	if made "$folder" && cmp -s "$2/package-lock.json" "$folder/.made"; then return; fi
	rm -rf "$folder"
	mkdir -p "$folder"
	cp "$2/package.json" "$2/package-lock.json" "$folder"
	(cd "$folder" && npm ci --silent --ignore-scripts --no-audit --no-fund)
	cp "$2/package-lock.json" "$folder/.made"
}

step "Debian packages" packages
# The older Dagster comes from the network while the rest is unpacked and built.
step "Dagster 1.10" dagster dagster-1.10 &
older=$!
step "Dagster" dagster dagster
step "Keycloak" keycloak
step "Keycloak's realm" realm
step "oidc-provider" npm_packages oidc-provider "$e2e/oidc-provider"
step "axe-core" npm_packages axe "$here/../axe"
wait "$older"
