/**
 * A function's name as the dump has it.
 *
 * @module
 */

/** What stands for a name that is empty. */
const ANONYMOUS = "<anonymous>";

/**
 * Characters that would break a report's line: the C0 and C1 controls, DEL,
 * and Unicode's line and paragraph separators.
 */
// deno-lint-ignore no-control-regex -- these are what it is to find
const CONTROLS = /[\x00-\x1f\x7f-\x9f\u2028\u2029]/g;

const SHORT_ESCAPES: Record<string, string> = {
  "\n": "\\n",
  "\r": "\\r",
  "\t": "\\t",
};

function escape(character: string): string {
  const code = character.charCodeAt(0);
  return SHORT_ESCAPES[character] ??
    (code < 0x100
      ? `\\x${code.toString(16).padStart(2, "0")}`
      : `\\u${code.toString(16)}`);
}

/**
 * The name with its control characters escaped, as in JavaScript's string
 * literals, so that one function stays one line of a report.
 */
export function escapeFunctionName(name: string): string {
  return name === "" ? ANONYMOUS : name.replace(CONTROLS, escape);
}

/**
 * Writes a name that needs no escape and has one byte a character to `into`
 * from `at` on, where there is room for it. Returns false, with some of it
 * written, where the name is not of that kind.
 *
 * Nearly every name is, and for those a loop takes half the time of
 * `encodeInto` and makes no garbage.
 */
export function writePrintableAscii(
  name: string,
  into: Uint8Array,
  at: number,
): boolean {
  const { length } = name;
  for (let i = 0; i < length; i++) {
    const code = name.charCodeAt(i);
    if (code < 0x20 || code > 0x7e) return false;
    into[at + i] = code;
  }
  return length > 0;
}
