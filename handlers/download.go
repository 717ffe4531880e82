package handlers

import (
	"bufio"
	"fmt"
	"io"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/models"
)

// download is a file that is sent while it is read, however long it is. Its
// headers go out with its first bytes: what is refused before has a page.
type download struct {
	c           echo.Context
	name, media string
}

// Write implements io.Writer.
func (d download) Write(p []byte) (int, error) {
	if w := d.c.Response(); !w.Committed {
		w.Header().Set("Content-Type", d.media)
		w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", d.name))
	}
	return d.c.Response().Write(p)
}

// atOnce is how much of a download is written in one go, in bytes.
const atOnce = 32 << 10

// download sends a file that fill writes. One that fails half-way breaks off, for
// its beginning would pass for the whole.
func (s *Server) download(c echo.Context, name, media string, fill func(io.Writer) error) error {
	w := bufio.NewWriterSize(download{c, name, media}, atOnce)
	err := fill(w)
	if err == nil {
		err = w.Flush()
	}
	if err != nil && c.Response().Committed {
		s.note(c.Request(), models.AsError(err))
		panic(http.ErrAbortHandler)
	}
	return err
}

// table sends rows for a spreadsheet.
func (s *Server) table(c echo.Context, name string, columns []string, fill func(row func(...string) error) error) error {
	return s.download(c, name+".csv", "text/csv; charset=utf-8", func(to io.Writer) error {
		t := models.NewTable(to, columns)
		if err := fill(t.Row); err != nil {
			return err
		}
		return t.End()
	})
}
