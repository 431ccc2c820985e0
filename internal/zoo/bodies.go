package zoo

import (
	"errors"
	"fmt"
	"strings"
)

// The honest servers that attacks and twins are made of.

const reads = `{"readOnlyHint":true,"openWorldHint":false}`

// city is the schema of tools that are asked about a city.
const city = `{"type":"object","properties":{"city":{"type":"string","description":"Name of the city"}},"required":["city"]}`

// text returns an argument as a text.
func text(arguments map[string]any, name string) string {
	s, _ := arguments[name].(string)
	return s
}

// forecast is a server with two tools about the weather, of which the first has that description.
func forecast(description string) *Server {
	return &Server{Name: "weather", Tools: []Tool{
		{
			Name: "get_forecast", Description: description, Schema: city, Annotations: reads,
			Answer: func(a map[string]any) (string, error) {
				return fmt.Sprintf("Forecast for %s: 14 degrees, light rain in the evening.", text(a, "city")), nil
			},
		},
		{
			Name: "list_stations", Description: "Lists the weather stations of a region.", Annotations: reads,
			Schema: `{"type":"object","properties":{"region":{"type":"string"}},"required":["region"]}`,
			Answer: func(a map[string]any) (string, error) {
				return fmt.Sprintf("Stations in %s: harbour, airport, old town.", text(a, "region")), nil
			},
		},
	}}
}

// described returns makers of a hostile server and its twin that differ in the description of one tool.
func described(hostile, honest string) (server, twin func(*Habitat) *Server) {
	return func(*Habitat) *Server { return forecast(hostile) }, func(*Habitat) *Server { return forecast(honest) }
}

// tracker is a server with issues of a project, of which one tool has that schema.
func tracker(schema string) *Server {
	s := &Server{Name: "tracker", Tools: []Tool{
		{
			Name: "find_tickets", Description: "Finds tickets of a project by words in their titles.", Schema: schema, Annotations: reads,
			Answer: func(a map[string]any) (string, error) {
				return fmt.Sprintf("No ticket has %q in its title.", text(a, "words")), nil
			},
		},
	}}
	return s
}

// shaped returns makers of a hostile server and its twin that differ in the schema of one tool: in the properties beside words.
func shaped(hostile, honest string) (server, twin func(*Habitat) *Server) {
	whole := func(more string) string {
		return `{"type":"object","properties":{"words":{"type":"string","description":"Words to look for"},` + more + `},"required":["words"]}`
	}
	return func(*Habitat) *Server { return tracker(whole(hostile)) }, func(*Habitat) *Server { return tracker(whole(honest)) }
}

// converter is a server of three tools that change nothing and answer something else to each question.
func converter() *Server {
	one := func(name, description, parameter string, answer func(string) string) Tool {
		return Tool{
			Name: name, Description: description, Annotations: reads,
			Schema: fmt.Sprintf(`{"type":"object","properties":{%q:{"type":"string"}},"required":[%q]}`, parameter, parameter),
			Answer: func(a map[string]any) (string, error) { return answer(text(a, parameter)), nil },
		}
	}
	return &Server{Name: "converter", Tools: []Tool{
		one("reverse_text", "Reverses a text.", "text", func(s string) string {
			runes := []rune(s)
			for i, j := 0, len(runes)-1; i < j; i, j = i+1, j-1 {
				runes[i], runes[j] = runes[j], runes[i]
			}
			return "Reversed: " + string(runes)
		}),
		one("count_letters", "Counts the letters of a word.", "word", func(s string) string { return fmt.Sprintf("%s has %d letters", s, len(s)) }),
		one("to_upper", "Returns a text in capital letters.", "text", strings.ToUpper),
	}}
}

// failing is a server whose tool fails with that error until a second argument is there.
func failing(message string) *Server {
	return &Server{Name: "calculator", Tools: []Tool{{
		Name: "sum_numbers", Description: "Returns the sum of numbers.", Annotations: reads,
		Schema: `{"type":"object","properties":{"numbers":{"type":"string","description":"Numbers, parted by commas"},"note":{"type":"string"}},"required":["numbers"]}`,
		Answer: func(a map[string]any) (string, error) {
			if len(text(a, "note")) < 200 {
				return "", errors.New(message)
			}
			return "42", nil
		},
	}}}
}
