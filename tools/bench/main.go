// Command bench measures what stands between a browser and Dagster: how many
// requests per second pass, how long they take, and how much processor and memory
// that costs.
//
//	few, many   wrk ─▶ direct | plain | tuned | nginx | dagpass ─▶ upstream (1 KB answers)
//	reading     wrk ─▶ dagpass | unread, the same without reading ─▶ upstream
//	trimming    wrk as admin | viewer | editor ─▶ dagpass ─▶ upstream (1 MB answers)
//	launching   wrk ─▶ dagpass ─▶ upstream, which is asked about the run | was asked before
//	console     a browser as admin ─▶ dagpass ─▶ SQLite | PostgreSQL with 100,000 people
//	socket      a client ◀─ direct | plain | nginx | dagpass ◀─ upstream (1,000 messages/s)
//
// In each section, processes have just started, and only the one that is measured
// gets requests. A round measures every contender once, in an order that moves on
// by one each round; figures are medians over the rounds, and ratios are taken
// within a round before their median is.
//
// The upstream and the two bare proxies are this program again, started with
// -as. Dagpass is the binary that is released, with sessions that came from real
// sign-ins at an OpenID provider in this process; unread is made of the same
// sources, of which the calls that read are cut out on the way into the compiler.
// The result is written to docs/benchmarks.md.
//
// Neighbours: providers/demoidp is the provider; nothing else of the product is
// imported. The largest query of Dagster's app is in dagster/testdata.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	// root is the checkout; out is where the report goes, from there.
	root, out string
	// only names a section, if not all shall be measured.
	only     string
	rounds   int
	duration time.Duration
	// cache is where large databases are kept for the next time, and share the part
	// of their size that is wanted.
	cache string
	share float64
	// times is how often each page of the console is asked for.
	times int
	// on names a database, if the console shall not be measured on both.
	on string
	// log is where access logs are written.
	log string
	// as and upstream make this process a part of the benchmark.
	as, listen, upstream string
}

func main() {
	var o options
	flag.StringVar(&o.root, "root", "../..", "the checkout")
	flag.StringVar(&o.out, "out", "docs/benchmarks.md", "where the report goes, from the root; - for standard output")
	flag.StringVar(&o.only, "only", "", "measure one section and print it: few, many, reading, trimming, launching, socket or console, which alone goes into the report")
	flag.IntVar(&o.rounds, "rounds", 5, "how often each contender is measured")
	flag.DurationVar(&o.duration, "duration", 2*time.Second, "how long a measurement takes")
	flag.StringVar(&o.cache, "cache", "/var/tmp/dagpass-bench", "where the databases of the console are kept for the next time; they take 20 GB")
	flag.Float64Var(&o.share, "share", 1, "how much of them: 0.01 is a quick try")
	flag.IntVar(&o.times, "times", 30, "how often each page of the console is asked for")
	flag.StringVar(&o.on, "on", "", "measure the console on one database and print it: sqlite or postgres")
	flag.StringVar(&o.log, "log", "/dev/null", "where access logs are written; the default leaves the disk out of the figures")
	flag.StringVar(&o.as, "as", "", "be a part of the benchmark: upstream, plain or tuned")
	flag.StringVar(&o.listen, "listen", "", "for -as: the address to listen on")
	flag.StringVar(&o.upstream, "upstream", "", "for -as plain and tuned: where to pass requests on to")
	flag.Parse()
	if o.only != "" && o.only != "console" || o.share != 1 || o.on != "" {
		o.out = "-"
	}
	do := run
	if o.as != "" {
		do = part
	}
	if err := do(o); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b, err := newBench(o)
	if err != nil {
		return err
	}
	defer os.RemoveAll(b.dir)
	if err := b.measureAll(ctx); err != nil {
		return err
	}
	return b.write()
}
