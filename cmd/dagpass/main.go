// Command dagpass stands in front of a Dagster webserver: it signs people in,
// decides what they may do, tells Dagster who they are, and records it.
//
// This package puts the rooms together and starts them:
//
//	main ─▶ verbs (kong) ─▶ loadConfig ─▶ newApp ─▶ store, providers, identity, proxy, handlers ─▶ serve
//
// newApp is the one place where rooms meet; serve, demo, wrap and the tests all
// go through it, so that tests start what users start. Nothing can import this
// package, and so no room can reach for a setting.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/dagpass/dagpass/models"
)

// version is set by the release build.
var version = "dev"

// stdio is what a verb may read and write.
type stdio struct {
	In       io.Reader
	Out, Err io.Writer
}

// Exit statuses, as the contract with scripts has them.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Environ(), stdio{os.Stdin, os.Stdout, os.Stderr})
	stop()
	os.Exit(status)
}

// cli is the command line.
type cli struct {
	Serve   serveVerb   `cmd:"" help:"Serve in front of a Dagster webserver."`
	Demo    demoVerb    `cmd:"" help:"Try it: a sample Dagster and a demonstration sign-in, on this machine only."`
	Wrap    wrapVerb    `cmd:"" help:"Start Dagster as a child and serve in front of it: dagpass wrap -- dagster dev -f defs.py"`
	Migrate migrateVerb `cmd:"" help:"Bring the database to this version's schema."`
	Backup  backupVerb  `cmd:"" help:"Copy a SQLite database that is in use into FILE."`
	Config  struct {
		Check configCheckVerb `cmd:"" help:"Check the configuration, and show what is in effect and what to register with each provider."`
	} `cmd:"" help:"Look at the configuration."`
	Policy struct {
		Check   policyCheckVerb   `cmd:"" help:"Refuse rules of the policy that can give nobody anything."`
		Explain policyExplainVerb `cmd:"" help:"Say whether somebody may do something, and by which rule."`
		Grant   struct {
			Add    grantAddVerb    `cmd:"" help:"Give a role to whoever matches everything that is named."`
			Remove grantRemoveVerb `cmd:"" help:"Take a grant away."`
			List   grantListVerb   `cmd:"" help:"List the grants that are kept in the database; those of the policy file stand there."`
		} `cmd:"" help:"Look after the grants that are kept beside the policy file."`
	} `cmd:"" help:"Look at who may do what."`
	User struct {
		Add         userAddVerb         `cmd:"" help:"Make a local account, and a link by which its owner chooses a password."`
		List        userListVerb        `cmd:"" help:"List accounts."`
		SetRole     userSetRoleVerb     `cmd:"" help:"Give somebody a role, beside what the rules of the policy give; none takes it back."`
		SetPassword userSetPasswordVerb `cmd:"" help:"Set the password of a local account, asked for or read from standard input."`
		Disable     userDisableVerb     `cmd:"" help:"Bar somebody: their sessions end and they cannot sign in."`
		Enable      userEnableVerb      `cmd:"" help:"Let somebody sign in again."`
		Delete      userDeleteVerb      `cmd:"" help:"Remove an account. Whom a provider lets in comes back at the next sign-in: to bar somebody, disable them."`
		ResetMFA    userResetMFAVerb    `cmd:"" name:"reset-mfa" help:"Remove the second factors of somebody who lost them."`
		Link        userLinkVerb        `cmd:"" help:"Make a link that signs somebody in once, whatever else does not work."`
		Merge       userMergeVerb       `cmd:"" help:"Give one account's ways to sign in to another, and remove it."`
	} `cmd:"" help:"Look after accounts."`
	Session struct {
		List   sessionListVerb   `cmd:"" help:"List open sessions."`
		Revoke sessionRevokeVerb `cmd:"" help:"End a session, or all of somebody."`
	} `cmd:"" help:"Look after sessions."`
	Setting struct {
		List  settingListVerb  `cmd:"" help:"List the settings that may be changed without a restart, and what is in effect."`
		Set   settingSetVerb   `cmd:"" help:"Put a value over the environment's, as the console does."`
		Clear settingClearVerb `cmd:"" help:"Go back to the environment's value."`
	} `cmd:"" help:"Look after settings that were changed while Dagpass ran."`
	Audit struct {
		Verify       auditVerifyVerb       `cmd:"" help:"Check that the audit trail is whole: its chain, its checkpoints and its end."`
		List         auditListVerb         `cmd:"" help:"List events, the newest first."`
		Export       auditExportVerb       `cmd:"" help:"Write out events, the oldest first, as CSV or JSON Lines."`
		Run          auditRunVerb          `cmd:"" help:"Show everything about a run."`
		AccessReview auditAccessReviewVerb `cmd:"" help:"List everybody with what they have, why and since when."`
	} `cmd:"" help:"Look at the audit trail."`
	Version versionVerb `cmd:"" help:"Print the version."`
}

// run is the whole program but for the process around it.
func run(ctx context.Context, args, environ []string, io stdio) int {
	exited := -1
	var c cli
	parser, err := kong.New(&c,
		kong.Name("dagpass"),
		kong.Description("Sign-in, roles and an audit trail for self-hosted Dagster."),
		kong.Writers(io.Out, io.Err),
		kong.Exit(func(status int) { exited = status }),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(io, environment(environ)),
		kong.UsageOnError(),
	)
	if err != nil {
		fmt.Fprintln(io.Err, "dagpass:", err)
		return exitFailed
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 {
		return exited // --help
	}
	if err != nil {
		fmt.Fprintln(io.Err, "dagpass:", err)
		return exitUsage
	}
	return status(parsed.Run(), io.Err)
}

// environment is what the process was given, as NAME=value.
type environment []string

// load reads the configuration as every verb does.
func (e environment) load() (Config, error) { return loadConfig(e, ".env") }

// usageError is a mistake of whoever typed the command.
type usageError struct{ error }

// exitError carries the status of a child that ended.
type exitError struct{ status int }

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", e.status) }

// status prints an error, once, and says how the program ends.
func status(err error, w io.Writer) int {
	var config *configError
	var usage usageError
	var child exitError
	var ours *models.Error
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &child):
		return child.status
	case errors.As(err, &config), errors.As(err, &usage):
		fmt.Fprintln(w, "dagpass:", err)
		return exitUsage
	case errors.As(err, &ours):
		fmt.Fprintln(w, "dagpass:", inWords(ours))
		return exitFailed
	}
	fmt.Fprintln(w, "dagpass:", strings.TrimSpace(err.Error()))
	return exitFailed
}

// inWords is a refusal as a page would say it. Whoever has the command line may
// know the cause as well.
func inWords(err *models.Error) string {
	if err.Err == nil {
		return err.Msg
	}
	return fmt.Sprintf("%s (%v)", err.Msg, err.Err)
}
