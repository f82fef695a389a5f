/**
 * Opening and closing of a file that profilers read. It is closed when the program ends, at
 * the latest.
 *
 * @module
 */

import { type Libc, type LibcLibrary, openLibc } from "../ffi/libc.ts";
import { checkPath } from "./arguments.ts";
import { JitDumpError } from "./jit_dump_error.ts";
import { onTermination, runOperation } from "./operation.ts";

/** Returns whether this system is Linux, the only one that has perf. */
export function isSupported(): boolean {
  return Deno.build.os === "linux";
}

/** The contents of a profiler file. */
interface Contents {
  /** Closes the contents. Further calls have no effect. */
  close(): void;
}

/** The name of a kind of profiler file in errors. */
export type Kind = "dump" | "map";

/** An open profiler file, and the libc that it was opened with. */
export class ProfilerFile<T extends Contents> {
  readonly #kind: Kind;
  readonly #path: string;
  readonly #library: LibcLibrary;
  readonly #contents: T;
  readonly #closeAtUnload: () => void;
  #isClosed = false;

  /**
   * Opens a file.
   *
   * @param path The path, for error messages.
   * @param libc The caller's `options.libc`, which is checked here.
   * @param open Opens the contents.
   * @throws {Deno.errors.NotSupported} If {@linkcode isSupported} returns false.
   * @throws Whatever {@linkcode openLibc} or `open` throws.
   */
  constructor(
    kind: Kind,
    path: string,
    libc: string | undefined,
    open: (libc: Libc) => T,
  ) {
    this.#kind = kind;
    this.#path = path;
    [this.#library, this.#contents] = runOperation(() => {
      const library = openLibrary(kind, path, libc);
      onTermination(() => library.close());
      try {
        return [library, open(library.symbols)];
      } catch (error) {
        library.close();
        throw error;
      }
    });
    this.#closeAtUnload = () => {
      try {
        this.close();
      } catch {
        // The program has succeeded, and its exit status must not change.
      }
    };
    // Dispatched when a program or worker ends, also by Deno.exit(). A listener does not
    // keep it running.
    globalThis.addEventListener("unload", this.#closeAtUnload);
  }

  /** True if the file is closed. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * The contents.
   *
   * @throws {Deno.errors.BadResource} If the file is closed.
   */
  get contents(): T {
    if (this.#isClosed) this.requireOpen();
    return this.#contents;
  }

  /** Throws {@linkcode Deno.errors.BadResource} if the file is closed. */
  requireOpen(): void {
    if (!this.#isClosed) return;
    throw new Deno.errors.BadResource(
      `Cannot use the ${this.#kind} "${this.#path}": it is closed. ` +
        `(A "using" declaration at the top level of a module closes it when the module ` +
        `has been evaluated: declare it with "const" there.)`,
    );
  }

  /** Closes the file and libc. A further call only completes one that V8 has terminated. */
  close(): void {
    runOperation(() => {
      if (this.#isClosed) return;
      onTermination(() => this.#release());
      this.#isClosed = true;
      globalThis.removeEventListener("unload", this.#closeAtUnload);
      this.#release();
    });
  }

  #release(): void {
    try {
      this.#contents.close();
    } finally {
      this.#library.close();
    }
  }
}

function openLibrary(
  kind: Kind,
  path: string,
  libc: string | undefined,
): LibcLibrary {
  const libcPath = libc === undefined
    ? undefined
    : checkPath(`Cannot open a ${kind}`, "options.libc", libc);
  if (!isSupported()) {
    throw new Deno.errors.NotSupported(
      `Cannot open "${path}": perf exists only on Linux, and this system is ${Deno.build.os}`,
    );
  }
  return openLibc(
    (message, failure) => new JitDumpError(message, failure),
    libcPath,
  );
}
