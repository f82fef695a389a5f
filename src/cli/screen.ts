/**
 * The alternate screen of a terminal, and its keys.
 *
 * @module
 */

/** Switches to the alternate screen, and hides the cursor. */
const ENTER = "\x1b[?1049h\x1b[?25l";

/** Shows the cursor, and switches back. */
const LEAVE = "\x1b[?25h\x1b[?1049l";

const HOME = "\x1b[H";
const CLEAR_LINE = "\x1b[K";
const CLEAR_REST = "\x1b[J";

const encoder = new TextEncoder();

/** The screen; disposing restores the terminal. */
export class Screen {
  readonly #hasKeys = Deno.stdin.isTerminal();
  #isOpen = false;

  /** @param onKey Called with each key; Ctrl-C is `"\x03"`. */
  constructor(onKey: (key: string) => void) {
    if (this.#hasKeys) Deno.stdin.setRaw(true);
    this.#write(ENTER);
    this.#isOpen = true;
    // Reading fails if the terminal is closed; SIGHUP ends the program then.
    if (this.#hasKeys) this.#readKeys(onKey).catch(() => {});
  }

  /** Number of lines. */
  get height(): number {
    return Deno.consoleSize().rows || 24;
  }

  /** Shows lines, which must fit in the terminal's width. */
  show(lines: readonly string[]): void {
    const shown = lines.slice(0, this.height);
    const text = shown.map((line) => line + CLEAR_LINE).join("\r\n");
    this.#write(HOME + text + CLEAR_REST);
  }

  /** Restores the terminal. */
  [Symbol.dispose](): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    try {
      this.#write(LEAVE);
    } finally {
      if (this.#hasKeys) Deno.stdin.setRaw(false);
    }
  }

  async #readKeys(onKey: (key: string) => void): Promise<void> {
    const bytes = new Uint8Array(64);
    const decoder = new TextDecoder();
    while (this.#isOpen) {
      const size = await Deno.stdin.read(bytes);
      if (size === null) return;
      for (const key of decoder.decode(bytes.subarray(0, size))) onKey(key);
    }
  }

  #write(text: string): void {
    const bytes = encoder.encode(text);
    for (let at = 0; at < bytes.length;) {
      at += Deno.stdout.writeSync(bytes.subarray(at));
    }
  }
}
