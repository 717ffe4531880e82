package main

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// demoProject is a small data platform: Dagster's configuration and two code
// locations.
//
//go:embed demo_project
var demoProject embed.FS

// demoDir is the folder of one demonstration. Two of them in one folder would
// share a Dagster home, and so two daemons would start each run twice.
type demoDir struct {
	root string
	lock *os.File
}

// openDemoDir makes the folder where it is missing and takes it for us alone.
func openDemoDir(root string) (*demoDir, error) {
	if root == "" {
		cache, err := os.UserCacheDir()
		if err != nil {
			return nil, usagef("there is no cache directory for this user; say where to keep the files with --dir")
		}
		root = filepath.Join(cache, "dagpass", "demo")
	}
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, fmt.Errorf("cannot make the demonstration's folder: %w", err)
	}
	lock, err := lockFile(filepath.Join(root, "lock"))
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, fmt.Errorf("a demonstration is running in %s already; stop it, or give this one a folder of its own with --dir", root)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot use the demonstration's folder: %w", err)
	}
	return &demoDir{root: root, lock: lock}, nil
}

// Close lets another demonstration have the folder.
func (d *demoDir) Close() { _ = d.lock.Close() }

func (d *demoDir) path(name string) string { return filepath.Join(d.root, name) }

// writeProject writes the sample anew each time, so that it belongs to this
// version; what Dagster keeps beside it stays.
func (d *demoDir) writeProject() error {
	if err := os.MkdirAll(d.path("project/inbox"), 0o700); err != nil {
		return err
	}
	return fs.WalkDir(demoProject, "demo_project", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		content, err := demoProject.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(d.path("project"), e.Name()), content, 0o600)
	})
}
