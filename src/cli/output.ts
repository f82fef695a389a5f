/**
 * Writing for people and for programs.
 *
 * @module
 */

/** Lines are written in pieces of about this many bytes. */
const BUFFER_SIZE = 64 * 1024;

const encoder = new TextEncoder();

/** Standard output, line by line. */
export class Output {
  #text = "";

  /** Writes a line, sooner or later. */
  line(text: string): void {
    this.#text += `${text}\n`;
    if (this.#text.length >= BUFFER_SIZE) this.flush();
  }

  /** Writes what has not been written yet. */
  flush(): void {
    const bytes = encoder.encode(this.#text);
    this.#text = "";
    for (let written = 0; written < bytes.length;) {
      written += Deno.stdout.writeSync(bytes.subarray(written));
    }
  }
}

/** How many columns the terminal has; undefined where there is none. */
export function terminalWidth(): number | undefined {
  return Deno.stdout.isTerminal() ? Deno.consoleSize().columns : undefined;
}

/** Whether to use colours: on a terminal that has them, unless NO_COLOR is set. */
const hasColors = () => Deno.stdout.isTerminal() && !Deno.noColor;

/** Marks what is bad: red for an error, yellow for a warning. */
export function colored(
  text: string,
  color: "red" | "yellow" | "bold",
): string {
  if (!hasColors()) return text;
  const code = { red: 31, yellow: 33, bold: 1 }[color];
  return `\x1b[${code}m${text}\x1b[0m`;
}

/** What would move the cursor, or hide, is shown by its number, so that a line stays one. */
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

/** Cuts a line to a width; the end says that it was longer. */
export function fit(text: string, width: number | undefined): string {
  if (width === undefined || text.length <= width) return text;
  return `${text.slice(0, width - 1)}…`;
}

/** An object on one line; 64-bit numbers are strings, as JSON readers would round them. */
export function json(value: unknown): string {
  return JSON.stringify(
    value,
    (_, field) => typeof field === "bigint" ? String(field) : field,
  );
}

/** A time in seconds, to the nanosecond. */
export function seconds(nanoseconds: bigint): string {
  const sign = nanoseconds < 0n ? "-" : "";
  const digits = String(nanoseconds < 0n ? -nanoseconds : nanoseconds)
    .padStart(10, "0");
  return `${sign}${digits.slice(0, -9)}.${digits.slice(-9)}`;
}
