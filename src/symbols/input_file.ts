/**
 * Files that are read in parts, on demand.
 *
 * @module
 */

/** Bytes that can be read in parts. */
export interface ByteSource {
  readonly size: number;
  /** Reads a part. Returns fewer bytes if the source ends within it. */
  read(offset: number, length: number): Uint8Array<ArrayBuffer>;
}

/** Identity of a file on this machine. */
export interface FileIdentity {
  readonly major: number;
  readonly minor: number;
  readonly inode: number;
}

/** Failure to open a file, with its remedy. */
export class InputFileError extends Error {
  override name = "InputFileError";

  constructor(message: string, readonly remedy: string) {
    super(message);
  }
}

/** A regular file, open for reading. */
export class InputFile implements ByteSource, Disposable {
  readonly #file: Deno.FsFile;
  readonly size: number;
  readonly identity: FileIdentity;

  private constructor(file: Deno.FsFile, info: Deno.FileInfo) {
    this.#file = file;
    this.size = info.size;
    this.identity = identityOf(info);
  }

  /**
   * Opens a file. Never prompts for permission.
   *
   * @returns `undefined` if there is no such file.
   * @throws {InputFileError} If it is not a regular file, or reading it is not allowed.
   */
  static open(path: string): InputFile | undefined {
    checkPermission(path);
    try {
      // Opening a FIFO would block, so the kind of file is checked first.
      if (!Deno.statSync(path).isFile) {
        throw new InputFileError(
          `${path} is not a regular file`,
          "restore the file that was recorded",
        );
      }
      const file = Deno.openSync(path);
      return new InputFile(file, file.statSync());
    } catch (error) {
      return undefinedIfMissing(path, error);
    }
  }

  read(offset: number, length: number): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(
      Math.max(0, Math.min(length, this.size - offset)),
    );
    this.#file.seekSync(offset, Deno.SeekMode.Start);
    let filled = 0;
    while (filled < bytes.length) {
      const count = this.#file.readSync(bytes.subarray(filled));
      if (count === null || count === 0) break;
      filled += count;
    }
    return bytes.subarray(0, filled);
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}

/**
 * Reads a text file. Never prompts for permission.
 *
 * @returns `undefined` if there is no such file.
 * @throws {InputFileError} If reading it is not allowed, or it is longer than `longest` bytes.
 */
export function readText(path: string, longest: number): string | undefined {
  checkPermission(path);
  try {
    const info = Deno.statSync(path);
    if (!info.isFile || info.size > longest) {
      throw new InputFileError(
        `${path} is not a regular file of at most ${longest} bytes`,
        "remove it",
      );
    }
    return new TextDecoder().decode(Deno.readFileSync(path));
  } catch (error) {
    return undefinedIfMissing(path, error);
  }
}

function checkPermission(path: string): void {
  const { state } = Deno.permissions.querySync({ name: "read", path });
  if (state === "granted") return;
  throw new InputFileError(
    `reading ${path} is not allowed`,
    `run with --allow-read, or --allow-read=${path}`,
  );
}

/** Returns `undefined` if the error is that a file is missing. */
function undefinedIfMissing(path: string, error: unknown): undefined {
  if (error instanceof InputFileError) throw error;
  if (
    error instanceof Deno.errors.NotFound ||
    error instanceof Deno.errors.NotADirectory
  ) return undefined;
  if (error instanceof Deno.errors.NotCapable) {
    // Deno 2.9 requires --allow-all for every path under /proc.
    throw new InputFileError(
      `reading ${path} is not allowed`,
      "run with --allow-all",
    );
  }
  throw new InputFileError(
    `${path} cannot be read: ${error instanceof Error ? error.message : error}`,
    "run as a user who may read it",
  );
}

/** Splits a device as glibc's `gnu_dev_major` and `gnu_dev_minor` do. */
function identityOf({ dev, ino }: Deno.FileInfo): FileIdentity {
  const low = dev % 2 ** 32;
  const high = Math.floor(dev / 2 ** 32);
  return {
    major: ((low >>> 8) & 0xfff) | (high & ~0xfff),
    minor: (low & 0xff) | ((low >>> 12) & ~0xff),
    inode: ino ?? 0,
  };
}
