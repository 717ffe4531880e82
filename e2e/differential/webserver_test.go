package differential

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"testing"

	"github.com/dagpass/dagpass/e2e/parts"
)

// A request for /graphql: over HTTP, or a message on a socket.
type request struct {
	Method      string   `json:"method,omitempty"`
	ContentType []string `json:"content_type,omitempty"`
	Query       []byte   `json:"query,omitempty"` // the query string
	Body        []byte   `json:"body,omitempty"`
	Socket      []byte   `json:"socket,omitempty"`
}

// A ran is a root field that Dagster would run.
type ran struct {
	Kind, Operation, Name, Key string
	Arguments                  map[string]any // as graphql-core understood them
}

// A reading is what Dagster makes of a request. Trouble names the exception
// that its server would answer with 500.
type reading struct {
	Ran     []ran
	Trouble string
}

// readings are that of Dagster as it is, and if that runs nothing, that of one
// which does not validate documents; older versions cannot be asked for it.
type readings struct{ Strict, Lenient reading }

// kind is the type of an argument, by what webserver.py says of it.
type kind struct {
	Required bool
	List     *kind
	Input    string
	Scalar   string
	Values   []string
}

// catalog is what the mutations of Dagster's schema take.
type catalog struct {
	Mutations map[string]struct {
		Leaf      bool // has no fields to select
		Arguments map[string]kind
	}
	Inputs map[string]map[string]kind
}

// webserver is Dagster's reading of requests, in a process of its own.
type webserver struct {
	version parts.Version
	catalog catalog
	to      io.Writer
	from    io.Reader
}

func startWebserver(t testing.TB, v parts.Version) *webserver {
	t.Helper()
	cmd := exec.Command(parts.DagsterBin(t, v, "python"), "webserver.py")
	cmd.Env, cmd.Stderr = parts.Environment(t), os.Stderr
	to, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	from, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { to.Close(); cmd.Wait() })
	w := &webserver{version: v, to: to, from: from}
	w.receive(t, &w.catalog)
	return w
}

func (w *webserver) read(t testing.TB, r request) (answer readings) {
	t.Helper()
	content, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	frame := append(binary.BigEndian.AppendUint32(nil, uint32(len(content))), content...)
	if _, err := w.to.Write(frame); err != nil {
		t.Fatal(err)
	}
	w.receive(t, &answer)
	return answer
}

func (w *webserver) receive(t testing.TB, answer any) {
	t.Helper()
	var length uint32
	if err := binary.Read(w.from, binary.BigEndian, &length); err != nil {
		t.Fatalf("webserver.py: %v", err)
	}
	content := make([]byte, length)
	if _, err := io.ReadFull(w.from, content); err != nil {
		t.Fatalf("webserver.py: %v", err)
	}
	d := json.NewDecoder(bytes.NewReader(content))
	d.UseNumber()
	if err := d.Decode(answer); err != nil {
		t.Fatalf("webserver.py: %v", err)
	}
}
