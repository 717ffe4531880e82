package views

// searched tells how far a search went that has ended before the page was full.
func (p ConsoleAudit) searched() string {
	until := p.Back.UTC().Format("2 Jan 2006, 15:04") + " UTC"
	if len(p.Lines) == 0 {
		return "No event is like this back to " + until + ". Older ones have not been looked at yet."
	}
	return "This is all back to " + until + ". Older ones have not been looked at yet."
}

// older is the way to the next page in words.
func (p ConsoleAudit) older() string {
	if p.Back.IsZero() {
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
