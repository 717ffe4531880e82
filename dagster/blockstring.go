package dagster

import (
	"errors"
	"math"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/lexer"
)

// plainStrings writes the block strings of a document as plain ones, with the
// value that graphql-core gives them. gqlparser is not left to do it: it counts
// the first line when it looks for the common indentation, which the
// specification does not (GraphQL, section 2.9.4), and run configuration is
// YAML, whose indentation is its meaning.
func plainStrings(query string) (string, error) {
	if !strings.Contains(query, `"""`) {
		return query, nil
	}
	source := []rune(query) // positions of tokens count runes
	tokens := lexer.New(&ast.Source{Input: query})
	var b strings.Builder
	done := 0
	for {
		token, err := tokens.ReadToken()
		if err != nil {
			return "", err
		}
		if token.Kind == lexer.EOF {
			return b.String() + string(source[done:]), nil
		}
		if token.Kind != lexer.BlockString {
			continue
		}
		if err := requireEnd(source[token.Pos.End:]); err != nil {
			return "", err
		}
		b.WriteString(string(source[done:token.Pos.Start]))
		b.WriteString(plainString(string(source[token.Pos.Start+3 : token.Pos.End-3])))
		done = token.Pos.End
	}
}

// requireEnd refuses a block string that ends with more than three quotes:
// graphql-core ends it at the first three, gqlparser at the last.
func requireEnd(rest []rune) error {
	if len(rest) > 0 && rest[0] == '"' {
		return errors.New("block string with a quote too many")
	}
	return nil
}

func plainString(raw string) string {
	raw = strings.NewReplacer("\r\n", "\n", "\r", "\n", `\"""`, `"""`).Replace(raw)
	v := ast.Value{Kind: ast.StringValue, Raw: strings.Join(dedent(strings.Split(raw, "\n")), "\n")}
	return " " + v.String() + " "
}

// dedent is dedent_block_string_lines of graphql/language/block_string.py.
func dedent(lines []string) []string {
	common, first, last := math.MaxInt, 0, -1
	for i, line := range lines {
		indent := len(line) - len(strings.TrimLeft(line, " \t"))
		if indent == len(line) {
			continue
		}
		if last < 0 {
			first = i
		}
		last = i
		if i > 0 {
			common = min(common, indent)
		}
	}
	for i := 1; i < len(lines); i++ {
		lines[i] = lines[i][min(common, len(lines[i])):]
	}
	return lines[first : last+1]
}
