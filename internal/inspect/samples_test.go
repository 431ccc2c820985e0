package inspect

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"hash/fnv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A sample is one text of testdata, written for this purpose or, those of the category real, said by servers of others.
type sample struct {
	Text     string `json:"text"`
	Category string `json:"category"`
	Language string `json:"language"`
	Kind     string `json:"kind"`
	Label    int    `json:"label"`  // 1: it gives orders to the model that reads it
	Family   string `json:"family"` // of variants and translations of one text
	Held     bool   `json:"held"`   // for judging only, whatever its hash

	group uint32 // samples of one group are never parted
	held  bool   // for judging only
	file  string // and language
	// composed is a sample that testdata/composed makes; it is only trained on.
	composed bool
}

func (s *sample) kind() Kind {
	switch s.Kind {
	case "argument":
		return Argument
	case "answer":
		return Answer
	case "instructions":
		return Instructions
	}
	return Description
}

// definition reports whether the sample is part of the definition of a tool: neither an answer nor a server's or a prompt's words to a model.
func (s *sample) definition() bool {
	return s.Kind != "answer" && s.Kind != "instructions" && s.Category != "prompt"
}

func hash(text string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(text))
	return h.Sum32()
}

// aligned are files whose texts follow one another in all languages, scenario by scenario.
var aligned = []string{"es_benign", "es_poisoned", "ko_benign", "ko_poisoned", "zh_benign", "zh_poisoned", "more_benign"}

// part holds three of ten samples back, by the hash of what they are a variant of, or else of their text. In aligned files each category falls
// into thirds by its order in the file, the same third of all languages is held back, and a third is never parted.
func part(all []sample) {
	type key struct {
		file, category string
	}
	count, seen := map[key]int{}, map[key]int{}
	for _, s := range all {
		count[key{s.file, s.Category}]++
	}
	for i := range all {
		s := &all[i]
		k := key{s.file, s.Category}
		if s.Family != "" || s.Language == "en" || !slices.Contains(aligned, strings.TrimSuffix(filepath.Base(s.file), ".jsonl"+s.Language)) {
			h := hash(cmp.Or(s.Family, s.Text))
			s.group, s.held = h/10, s.Held || h%10 < 3
			continue
		}
		third := uint32(seen[k] * 3 / count[k])
		seen[k]++
		s.group, s.held = hash(s.Category)/10+third, hash(s.Category)%3 == third
	}
}

func samples(tb testing.TB) (all []sample) {
	tb.Helper()
	files, err := filepath.Glob("testdata/*.jsonl")
	if err != nil || len(files) == 0 {
		tb.Fatalf("there are no samples: %v", err)
	}
	for _, file := range files {
		all = append(all, read(tb, file)...)
	}
	part(all)
	return all
}

// read returns the samples of a file.
func read(tb testing.TB, file string) (all []sample) {
	tb.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		tb.Fatal(err)
	}
	lines := bufio.NewScanner(bytes.NewReader(data))
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		var s sample
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil || s.Text == "" || s.Category == "" || s.Language == "" {
			tb.Fatalf("%s:%d: %v", file, n, err)
		}
		s.file = file + s.Language
		all = append(all, s)
	}
	return all
}

// parted returns the samples for training and those that are held back.
func parted(all []sample) (training, judging []sample) {
	for _, s := range all {
		if s.held {
			judging = append(judging, s)
		} else {
			training = append(training, s)
		}
	}
	return training, judging
}

func TestSamples(t *testing.T) {
	all := samples(t)
	texts := map[string]bool{}
	var poisoned, benign int
	for _, s := range all {
		if texts[strings.ToLower(s.Text)] {
			t.Errorf("stands there twice: %s", s.Text)
		}
		texts[strings.ToLower(s.Text)] = true
		poisoned += s.Label
		benign += 1 - s.Label
	}
	if poisoned < 500 || benign < 1500 || len(categories(all)) < 20 {
		t.Errorf("%d poisoned and %d benign samples of %d categories", poisoned, benign, len(categories(all)))
	}
}

func categories(all []sample) (names []string) {
	for _, s := range all {
		if s.Label == 1 && !slices.Contains(names, s.Category) {
			names = append(names, s.Category)
		}
	}
	slices.Sort(names)
	return names
}
