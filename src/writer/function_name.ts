/**
 * A function's name as the dump has it.
 *
 * @module
 */

/** What stands for a name that is empty. */
const ANONYMOUS = "<anonymous>";

/**
 * Characters that would break a report's line, or turn it round: the C0 and C1
 * controls, DEL, Unicode's line and paragraph separators, and its controls of the
 * writing direction.
 */
const CONTROLS =
  // deno-lint-ignore no-control-regex -- these are what it is to find
  /[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/g;

/** V8 takes an array of all matches, and dies of one that is too large. */
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
 * The name with its control characters escaped, as in JavaScript's string
 * literals, so that one function stays one line of a report.
 */
export function escapeFunctionName(name: string): string {
  if (name === "") return ANONYMOUS;
  let escaped = "";
  for (let at = 0; at < name.length; at += CHUNK) {
    escaped += name.slice(at, at + CHUNK).replace(CONTROLS, escape);
  }
  return escaped;
}

/**
 * Writes a name that needs no escape and takes a byte for each character, as nearly
 * every name does, to `into` from `at` on, where there is room for it.
 *
 * @returns Whether it is such a name; where not, something of it may be there.
 */
export function writePlainName(
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
