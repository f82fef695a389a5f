/**
 * Scripts with which shells complete command lines.
 *
 * @module
 */

import type { Command } from "./command.ts";
import type { Option } from "./options.ts";

/** The parts of a command that are completed. */
type Completed = Pick<Command, "summary" | "options" | "argumentNames">;

/** Commands by their names. */
export type CompletedCommands = Readonly<Record<string, Completed>>;

/** The value of an option: none, a path, any text, or one of several words. */
type Value = "none" | "file" | "directory" | "text" | readonly string[];

function valueOf({ type, value, values }: Option): Value {
  if (type === "boolean") return "none";
  if (values !== undefined) return values;
  if (value === "FILE") return "file";
  return value === "DIRECTORY" ? "directory" : "text";
}

/** Returns all options of a command. */
const optionsOf = ({ options }: Completed): [name: string, Option][] => [
  ...Object.entries(options),
  ["help", { type: "boolean", help: "print help" }],
];

/** Quotes a word for bash and zsh. */
const quote = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`;

/** Returns the first clause of a help text. */
const brief = (help: string) => help.split(/[:;.(](?: |$)| \(/)[0].trim();

/** Returns a script for bash. */
export function toBash(commands: CompletedCommands): string {
  const entries = Object.entries(commands);
  const values = entries.flatMap(([name, command]) =>
    optionsOf(command).flatMap(([option, own]) => {
      const offer = bashOffer(valueOf(own));
      const pattern = quote(`${name} --${option}`);
      return offer === undefined ? [] : [`    ${pattern}) ${offer}return ;;`];
    })
  );
  const words = entries.map(([name, command]) => {
    const options = optionsOf(command).map(([option]) => `--${option}`);
    const { argumentNames = [] } = command;
    return `    ${name}) options=${quote(options.join(" "))} arguments=${
      quote(argumentNames.join(" "))
    } ;;`;
  });
  return `# Completion of jitdump for bash.

# Offers the words that compgen returns instead of files.
_jitdump_offer() {
  compopt +o default +o bashdefault 2>/dev/null
  mapfile -t COMPREPLY < <(compgen "$@" -- "$current")
}

_jitdump() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
  local command=\${COMP_WORDS[1]} options= arguments= word
  COMPREPLY=()
  if ((COMP_CWORD == 1)); then
    _jitdump_offer -W ${quote(Object.keys(commands).join(" "))}
    return
  fi
  for word in "\${COMP_WORDS[@]:2:COMP_CWORD-2}"; do
    if [[ $word == -- ]]; then
      mapfile -t COMPREPLY < <(compgen -c -- "$current")
      return
    fi
  done
  case "$command $previous" in
${values.join("\n")}
  esac
  case $command in
${words.join("\n")}
  esac
  if [[ $current == -* ]]; then
    _jitdump_offer -W "$options"
  elif [[ $arguments ]]; then
    _jitdump_offer -W "$arguments"
  fi
}

complete -o bashdefault -o default -F _jitdump jitdump
`;
}

/** Returns the command that offers values; undefined if the option has none. */
function bashOffer(value: Value): string | undefined {
  switch (value) {
    case "none":
      return undefined;
    case "file":
      return "";
    case "directory":
      return "_jitdump_offer -d; ";
    case "text":
      return "_jitdump_offer -W ''; ";
    default:
      return `_jitdump_offer -W ${quote(value.join(" "))}; `;
  }
}

/** Returns a script for zsh. */
export function toZsh(commands: CompletedCommands): string {
  const described = Object.entries(commands).map(([name, { summary }]) =>
    `    ${quote(`${name}:${summary}`)}`
  );
  const branches = Object.entries(commands).map(([name, command]) => {
    const specs = optionsOf(command).map(([option, own]) => {
      const often = own.multiple ? "*" : "";
      const text = brief(own.help).replaceAll(/[[\]:\\]/g, "\\$&");
      return quote(`${often}--${option}[${text}]${zshValue(valueOf(own))}`);
    });
    const { argumentNames } = command;
    const rest = argumentNames === undefined
      ? "*:file:_files"
      : `1:argument:(${argumentNames.join(" ")})`;
    return `    ${name})\n${
      ["_arguments", ...specs, quote(rest)].map((word) => `      ${word}`)
        .join(" \\\n")
    } ;;`;
  });
  return `#compdef jitdump
# Completion of jitdump for zsh.

_jitdump() {
  local -a commands=(
${described.join("\n")}
  )
  if ((CURRENT == 2)); then
    _describe command commands
    return
  fi
  local end=\${words[(i)--]}
  if ((end < CURRENT)); then
    shift $end words
    ((CURRENT -= end))
    _normal
    return
  fi
  local command=\${words[2]}
  shift words
  ((CURRENT--))
  case $command in
${branches.join("\n")}
  esac
}

if [[ \${funcstack[1]} == _jitdump ]]; then
  _jitdump "$@"
else
  compdef _jitdump jitdump
fi
`;
}

function zshValue(value: Value): string {
  switch (value) {
    case "none":
      return "";
    case "file":
      return ":file:_files";
    case "directory":
      return ":directory:_files -/";
    case "text":
      return ":value:";
    default:
      return `:value:(${value.join(" ")})`;
  }
}

/** Returns a script for fish. */
export function toFish(commands: CompletedCommands): string {
  const lines = Object.entries(commands).flatMap(([name, command]) => {
    const isThis = quoteFish(`__fish_seen_subcommand_from ${name}`);
    const options = optionsOf(command).map(([option, own]) =>
      `complete -c jitdump -n ${isThis} -l ${option} -d ${
        quoteFish(brief(own.help))
      }${fishValue(valueOf(own))}`
    );
    const { summary, argumentNames } = command;
    const argument = argumentNames === undefined ? [] : [
      `complete -c jitdump -n ${isThis} -f -a ${
        quoteFish(argumentNames.join(" "))
      }`,
    ];
    return [
      `complete -c jitdump -n __fish_use_subcommand -f -a ${name} -d ${
        quoteFish(summary)
      }`,
      ...options,
      ...argument,
    ];
  });
  return `# Completion of jitdump for fish.\n${lines.join("\n")}\n`;
}

function fishValue(value: Value): string {
  switch (value) {
    case "none":
      return "";
    case "file":
      return " -r -F";
    case "directory":
      return " -x -a '(__fish_complete_directories)'";
    case "text":
      return " -x";
    default:
      return ` -x -a ${quoteFish(value.join(" "))}`;
  }
}

/** Quotes a word for fish. */
const quoteFish = (word: string) => `'${word.replaceAll(/[\\']/g, "\\$&")}'`;
