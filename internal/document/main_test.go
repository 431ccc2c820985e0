package document

import (
	"reflect"
	"regexp"
	"time"
)

// A shop is a struct with every sort of field.
type shop struct {
	// Title is a text.
	Title string `yaml:"title" form:"line"`
	// Count is a number.
	Count int `yaml:"count" min:"1" max:"65535"`
	// Open is a boolean.
	Open bool `yaml:"open"`
	// Wait is a duration.
	Wait time.Duration `yaml:"wait" min:"1"`
	// Room is a size.
	Room Size `yaml:"room" min:"1024"`
	// Mood is one of some texts.
	Mood string `yaml:"mood" enum:"good bad" later:"great"`
	// Words are texts.
	Words []string `yaml:"words" secret:"expanded"`
	// Lists are lists of texts by name.
	Lists map[string][]string `yaml:"lists" key:"name"`
	// Stands are structs by name, under either key.
	Stands []stand `yaml:"stands,booths" key:"name"`
	// Inner is a struct.
	Inner inner `yaml:"inner"`
	// Bins are structs by name that may be written as one of their fields.
	Bins map[string]bin `yaml:"bins" key:"name"`

	guarded

	_ struct{} `later:"garden"`
}

// guarded is a struct whose keys are those of who embeds it.
type guarded struct {
	// Guards is a number.
	Guards int `yaml:"guards" max:"9" min:"0"`
}

// A stand is an entry of a shop.
type stand struct {
	// Name is the key.
	Name string `yaml:"-"`
	// Owner is a text with a default that is made of the name.
	Owner string `yaml:"owner"`
	// Env is secret.
	Env map[string]string `yaml:"env" secret:"all"`
	// Shelves are structs in a struct, under either key.
	Shelves []shelf `yaml:"shelves,racks" key:"name"`
}

// A shelf is an entry of a stand.
type shelf struct {
	// Name is the key.
	Name string `yaml:"-"`
	// Width is a number.
	Width int `yaml:"width"`
}

func (s *shelf) Begin(name string) { *s = shelf{Name: name} }

func (s *stand) Begin(name string) { *s = stand{Name: name, Owner: "owner of " + name} }

// A bin may be written as its things alone.
type bin struct {
	// Things are texts.
	Things []string `yaml:"things" form:"line"`
	// Lid is a boolean.
	Lid bool `yaml:"lid"`

	_ struct{} `short:"things"`
}

// An inner is a struct in a struct.
type inner struct {
	// Password is a text that nobody is to see.
	Password string `yaml:"password" secret:"all"`
}

// shops is the grammar of shops.
var shops = &Grammar{
	Forms: map[string]Form{
		"line": {Pattern: regexp.MustCompile(`^[^\n]*$`), Message: "has a line break", Hint: "write one line"},
		"name": {Pattern: regexp.MustCompile(`^[a-z]+$`), Message: "cannot be a name here", Hint: "use small letters"},
	},
	Elsewhere: map[string]string{"quantity": "write count"},
	Secret:    []string{"env"},
}

// environment is what the tests' documents see.
func environment(name string) (string, bool) {
	value, ok := map[string]string{
		"TOKEN": "t0ken",
		"PORT":  "9090",
		"YES":   "true",
		"EMPTY": "",
		"LINES": "a\nb",
		"YAML":  "{enabled: true}",
	}[name]
	return value, ok
}

// read reads a document of that name as a shop.
func read(name, dir, text string) (*shop, *Document) {
	s := &shop{Count: 7, Mood: "good"}
	return s, shops.Read(Source{Name: name, Dir: dir, Env: environment}, []byte(text), s)
}

// shopType is the type of shops.
var shopType = reflect.TypeFor[shop]()
