/**
 * The habits of V8.
 *
 * What V8 calls its functions, and the names of files that it gets wrong. Its line addresses
 * are 0x40 too high, a habit that LLVM and Dart share: see `reader/line_corrections.ts`.
 * The size of its lines is wrong if functions of other files are inlined (V8 15):
 * `reader/recovering_reader.ts` reads on after them.
 *
 * @module
 */

import { FREED_SIZE as FREED, type LineEntry } from "./reader/dump_record.ts";

/** Value of the header's `pad1` in dumps of V8 (perf-jit.cc, Node 18 to 26) and of Dart 3.13. */
export const V8_PAD = 0xdead_beef;

/** A JavaScript function: its tier, its name and its place, as "JS:*'f /a.js:1:2". */
const FUNCTION = /^(?:JS|Script|Eval|Function|LazyCompile):(?!:)/;

/** A script position at the end of a function's name. */
const POSITION = /:\d+:\d+$/;

/** Characters that no name of a file has: those of freed memory. */
// deno-lint-ignore no-control-regex -- they are what is looked for
const FREED_CHARACTERS = /[\0-\x1f\x7f\ufffd]/;

const encoder = new TextEncoder();

/** Whether V8 calls a function so. The name alone proves nothing about the dump. */
export function isV8Function(name: string): boolean {
  return FUNCTION.test(name);
}

/** Whether a file's name begins with freed memory, as Node 18 to 24 write it. */
export function isFreedName(file: string): boolean {
  return FREED_CHARACTERS.test(file.slice(0, FREED));
}

/**
 * Returns lines with the file that each is really of: if the next line is of another file,
 * V8 (Node 18 to 26) names the one before, as it takes the name before it moves on.
 */
export function withOwnFiles(lines: readonly LineEntry[]): LineEntry[] {
  return lines.map((entry, i) => ({
    ...entry,
    file: (lines[i + 1] ?? entry).file,
  }));
}

/**
 * The file names of a dump whose first bytes may be freed memory.
 *
 * The rest of such a name is right. It is the end of a file's whole name, and the names of
 * V8's functions end with these: "JS:*f /home/me/work.js:2:13".
 */
export class FreedNames {
  /** The whole names, by what of them is right; undefined if that is not unique. */
  readonly #byRest = new Map<string, string | undefined>();
  readonly #restored = new Map<string, string>();

  /** Notes the file in a function's name. */
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

  /** Returns a file's whole name; the name itself if no function has that file. */
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
    // Bytes that are no text have become fewer characters.
    for (let length = FREED / 4; length <= FREED; length++) {
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
  return new TextDecoder().decode(encoder.encode(file).subarray(FREED));
}

/** Returns the file in a function's name if it ends with `rest`, 16 bytes after its start. */
function endingWith(functionName: string, rest: string): string | undefined {
  if (!functionName.endsWith(rest)) return undefined;
  const end = functionName.length - rest.length;
  for (let start = end - 1; start > 0 && end - start <= FREED; start--) {
    if (functionName[start - 1] !== " ") continue;
    const size = encoder.encode(functionName.slice(start, end)).length;
    if (size === FREED) return functionName.slice(start);
  }
  return undefined;
}
