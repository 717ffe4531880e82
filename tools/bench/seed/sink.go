package seed

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"strings"
	"time"

	"github.com/dagpass/dagpass/models"
)

// sink is a database that takes rows quickly.
type sink interface {
	// insert takes rows until there are none; all of them are there then, or none.
	insert(ctx context.Context, table string, columns []string, next func() ([]any, bool)) error
	// dropIndexes takes the indexes of the trail away; rebuild makes them again.
	dropIndexes(ctx context.Context) (rebuild func() error, err error)
	head(ctx context.Context) (models.Link, error)
	setHead(ctx context.Context, last models.Link) error
	lastEvent(ctx context.Context) (time.Time, error)
	// unsigned is how many events stand behind the last checkpoint.
	unsigned(ctx context.Context) (int64, error)
	// eventBehind is the first event behind a number that is of a run.
	eventBehind(ctx context.Context, seq int64) (body string, err error)
	// reopen makes all sessions as if they had been opened lately.
	reopen(ctx context.Context, now time.Time) error
	close()
}

func open(ctx context.Context, url string) (sink, error) {
	if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
		return openSQLite(ctx, path)
	}
	return openPostgres(ctx, url)
}

// Digest is a hash over some files, which must be there.
func Digest(files fs.FS, names ...string) string {
	sum := sha256.New()
	for _, name := range names {
		content, err := fs.ReadFile(files, name)
		if err != nil {
			panic(err)
		}
		sum.Write(content)
	}
	return hex.EncodeToString(sum.Sum(nil))
}
