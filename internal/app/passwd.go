package app

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/linnetmq/linnet/hooks/auth/passwd"
)

// passwdFlags say where a password comes from and what is made of it.
type passwdFlags struct {
	from, hash string
}

func newPasswd(std streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "passwd",
		Short: "Add users to a password file, delete, verify and list them",
		Long: `Change a password file: a user name and the hash of a password on each line.
It may be one that mosquitto_passwd made. A broker that uses the file follows
the change within a second.

A password is asked for on a terminal, without showing it. Scripts give it on
standard input or with --password-file; its first line counts.`,
		Args: noCommand,
		RunE: func(*cobra.Command, []string) error {
			return usagef("name a command: passwd add, delete, verify or list")
		},
	}
	cmd.AddCommand(newPasswdAdd(std), newPasswdDelete(std), newPasswdVerify(std), newPasswdList(std))
	return cmd
}

func (f *passwdFlags) register(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.from, "password-file", "", "`file` whose first line is the password")
}

// exactly wants one argument for each of the names.
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != len(names) {
			return usagef("%s: give %s", cmd.CommandPath(), strings.Join(names, " and "))
		}
		return nil
	}
}

func newPasswdAdd(std streams) *cobra.Command {
	var f passwdFlags
	cmd := &cobra.Command{
		Use:   "add file user",
		Short: "Add a user, or give one another password",
		Args:  exactly("a file", "a user name"),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := passwd.ValidUsername(args[1]); err != nil {
				return usageError{err}
			}
			password, err := f.password(std, "Password: ", true)
			if err != nil {
				return err
			}
			encoded, err := passwd.Hash(passwd.Kind(f.hash), password)
			if err != nil {
				return usageError{err}
			}
			replaced, err := passwd.Set(args[0], args[1], encoded)
			if err != nil {
				return err
			}
			what := "added"
			if replaced {
				what = "has a new password"
			}
			_, err = fmt.Fprintf(std.out, "user %s %s\n", args[1], what)
			return err
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&f.hash, "hash", string(passwd.Argon2id), "`kind` of hash: argon2id, bcrypt or pbkdf2-sha512 (which Mosquitto reads too)")
	return cmd
}

func newPasswdDelete(std streams) *cobra.Command {
	return &cobra.Command{
		Use:   "delete file user",
		Short: "Delete a user",
		Args:  exactly("a file", "a user name"),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := passwd.Delete(args[0], args[1]); err != nil {
				return err
			}
			_, err := fmt.Fprintf(std.out, "user %s deleted\n", args[1])
			return err
		},
	}
}

func newPasswdVerify(std streams) *cobra.Command {
	var f passwdFlags
	cmd := &cobra.Command{
		Use:   "verify file user",
		Short: "Check a user's password: exit code 0 if it is right, else 1",
		Args:  exactly("a file", "a user name"),
		RunE: func(_ *cobra.Command, args []string) error {
			file, err := passwd.Open(args[0], nil)
			if err != nil {
				return err
			}
			password, err := f.password(std, "Password: ", false)
			if err != nil {
				return err
			}
			switch ok, known, err := file.Verify(args[1], password); {
			case err != nil:
				return err
			case !known:
				return fmt.Errorf("%s: user %q: %w", args[0], args[1], passwd.ErrNoUser)
			case !ok:
				return fmt.Errorf("the password of %q is wrong", args[1])
			}
			_, err = fmt.Fprintln(std.out, "the password is right")
			return err
		},
	}
	f.register(cmd)
	return cmd
}

func newPasswdList(std streams) *cobra.Command {
	return &cobra.Command{
		Use:   "list file",
		Short: "List the users and how their passwords are hashed",
		Args:  exactly("a file"),
		RunE: func(_ *cobra.Command, args []string) error {
			entries, err := passwd.List(args[0])
			if err != nil {
				return err
			}
			out := bufio.NewWriter(std.out)
			for _, e := range entries {
				note := ""
				if e.Kind == passwd.SHA512 {
					note = "\tweak: set the password again"
				}
				if _, err := fmt.Fprintf(out, "%s\t%s%s\n", e.Username, e.Kind, note); err != nil {
					return err
				}
			}
			return out.Flush()
		},
	}
}

// password reads the password: from the file, from the terminal without
// showing it, twice if it is new, or from standard input.
func (f *passwdFlags) password(std streams, prompt string, isNew bool) ([]byte, error) {
	if f.from != "" {
		file, err := os.Open(f.from)
		if err != nil {
			return nil, fmt.Errorf("password file: %w", err)
		}
		defer func() { _ = file.Close() }() // it was only read
		return firstLine(file, f.from)
	}
	in, ok := std.in.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return firstLine(std.in, "standard input")
	}
	password, err := ask(std, in, prompt)
	if err != nil || !isNew {
		return password, err
	}
	again, err := ask(std, in, "The same again: ")
	if err == nil && !bytes.Equal(password, again) {
		err = errors.New("the two passwords differ; nothing was changed")
	}
	return password, err
}

func ask(std streams, in *os.File, prompt string) ([]byte, error) {
	tell(std.err, "%s", prompt)
	password, err := term.ReadPassword(int(in.Fd()))
	tell(std.err, "\n")
	if err != nil {
		return nil, fmt.Errorf("read password: %w", err)
	}
	return password, nil
}

// firstLine reads a line without its end.
func firstLine(from io.Reader, name string) ([]byte, error) {
	line, err := bufio.NewReader(io.LimitReader(from, 1<<17)).ReadBytes('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("read password from %s: %w", name, err)
	}
	line = bytes.TrimRight(line, "\r\n")
	if len(line) == 0 {
		return nil, fmt.Errorf("read password from %s: the first line is empty", name)
	}
	return line, nil
}
