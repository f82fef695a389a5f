import { assertEquals } from "@std/assert";
import { join } from "@std/path";
import { describe } from "@std/testing/bdd";
import { itUnless, whyMissing } from "../support/it_unless.ts";
import { jitdump } from "../support/jitdump.ts";
import { type CommandLine, runOrThrow } from "../support/perf.ts";
import { temporaryDirectory } from "../support/script.ts";

/** Files in the current directory of the shells. */
const FILES = ["jit-7.dump", "jit-8.dump"];

/** Returns the command that prints the completions of a line, each on its own line. */
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
  // zsh completes only on a terminal. There, compadd also prints the words that it adds.
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

const scripts = new Map<string, Promise<string>>();

/** Returns the script that `jitdump completions` prints, which runs once for each shell. */
function scriptOf(shell: string): Promise<string> {
  const script = scripts.get(shell) ??
    jitdump(["completions", shell], []).then(({ stdout }) => stdout);
  scripts.set(shell, script);
  return script;
}

/** Runs a shell's completion in a directory with files. */
async function complete(
  shell: string,
  words: readonly string[],
): Promise<string[]> {
  using directory = temporaryDirectory();
  const { path } = directory;
  for (const name of FILES) Deno.writeTextFileSync(join(path, name), "");
  const script = join(path, ".completion");
  Deno.writeTextFileSync(script, await scriptOf(shell));
  const { stdout } = await runOrThrow(
    HARNESSES[shell](script, ["jitdump", ...words]),
    { cwd: path, env: { HOME: path } },
  );
  const names = stdout.split("\n").map((line) => line.split("\t")[0].trim())
    .filter((name) => name !== "");
  return [...new Set(names)].sort();
}

for (const shell of Object.keys(HARNESSES)) {
  const reason = await whyMissing(shell);
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
