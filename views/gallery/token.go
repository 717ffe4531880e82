package gallery

import (
	"strings"
	"time"

	"github.com/dagpass/dagpass/models"
	"github.com/dagpass/dagpass/views"
)

// tokens are the pages about tokens for the API.
func tokens() []Page {
	crowded, hostile := localAccount(), localAccount()
	hostile.Site = prefixed()
	crowded.Tokens = &views.APITokens{List: []views.APIToken{
		{ID: models.Digest("1")[:32], Name: "Nightly access review", Made: at(-time.Minute), Expires: at(12 * time.Hour), Here: true},
		{ID: models.Digest("2")[:32], Name: "Terraform", Made: at(-3 * time.Hour), Expires: at(4 * time.Hour)},
	}}
	hostile.Tokens = &views.APITokens{
		List:  []views.APIToken{{ID: Markup, Name: Markup, Made: at(-time.Minute), Expires: at(time.Hour)}},
		Wrong: views.Wrong{"name": Markup, "": Markup},
	}
	text := "dagpass_session_" + models.Digest("1")[:32] + "_" + strings.Repeat("aB3-_x9", 6) + "Z"
	return []Page{
		{"account-tokens", crowded.Prefix, crowded.Component()},
		{"account-tokens-hostile", hostile.Prefix, hostile.Component()},
		{"api-token", "", views.NewAPIToken{Site: site(), Token: text, Expires: at(12 * time.Hour)}.Component()},
	}
}
