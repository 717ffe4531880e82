package dagstertest

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

// graphql is GraphQLServer.graphql_http_endpoint, decision by decision.
func (s *Server) graphql(c *call) {
	var data map[string]any
	switch c.r.Method {
	case http.MethodGet:
		if strings.Contains(c.r.Header.Get("Accept"), "text/html") {
			c.seen.Endpoint = "graphiql"
			c.html("<html><body>GraphiQL</body></html>")
			return
		}
		data = fromQuery(c.r)
	case http.MethodPost:
		var ok bool
		if data, ok = fromPost(c); !ok {
			return
		}
	default:
		c.text(http.StatusMethodNotAllowed, "Method Not Allowed")
		return
	}
	s.execute(c, data)
}

func fromPost(c *call) (data map[string]any, ok bool) {
	contentType := c.r.Header.Get("Content-Type")
	switch {
	case strings.Contains(contentType, "application/json"):
		return fromJSON(c)
	case strings.Contains(contentType, "application/graphql"):
		return map[string]any{"query": string(c.body)}, true
	}
	return fromQuery(c.r), true
}

// fromJSON takes keys exactly and the last of those given twice, as Python does.
func fromJSON(c *call) (data map[string]any, ok bool) {
	var value any
	if json.Unmarshal(c.body, &value) != nil {
		c.text(http.StatusBadRequest, "GraphQL request is invalid JSON:\n%s", c.body)
		return nil, false
	}
	data, ok = value.(map[string]any)
	if !ok {
		c.text(http.StatusInternalServerError, "Internal Server Error")
	}
	return data, ok
}

// fromQuery takes the last of parameters given twice, as Starlette does.
func fromQuery(r *http.Request) map[string]any {
	data := map[string]any{}
	for _, pair := range strings.Split(r.URL.RawQuery, "&") {
		key, value, _ := strings.Cut(pair, "=")
		data[unquote(key)] = unquote(value)
	}
	return data
}

func unquote(s string) string {
	plain, err := url.QueryUnescape(s)
	if err != nil {
		return s
	}
	return plain
}

func (s *Server) execute(c *call, data map[string]any) {
	query, ok := data["query"].(string)
	if !ok {
		c.text(http.StatusBadRequest, "No GraphQL query found in the request")
		return
	}
	variables, err := variables(data["variables"])
	if err != nil {
		c.text(http.StatusBadRequest, "Malformed GraphQL variables.")
		return
	}
	o, d, err := resolve(query, data["operationName"], variables)
	if err != nil {
		c.json(http.StatusBadRequest, map[string]any{"data": nil, "errors": []any{map[string]any{"message": err.Error()}}})
		return
	}
	if o.Kind == "subscription" {
		c.json(http.StatusOK, map[string]any{"data": nil})
		return
	}
	c.seen.Ran = &o
	if s.instead != nil {
		if status, body := s.instead(*c.seen); status != 0 {
			c.w.Header().Set("Content-Type", "application/json")
			c.w.WriteHeader(status)
			_, _ = c.w.Write([]byte(body))
			return
		}
	}
	c.json(http.StatusOK, map[string]any{"data": s.answer(d, o)})
}

func variables(value any) (map[string]any, error) {
	if text, ok := value.(string); ok {
		if err := json.Unmarshal([]byte(text), &value); err != nil {
			return nil, err
		}
	}
	if value == nil {
		return nil, nil
	}
	object, ok := value.(map[string]any)
	if !ok {
		return nil, errors.New("not a mapping")
	}
	return object, nil
}

// resolve picks the operation as graphql-core does and lists its root fields,
// those behind @skip and @include too.
func resolve(query string, name any, variables map[string]any) (Operation, *ast.QueryDocument, error) {
	d, err := parser.ParseQuery(&ast.Source{Input: query})
	if err != nil {
		return Operation{}, nil, err
	}
	chosen, err := choose(d.Operations, name)
	if err != nil {
		return Operation{}, nil, err
	}
	o := Operation{Kind: string(chosen.Operation), Name: chosen.Name, Variables: variables}
	o.collect(d, chosen.SelectionSet, map[string]bool{})
	all := withDefaults(chosen, variables)
	for _, f := range o.roots {
		o.Fields, o.Arguments = append(o.Fields, f.Name), append(o.Arguments, arguments(f, all))
	}
	return o, d, nil
}

func choose(operations ast.OperationList, name any) (*ast.OperationDefinition, error) {
	if name == nil {
		if len(operations) == 1 {
			return operations[0], nil
		}
		return nil, errors.New("Must provide operation name if query contains multiple operations.")
	}
	for _, o := range slices.Backward(operations) {
		if o.Name != "" && o.Name == name {
			return o, nil
		}
	}
	return nil, errors.New("Unknown operation named.")
}

func (o *Operation) collect(d *ast.QueryDocument, set ast.SelectionSet, seen map[string]bool) {
	for _, selection := range set {
		switch x := selection.(type) {
		case *ast.Field:
			o.roots = append(o.roots, x)
		case *ast.InlineFragment:
			o.collect(d, x.SelectionSet, seen)
		case *ast.FragmentSpread:
			if f := d.Fragments.ForName(x.Name); f != nil && !seen[x.Name] {
				seen[x.Name] = true
				o.collect(d, f.SelectionSet, seen)
			}
		}
	}
}

// data is an answer with value under every response key.
func (o *Operation) data(value any) map[string]any {
	data := map[string]any{}
	for _, f := range o.roots {
		data[f.Alias] = value
	}
	return data
}
