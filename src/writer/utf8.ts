/**
 * UTF-8 encoding.
 *
 * @module
 */

/** The replacement of an unpaired surrogate: U+FFFD. */
const REPLACEMENT = 0xfffd;

/** Maximum number of bytes of a UTF-16 code unit in UTF-8. */
export const UTF8_BYTES_PER_UNIT = 3;

/**
 * Writes the text to `into` at `at`, and returns its end. The text must fit. Unlike
 * `TextEncoder.encodeInto` it needs no view and returns no object, which for texts as
 * short as names costs most of the time.
 */
export function writeUtf8(text: string, into: Uint8Array, at: number): number {
  const { length } = text;
  for (let i = 0; i < length; i++) {
    let code = text.charCodeAt(i);
    if (code < 0x80) {
      into[at++] = code;
      continue;
    }
    if (code < 0x800) {
      into[at++] = 0xc0 | code >> 6;
      into[at++] = 0x80 | code & 0x3f;
      continue;
    }
    if ((code & 0xf800) === 0xd800) {
      code = text.codePointAt(i)!;
      if (code > 0xffff) {
        i++;
        into[at++] = 0xf0 | code >> 18;
        into[at++] = 0x80 | code >> 12 & 0x3f;
        into[at++] = 0x80 | code >> 6 & 0x3f;
        into[at++] = 0x80 | code & 0x3f;
        continue;
      }
      code = REPLACEMENT;
    }
    into[at++] = 0xe0 | code >> 12;
    into[at++] = 0x80 | code >> 6 & 0x3f;
    into[at++] = 0x80 | code & 0x3f;
  }
  return at;
}
