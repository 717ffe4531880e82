package models

import "testing"

func TestInert(t *testing.T) {
	for cell, want := range map[string]string{
		"": "", "Ann": "Ann", "a=b": "a=b", " =1": " =1", "é": "é",
		"=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "\r=1": "'\r=1", "\n=1": "'\n=1", "＝1": "'＝1",
		"\xff": "\xff",
	} {
		if got := inert(cell); got != want {
			t.Errorf("%q becomes %q, not %q", cell, got, want)
		}
	}
}
