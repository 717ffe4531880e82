package views

import "time"

// searched tells how far back a search went that has ended before the page was
// full, with so many lines on it.
func searched(lines int, back time.Time) string {
	until := back.UTC().Format("2 Jan 2006, 15:04") + " UTC"
	if lines == 0 {
		return "No event is like this back to " + until + ". Older ones have not been looked at yet."
	}
	return "This is all back to " + until + ". Older ones have not been looked at yet."
}

// older is the way to the next page in words, behind one that went so far back.
func older(back time.Time) string {
	if back.IsZero() {
		return "Older"
	}
	return "Search on"
}

// searchOn is the way to the next page in words, behind a page of a search that
// has so many lines: one with none is not the end.
func searchOn(lines int) string {
	if lines == 0 {
		return "Search on"
	}
	return "Next page"
}
