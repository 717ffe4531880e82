package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// watchEvery is how often memory is looked at.
const watchEvery = 50 * time.Millisecond

// watchMemory looks at a process and its children until the function it gives
// is called, which tells the most that was resident (VmRSS), in kB.
func watchMemory(pid int) (peak func() int) {
	stop, most := make(chan struct{}), make(chan int)
	go func() {
		tick, seen := time.NewTicker(watchEvery), 0
		defer tick.Stop()
		for {
			seen = max(seen, resident(pid))
			select {
			case <-tick.C:
			case <-stop:
				most <- seen
				return
			}
		}
	}()
	return func() int { close(stop); return <-most }
}

// resident adds up a process and its children. What they share counts twice.
func resident(pid int) int {
	sum := field(fmt.Sprintf("/proc/%d/status", pid), "VmRSS:")
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, child := range strings.Fields(string(children)) {
		sum += field("/proc/"+child+"/status", "VmRSS:")
	}
	return sum
}

// field is the number behind a name in a file of /proc; 0 where there is none.
func field(file, name string) int {
	content, _ := os.ReadFile(file)
	_, rest, _ := strings.Cut(string(content), name)
	number, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	n, _ := strconv.Atoi(number)
	return n
}
