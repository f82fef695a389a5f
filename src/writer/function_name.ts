/**
 * Names of functions in the dump.
 *
 * @module
 */

/** The replacement of an empty name. */
const ANONYMOUS = "<anonymous>";

/**
 * Characters that would break or reverse a line of a report: the C0 and C1 controls,
 * DEL, Unicode's line and paragraph separators, and its controls of the writing
 * direction.
 */
const CONTROLS =
  // deno-lint-ignore no-control-regex -- the characters to find
  /[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/;

/** Number of characters to escape at once: V8 15 aborts if there are too many matches. */
const CHUNK = 1 << 20;

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
 * Escapes the control characters of a name as in JavaScript's string literals, so that a
 * function occupies one line of a report.
 */
export function escapeFunctionName(name: string): string {
  if (name === "") return ANONYMOUS;
  // Nearly every name is plain, and this takes a quarter of the time of replace().
  if (!CONTROLS.test(name)) return name;
  const controls = new RegExp(CONTROLS, "g");
  let escaped = "";
  for (let at = 0; at < name.length; at += CHUNK) {
    escaped += name.slice(at, at + CHUNK).replace(controls, escape);
  }
  return escaped;
}

/** The range of printable ASCII characters. */
const FIRST_PLAIN = 0x20;
const LAST_PLAIN = 0x7e;

/**
 * Writes a text of printable ASCII characters, as nearly every name is, to `into` at
 * `at`. The text must fit.
 *
 * @returns True if the text is plain and not empty. If not, a part may have been written.
 */
export function writePlainText(
  name: string,
  into: Uint8Array,
  at: number,
): boolean {
  const { length } = name;
  // Negative after a character that is not plain: one test for all is faster (V8 15).
  let sign = length - 1;
  for (let i = 0; i < length; i++) {
    const code = name.charCodeAt(i);
    sign |= (code - FIRST_PLAIN) | (LAST_PLAIN - code);
    into[at + i] = code;
  }
  return sign >= 0;
}
