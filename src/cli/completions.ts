/**
 * `jitdump completions`.
 *
 * @module
 */

import { type Command, parse, UsageError } from "./command.ts";
import {
  type CompletedCommands,
  toBash,
  toFish,
  toZsh,
} from "./completion_scripts.ts";
import { writeStdout } from "./output.ts";

/** Returns the script of each shell. */
const SHELLS = { bash: toBash, zsh: toZsh, fish: toFish };

const NAMES = Object.keys(SHELLS);

const HELP = `
Usage: jitdump completions ${NAMES.join("|")}

Prints a script with which a shell completes commands, options and their values:

  bash  echo 'source <(jitdump completions bash)' >>~/.bashrc
  zsh   jitdump completions zsh >_jitdump, in a directory of $fpath
  fish  jitdump completions fish >~/.config/fish/completions/jitdump.fish

Requires no --allow-… flag.
`;

/**
 * Returns the command.
 *
 * @param commands Returns all commands by their names.
 */
export function completions(
  commands: () => CompletedCommands,
): Command {
  return {
    summary: "print a script for completion in a shell",
    help: HELP,
    options: {},
    argumentNames: NAMES,
    run(args) {
      const { positionals } = parse(args, {});
      const [shell] = positionals;
      if (positionals.length !== 1 || !Object.hasOwn(SHELLS, shell)) {
        throw new UsageError(
          `completions requires one of ${NAMES.join(", ")}`,
        );
      }
      const script = SHELLS[shell as keyof typeof SHELLS](commands());
      writeStdout(new TextEncoder().encode(script));
      return Promise.resolve(0);
    },
  };
}
