// Command cyclonus says which packets a set of network policies lets through: from stdin it reads
// {"policies": [NetworkPolicy], "questions": [{"from", "to", "port", "protocol"}]}, to stdout it writes a list of
// booleans, in the order of the questions. It exits with 1 if it cannot judge, with 2 if it cannot read.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	networking "k8s.io/api/networking/v1"
	strict "sigs.k8s.io/json"
)

func main() {
	asked, err := read(os.Stdin)
	if err != nil {
		fmt.Fprintln(os.Stderr, "cyclonus: stdin:", err)
		os.Exit(2)
	}
	answers, err := judge(asked)
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(answers)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "cyclonus:", err)
		os.Exit(1)
	}
}

type input struct {
	Policies  []*networking.NetworkPolicy `json:"policies"`
	Questions []question                  `json:"questions"`
}

// A field nobody knows would be a condition nobody checks.
func read(from io.Reader) (*input, error) {
	text, err := io.ReadAll(from)
	if err != nil {
		return nil, err
	}
	asked := &input{}
	unknown, err := strict.UnmarshalStrict(text, asked)
	return asked, errors.Join(append(unknown, err)...)
}

func judge(asked *input) ([]bool, error) {
	policies, err := build(asked.Policies)
	if err != nil {
		return nil, err
	}
	answers := make([]bool, 0, len(asked.Questions))
	for number, question := range asked.Questions {
		allowed, err := question.allowed(policies)
		if err != nil {
			return nil, fmt.Errorf("questions[%d]: %w", number, err)
		}
		answers = append(answers, allowed)
	}
	return answers, nil
}

// Where cyclonus does not know on, it panics.
func guarded[T any](ask func() T) (answer T, err error) {
	defer func() {
		if said := recover(); said != nil {
			err = fmt.Errorf("%v", said)
		}
	}()
	return ask(), nil
}
