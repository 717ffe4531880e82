package handlers

import (
	"cmp"
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/views"
)

// What an installation has of its own is asked for by what it is: another logo is
// another address, and a browser may keep each.
const keepForever = "public, max-age=31536000, immutable"

// branded is a site as the installation calls itself and looks.
func branded(v views.Site, b models.Brand) views.Site {
	v.Name, v.Message = cmp.Or(b.Name, v.Name), b.Message
	if len(b.Logo) > 0 {
		v.Logo = v.Prefix + "/auth/brand/logo?v=" + b.LogoHash
	}
	if css := views.BrandStyle(b.Color); css != "" {
		v.Style = v.Prefix + "/auth/brand/style.css?v=" + styleHash(css)
	}
	return v
}

func styleHash(css string) string { return models.Digest(css)[:16] }

// brandLogo is the logo. Its type is one that was found in its bytes, the
// browser is told not to guess another, and should it be opened by itself, it
// opens in an origin of its own.
func (s *Server) brandLogo(c echo.Context) error {
	b := s.Pages.Brand()
	if len(b.Logo) == 0 {
		return models.ErrNotFound
	}
	return s.ofBrand(c, b.LogoHash, b.LogoType, b.Logo)
}

// brandStyle puts the installation's colour over ours.
func (s *Server) brandStyle(c echo.Context) error {
	css := views.BrandStyle(s.Pages.Brand().Color)
	if css == "" {
		return models.ErrNotFound
	}
	return s.ofBrand(c, styleHash(css), "text/css; charset=utf-8", []byte(css))
}

func (s *Server) ofBrand(c echo.Context, hash, kind string, content []byte) error {
	h := c.Response().Header()
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	if c.QueryParam("v") == hash {
		h.Set("Cache-Control", keepForever)
	}
	return c.Blob(http.StatusOK, kind, content)
}
