// Command compose reads a compose file as Docker Compose does, strictly and with all profiles, and
// prints it resolved as JSON. Its errors are those that `docker compose up` would stop at.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "compose:", err)
		os.Exit(1)
	}
}

// run takes a compose file and the file with its variables.
func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: compose COMPOSE_FILE ENV_FILE")
	}
	options, err := cli.NewProjectOptions(args[:1],
		cli.WithEnvFiles(args[1]),
		cli.WithDotEnv,
		cli.WithProfiles([]string{"*"}),
	)
	if err != nil {
		return err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return err
	}
	text, err := project.MarshalJSON()
	if err != nil {
		return err
	}
	fmt.Println(string(text))
	return nil
}
