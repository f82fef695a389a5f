/**
 * Output as text and as JSON.
 *
 * @module
 */

/** Number of characters after which buffered output is written. */
const BUFFER_SIZE = 64 * 1024;

const encoder = new TextEncoder();

/** Buffered standard output. */
export class Output {
  #text = "";

  /** Adds a line to the buffer. */
  line(text: string): void {
    this.#text += `${text}\n`;
    if (this.#text.length >= BUFFER_SIZE) this.flush();
  }

  /** Returns the buffered lines, and removes them. */
  take(): string[] {
    const lines = this.#text.split("\n").slice(0, -1);
    this.#text = "";
    return lines;
  }

  /** Writes the buffered lines. */
  flush(): void {
    const bytes = encoder.encode(this.#text);
    this.#text = "";
    writeStdout(bytes);
  }
}

/** Writes all bytes to standard output. */
export function writeStdout(bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length;) {
    written += Deno.stdout.writeSync(bytes.subarray(written));
  }
}

/** Returns the width of the terminal; undefined if standard output is not one. */
export function terminalWidth(): number | undefined {
  if (!Deno.stdout.isTerminal()) return undefined;
  // Terminals without a size, such as those of some containers, have 0 columns.
  return Deno.consoleSize().columns || undefined;
}

/** Returns whether to use colors: on a terminal, unless NO_COLOR is set. */
const hasColors = () => Deno.stdout.isTerminal() && !Deno.noColor;

/** Colors a text: red for errors, yellow for warnings. */
export function colored(
  text: string,
  color: "red" | "yellow" | "bold",
): string {
  if (!hasColors()) return text;
  const code = { red: 31, yellow: 33, bold: 1 }[color];
  return `\x1b[${code}m${text}\x1b[0m`;
}

/** Escapes control, format and separator characters, so that a text occupies one line. */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu,
    (character) => {
      const number = character.codePointAt(0)!.toString(16);
      return number.length > 2
        ? `\\u{${number}}`
        : `\\x${number.padStart(2, "0")}`;
    },
  );
}

/** Truncates a line to a width, and marks it with an ellipsis. */
export function fit(text: string, width: number | undefined): string {
  if (width === undefined || text.length <= width) return text;
  return `${text.slice(0, width - 1)}…`;
}

/** Returns JSON on one line, with bigints as strings, because JSON readers would round them. */
export function json(value: unknown): string {
  return JSON.stringify(
    value,
    (_, field) => typeof field === "bigint" ? String(field) : field,
  );
}

/** Returns nanoseconds as seconds with nine decimals. */
export function seconds(nanoseconds: bigint): string {
  const sign = nanoseconds < 0n ? "-" : "";
  const digits = String(nanoseconds < 0n ? -nanoseconds : nanoseconds)
    .padStart(10, "0");
  return `${sign}${digits.slice(0, -9)}.${digits.slice(-9)}`;
}
