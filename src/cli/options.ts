/**
 * The options of commands: for their parser, their help and the completion of shells.
 *
 * @module
 */

/** Maximum number of characters in a line of help. */
const WIDTH = 88;

/** Maximum width of the column of names; the text of a longer name follows it on its line. */
const LONGEST = 24;

/** An option. */
export interface Option {
  readonly type: "string" | "boolean";
  readonly multiple?: boolean;
  readonly default?: string | boolean;
  /** Name of the value in the help: FILE, DIRECTORY, or another one. */
  readonly value?: string;
  /** The possible values, if there are few. */
  readonly values?: readonly string[];
  readonly help: string;
}

/** Options by their names, without dashes. */
export type Options = Readonly<Record<string, Option>>;

/** Returns the lines of help on options. */
export function optionsHelp(options: Options): string {
  const names = Object.entries(options).map(([name, { value }]) =>
    `--${name}${value === undefined ? "" : ` ${value}`}`
  );
  const width = Math.max(
    ...names.map(({ length }) => length).filter((length) => length <= LONGEST),
  );
  const indent = " ".repeat(width + 4);
  return Object.values(options).flatMap(({ help }, i) => {
    const first = `  ${names[i].padEnd(width)}  `;
    return wrap(first, help, indent);
  }).join("\n");
}

/** Returns a text as lines of at most {@linkcode WIDTH} characters. */
function wrap(first: string, text: string, indent: string): string[] {
  const lines: string[] = [];
  let line = first;
  let isEmpty = true;
  for (const word of text.split(" ")) {
    if (!isEmpty && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      [line, isEmpty] = [indent, true];
    }
    line += isEmpty ? word : ` ${word}`;
    isEmpty = false;
  }
  return [...lines, line];
}
