package models

import "testing"

func TestInert(t *testing.T) {
	for cell, want := range map[string]string{
		"": "", "Ann": "Ann", "a=b": "a=b", " =1": " '=1", "é": "é", "a; b, c|d": "a; b, c|d", "2026-11-21T19:00:00+01:00": "2026-11-21T19:00:00+01:00",
		"x;=1+1": "x;'=1+1", "x|@SUM(A1)": "x|'@SUM(A1)", "x,-1": "x,'-1", "x\ty\t+1": "x\ty\t'+1", "x\n=1": "x\n'=1", "x\r\n=1": "x\r\n'=1",
		`x;"=1+1"`: `x;"'=1+1"`, "x; =1": "x; '=1", ";;=1;=2": ";;'=1;'=2", ";\t=1": ";\t'=1", "x;＝1": "x;'＝1", "-": "'-", ";": ";",
		"=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t'=1", "\r=1": "'\r'=1", "\n=1": "'\n'=1", "\tx": "'\tx", "＝1": "'＝1",
		"\xff": "\xff",
	} {
		if got := inert(cell); got != want {
			t.Errorf("%q becomes %q, not %q", cell, got, want)
		}
	}
}
