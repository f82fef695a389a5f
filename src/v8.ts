/**
 * Peculiarities of V8: its flags, the names of its functions, and its wrong file names.
 *
 * `reader/` handles two more: line addresses that are 0x40 too high, as in dumps of LLVM
 * and Dart (`line_corrections.ts`), and debug-info records with a wrong size if functions
 * of other files are inlined (V8 15; `recovering_reader.ts`).
 *
 * @module
 */

/**
 * Returns the flags with which V8 writes a jitdump file to a directory.
 *
 * @param directory Absolute path without a comma, which separates flags.
 */
export function perfProfFlags(directory: string): string[] {
  return [
    "--perf-prof",
    `--perf-prof-path=${directory}`,
    // V8 also opens a log, by default in the current directory (V8 15).
    `--logfile=${directory}/v8.log`,
    "--no-logfile-per-isolate",
    // Without it, all interpreted functions are Builtin:InterpreterEntryTrampoline (V8 15).
    "--interpreted-frames-native-stack",
  ];
}

/** Returns the remedy if V8 overwrites records or lines of this module's writers. */
export function overwritingRemedy(
  flag: "--perf-prof" | "--perf-basic-prof",
): string {
  return `If it is V8's ${flag}, choose another directory for one of the two ` +
    `(--v8-flags=${flag},${flag}-path=<directory>).`;
}

/** Number of bytes at the start of a file's name that can be freed memory. */
export const FREED_SIZE = 16;

/** Value of the header's `pad1` in dumps of V8 (perf-jit.cc, Node 18 to 26) and of Dart 3.13. */
export const V8_PAD = 0xdead_beef;

/** The name of a JavaScript function: tier, name and position, as "JS:*'f /a.js:1:2". */
const FUNCTION = /^(?:JS|Script|Eval|Function|LazyCompile):(?!:)/;

/** A script position at the end of a function's name. */
const POSITION = /(?::\d+){1,2}$/;

/** Characters of freed memory, which no file's name contains. */
// deno-lint-ignore no-control-regex -- the characters to find
const FREED_CHARACTERS = /[\0-\x1f\x7f\ufffd]/;

const encoder = new TextEncoder();

/** Returns whether a name has V8's form. It does not prove that V8 wrote the dump. */
export function isV8Function(name: string): boolean {
  return FUNCTION.test(name);
}

/** Returns whether a file's name begins with freed memory, as in dumps of Node 18 to 24. */
export function isFreedName(file: string): boolean {
  return FREED_CHARACTERS.test(file.slice(0, FREED_SIZE));
}

/**
 * Returns lines with their own files. V8 (Node 18 to 26) records each line with the file of
 * the line before it, because it reads the file's name before it advances to the line.
 */
export function withOwnFiles<T extends { readonly file: string }>(
  lines: readonly T[],
): T[] {
  return lines.map((entry, i) => ({
    ...entry,
    file: (lines[i + 1] ?? entry).file,
  }));
}

/** A position in a script, counted from 1. */
export interface ScriptPosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Number of its characters at the end of the function's name. */
  readonly length: number;
}

/** Returns the position that V8 has appended to a function's name; undefined if none. */
export function scriptPosition(name: string): ScriptPosition | undefined {
  if (!FUNCTION.test(name)) return undefined;
  const match = /(?<= )(\S+):(\d+):(\d+)$/.exec(name);
  if (match === null) return undefined;
  const [{ length }, file, line, column] = match;
  return { file, line: Number(line), column: Number(column), length };
}

/**
 * Restores the file names of a dump whose first bytes may be freed memory.
 *
 * The rest of such a name is the correct end of the complete name. The names of V8's
 * functions contain complete names: "JS:*f /home/me/work.js:2:13".
 */
export class FreedNames {
  /** Complete names by their end; undefined if several names have the same end. */
  readonly #byRest = new Map<string, string | undefined>();
  readonly #restored = new Map<string, string>();

  /** Adds the file in a function's name. */
  add(functionName: string): void {
    if (!isV8Function(functionName)) return;
    const name = functionName.replace(POSITION, "");
    if (name === functionName) return;
    const file = name.slice(name.indexOf(" ") + 1);
    const rest = restOf(file);
    if (rest === "") return;
    const known = this.#byRest.get(rest);
    this.#byRest.set(
      rest,
      this.#byRest.has(rest) && known !== file ? undefined : file,
    );
  }

  /** Returns a file's complete name, or the name itself if no function has that file. */
  restore(file: string, functionName: string): string {
    const key = `${functionName}\0${file}`;
    let restored = this.#restored.get(key);
    if (restored === undefined) {
      restored = this.#find(file, functionName);
      this.#restored.set(key, restored);
    }
    return restored;
  }

  #find(file: string, functionName: string): string {
    const own = functionName.replace(POSITION, "");
    // Invalid UTF-8 was decoded to fewer characters than bytes.
    for (let length = FREED_SIZE / 4; length <= FREED_SIZE; length++) {
      const rest = file.slice(length);
      if (rest === "") break;
      const whole = endingWith(own, rest) ?? this.#byRest.get(rest);
      if (whole !== undefined) return whole;
    }
    return file;
  }
}

/** Returns the part of a file's name that is not freed memory. */
function restOf(file: string): string {
  return new TextDecoder().decode(encoder.encode(file).subarray(FREED_SIZE));
}

/** Returns the file in a function's name if it ends with `rest`, 16 bytes after its start. */
function endingWith(functionName: string, rest: string): string | undefined {
  if (!functionName.endsWith(rest)) return undefined;
  const end = functionName.length - rest.length;
  for (let start = end - 1; start > 0 && end - start <= FREED_SIZE; start--) {
    if (functionName[start - 1] !== " ") continue;
    const size = encoder.encode(functionName.slice(start, end)).length;
    if (size === FREED_SIZE) return functionName.slice(start);
  }
  return undefined;
}
