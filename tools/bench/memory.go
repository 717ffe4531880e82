package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// watchEvery is how often memory is looked at.
const watchEvery = 50 * time.Millisecond

// memory is what is resident, in kB.
type memory struct {
	// Total is VmRSS, File the part of it that is the program's file: it is
	// shared, and the system takes it back when it needs it (proc(5)).
	Total, File int
}

// watchMemory looks at a process and its children until the function it gives
// is called, which tells the most that was resident.
func watchMemory(pid int) (peak func() memory) {
	stop, most := make(chan struct{}), make(chan memory)
	go func() {
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		var seen memory
		for {
			if now := resident(pid); now.Total > seen.Total {
				seen = now
			}
			select {
			case <-tick.C:
			case <-stop:
				most <- seen
				return
			}
		}
	}()
	return func() memory { close(stop); return <-most }
}

// resident adds up a process and its children. What they share counts twice.
func resident(pid int) (sum memory) {
	for _, id := range family(pid) {
		sum.Total += field("/proc/"+id+"/status", "VmRSS:")
		sum.File += field("/proc/"+id+"/status", "RssFile:")
	}
	return sum
}

// family is a process and its children.
func family(pid int) []string {
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	return append(strings.Fields(string(children)), strconv.Itoa(pid))
}

// processor is the time that a process and its children have used, the kernel's
// share included, in seconds. It is exact, which the ticks of /proc are not.
func processor(pid int) (sum float64) {
	const wholeProcess = 2 // CPUCLOCK_SCHED, as clock_getcpuclockid(3) makes it
	for _, id := range family(pid) {
		var t syscall.Timespec
		n, _ := strconv.Atoi(id)
		// Of a process that is gone the time stays zero.
		_, _, _ = syscall.Syscall(syscall.SYS_CLOCK_GETTIME, uintptr(^n<<3|wholeProcess), uintptr(unsafe.Pointer(&t)), 0)
		sum += time.Duration(t.Nano()).Seconds()
	}
	return sum
}

// forget takes a file out of the page cache. A program that was just written
// is in there as a whole, and all of it would count as resident; on a machine
// that has just started, only what is used is.
func forget(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return err
	}
	const dontNeed = 4 // POSIX_FADV_DONTNEED
	if _, _, errno := syscall.Syscall6(syscall.SYS_FADVISE64, f.Fd(), 0, 0, dontNeed, 0, 0); errno != 0 {
		return errno
	}
	return nil
}

// field is the number behind a name in a file of /proc; 0 where there is none.
func field(file, name string) int {
	content, _ := os.ReadFile(file)
	_, rest, _ := strings.Cut(string(content), name)
	number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, _ := strconv.Atoi(number)
	return n
}
