import { assertEquals } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { describe } from "@std/testing/bdd";
import { itUnless } from "../support/it_unless.ts";
import { type CommandLine, isInstalled, runOrThrow } from "../support/perf.ts";
import { temporaryDirectory } from "../support/script.ts";

const CLI = fromFileUrl(new URL("../../src/cli/main.ts", import.meta.url));

/** Files in the current directory of the shells. */
const FILES = ["jit-7.dump", "jit-8.dump"];

/** Returns the shell script that prints the completions of a line, each on its own line. */
type Harness = (script: string, words: readonly string[]) => CommandLine;

const HARNESSES: Record<string, Harness> = {
  bash: (script, words) =>
    [
      ...["bash", "--norc", "-c"],
      `source '${script}'
     complete -p jitdump | grep -q -- '-o default -F _jitdump'
     COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _jitdump
     if ((\${#COMPREPLY[@]} > 0)); then printf '%s\\n' "\${COMPREPLY[@]}"
     else compgen -f -- "\${!#}"; fi`,
      ...["bash", ...words],
    ] as unknown as CommandLine,
  // Completion needs a terminal, where compadd is asked for the words that it would add.
  zsh: (script, words) =>
    [
      ...["zsh", "-f", "-c"],
      `zmodload zsh/zpty
     zpty shell zsh -f -i
     zpty -w shell 'autoload -Uz compinit; compinit -u -D; source ${script}
       compadd() {
         local -a hits
         builtin compadd -A hits "$@"
         print -rl -- $hits >>'$1'
         builtin compadd "$@"
       }
       PS1="<\${:-rea}dy>"'
     zpty -r shell line "*<ready>*"
     zpty -w -n shell "$2"$'\\t\\C-uexit\\n'
     while zpty -r shell line; do :; done
     cat $1`,
      ...["zsh", join(script, "..", "hits"), words.join(" ")],
    ] as unknown as CommandLine,
  fish: (script, words) =>
    [
      ...["fish", "--no-config", "-c"],
      `source ${script}; complete -C $argv[1]`,
      words.join(" "),
    ] as unknown as CommandLine,
};

/** Lines and their completions. */
const LINES: [
  name: string,
  words: string[],
  expected: string[],
][] = [
  ["a command", ["re"], ["record", "report"]],
  ["an option", ["report", "--ca"], ["--callees", "--callers", "--category"]],
  ["a value", ["report", "--sort", ""], ["self", "total"]],
  ["a file", ["report", "--html", "jit-"], FILES],
  ["an argument that is a file", ["check", "--all", "jit-"], FILES],
  ["a shell", ["completions", "b"], ["bash"]],
  ["the command of help", ["help", "in"], ["inspect"]],
];

/** Runs a shell's completion in a directory with files. */
async function complete(
  shell: string,
  words: readonly string[],
): Promise<string[]> {
  using directory = temporaryDirectory();
  const { path } = directory;
  for (const name of FILES) Deno.writeTextFileSync(join(path, name), "");
  const script = join(path, ".completion");
  const flags = ["run", "--no-config", "--no-prompt"];
  const printed = await runOrThrow(
    [Deno.execPath(), ...flags, CLI, "completions", shell],
  );
  Deno.writeTextFileSync(script, printed.stdout);
  const { stdout } = await runOrThrow(
    HARNESSES[shell](script, ["jitdump", ...words]),
    { cwd: path, env: { HOME: path } },
  );
  const names = stdout.split("\n").map((line) => line.split("\t")[0].trim())
    .filter((name) => name !== "");
  return [...new Set(names)].sort();
}

for (const shell of Object.keys(HARNESSES)) {
  const reason = await isInstalled(shell)
    ? undefined
    : `${shell} is not installed`;
  describe(`the completion for ${shell}`, () => {
    for (const [name, words, expected] of LINES) {
      itUnless(
        reason,
        `offers ${expected.join(", ")} when ${name} is typed`,
        async () => assertEquals(await complete(shell, words), expected),
      );
    }
  });
}
