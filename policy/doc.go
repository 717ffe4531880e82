// Package policy answers one question: may they?
//
// A person arrives as a [Subject]: the claims a provider vouched for. The
// [Policy] unites the permissions of every grant that matches, adds what
// ADMIN_EMAILS, DEFAULT_ROLE and an admin's own assignment say, and gives an
// [Access]. [Decide] holds one [Want], a permission at a code location or in the
// whole deployment, against that access and names the rule that decided.
// A [Gate] is the allow-list of one provider: it says who gets in at all.
//
//	Subject ──Policy.Access──▶ Access ──Decide(want)─────▶ Decision
//	   └──────Gate.Admit──────▶ in, or the reason why not
//
// In the words of those who write the policy file:
//
//	roles:
//	  operator: { extends: launcher, allow: [start_schedule, edit_sensor] }
//	grants:
//	  - { slot: okta, group: data-eng, role: editor }
//	  - { domain: corp.com, role: viewer }
//	  - { slot: okta, group: marketing, role: editor, locations: ["marketing*"] }
//	  - { slot: github, team: acme/platform, role: admin }
//	mfa: { roles: [admin, editor], sso: true, step_up: [wipe_assets, administer] }
//
// [Policy.Unreachable] finds what of such a file can give nobody anything.
//
// A request that wants nothing is refused; so is a permission nobody knows.
// The room imports nothing of ours and knows neither users, HTTP nor Dagster;
// it owns the YAML reader of its file. Its neighbours above are models (whose
// Principal carries an Access), identity, dagster and proxy.
package policy
