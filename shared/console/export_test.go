package console

import "maps"

// Route is a route of the table, for tests.
type Route struct {
	Method, Path, Page string
	Roles              []string
	Each               bool
	API                bool
}

// Routes lists the table.
func (c *Console) Routes() []Route {
	var out []Route
	for _, r := range c.routes {
		out = append(out, Route{r.method, r.path, r.page, r.right.roles, r.right.each, r.api})
	}
	return out
}

// Names lists what expressions are offered, German the translations.
func Names() []string { return names }
func German() map[string]string {
	all := map[string]string{}
	for _, words := range germanWords() {
		maps.Copy(all, words)
	}
	return all
}

// Taken gives what the API's document says that a route takes.
func (c *Console) Taken() map[string][]string {
	out := map[string][]string{}
	for _, r := range c.routes {
		out[r.method+" "+r.path] = taken(r.does)
	}
	return out
}
