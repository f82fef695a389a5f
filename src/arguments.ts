/**
 * Checks of arguments. Each returns the value, or throws a `TypeError` or `RangeError`
 * that names the argument and shows the value.
 *
 * @module
 */

/** The first address beyond 64 bits. */
const ADDRESS_END = 2n ** 64n;

/** Formats a value for an error message. */
export function show(value: unknown): string {
  return Deno.inspect(value, {
    depth: 0,
    iterableLimit: 4,
    strAbbreviateSize: 60,
  });
}

/** Checks an object. */
export function checkObject<T>(what: string, argument: string, value: T): T {
  if (typeof value !== "object" || value === null) {
    throw new TypeError(
      `${what}: "${argument}" must be an object, got ${show(value)}`,
    );
  }
  return value;
}

/** Checks an iterable. */
export function checkIterable<T>(
  what: string,
  argument: string,
  value: Iterable<T>,
): Iterable<T> {
  if (typeof value?.[Symbol.iterator] !== "function") {
    throw new TypeError(
      `${what}: "${argument}" must be iterable, got ${show(value)}`,
    );
  }
  return value;
}

/** Checks a path or a `file:` URL; returns the path. */
export function checkPath(
  what: string,
  argument: string,
  value: unknown,
): string {
  const path = value instanceof URL
    ? pathOfUrl(what, argument, value)
    : checkString(what, argument, value);
  if (path === "") throw new TypeError(`${what}: "${argument}" is empty`);
  if (path.includes("\0")) {
    throw new TypeError(
      `${what}: "${argument}" must not contain NUL, got ${show(path)}`,
    );
  }
  return path;
}

/** Checks a directory's path; returns it without a final slash. */
export function checkDirectory(
  what: string,
  argument: string,
  value: unknown,
  isAbsolute = false,
): string {
  const path = checkPath(what, argument, value);
  if (isAbsolute && !path.startsWith("/")) {
    throw new TypeError(
      `${what}: "${argument}" must be an absolute path, got ${show(path)}`,
    );
  }
  let end = path.length;
  while (path[end - 1] === "/") end--;
  return path.slice(0, end);
}

function pathOfUrl(what: string, argument: string, url: URL): string {
  if (url.protocol !== "file:" || url.host !== "") {
    throw new TypeError(
      `${what}: "${argument}" must be a file: URL without a host, got ${url.href}`,
    );
  }
  if (/%2f/i.test(url.pathname)) {
    throw new TypeError(
      `${what}: "${argument}" must not contain an encoded slash, got ${url.href}`,
    );
  }
  try {
    return decodeURIComponent(url.pathname);
  } catch {
    throw new TypeError(
      `${what}: "${argument}" must be encoded as UTF-8, got ${url.href}`,
    );
  }
}

function checkString(what: string, argument: string, value: unknown): string {
  if (typeof value !== "string") {
    throw new TypeError(
      `${what}: "${argument}" must be a string, got ${show(value)}`,
    );
  }
  return value;
}

/** Checks a name: a string without NUL, which ends a string in C. */
export function checkName(
  what: string,
  argument: string,
  value: unknown,
): string {
  const name = checkString(what, argument, value);
  if (name.includes("\0")) {
    throw new TypeError(
      `${what}: "${argument}" must not contain NUL, got ${show(name)}`,
    );
  }
  return name;
}

/**
 * Maximum number of bytes of an array. perf (6.1 to 7.2) stores the size of code in a C
 * `int`, and optimized code of V8 15 has been seen to read a length of 2³¹ as negative.
 */
const LARGEST_ARRAY = 2 ** 31 - 1;

/** Checks bytes: a `Uint8Array` that is neither detached, nor empty, nor too large. */
export function checkBytes(
  what: string,
  argument: string,
  value: unknown,
): Uint8Array {
  if (!(value instanceof Uint8Array)) {
    throw new TypeError(
      `${what}: "${argument}" must be a Uint8Array, got ${show(value)}`,
    );
  }
  const { length } = value;
  if (length > 0 && length <= LARGEST_ARRAY) return value;
  if (length !== 0) {
    throw new RangeError(
      `${what}: "${argument}" must have at most ${LARGEST_ARRAY} bytes`,
    );
  }
  if (value.buffer instanceof ArrayBuffer && value.buffer.detached) {
    throw new TypeError(`${what}: "${argument}" is detached`);
  }
  throw new RangeError(`${what}: "${argument}" is empty`);
}

/** Checks an array. */
export function checkArray<T>(
  what: string,
  argument: string,
  value: readonly T[],
): readonly T[] {
  if (!Array.isArray(value)) {
    throw new TypeError(
      `${what}: "${argument}" must be an array, got ${show(value)}`,
    );
  }
  return value;
}

/** Checks that a value is one of several words. */
export function checkOneOf<T extends string>(
  what: string,
  argument: string,
  words: readonly T[],
  value: unknown,
): T {
  const word = words.find((word) => word === value);
  if (word !== undefined) return word;
  const choice = words.map((word) => `"${word}"`).join(" or ");
  throw new TypeError(
    `${what}: "${argument}" must be ${choice}, got ${show(value)}`,
  );
}

/** Checks an unsigned integer of 16 or 32 bits. */
export function checkUnsigned(
  what: string,
  argument: string,
  bits: 16 | 32,
  value: unknown,
): number {
  if (typeof value !== "number") {
    throw new TypeError(
      `${what}: "${argument}" must be a number, got ${show(value)}`,
    );
  }
  if (!Number.isInteger(value) || value < 0 || value >= 2 ** bits) {
    throw new RangeError(
      `${what}: "${argument}" must be an unsigned ${bits}-bit integer, got ${value}`,
    );
  }
  return value;
}

/** Checks an unsigned integer of 64 bits: a `bigint`. */
export function checkUint64(
  what: string,
  argument: string,
  value: unknown,
): bigint {
  if (typeof value !== "bigint") {
    throw new TypeError(
      `${what}: "${argument}" must be a bigint, got ${show(value)}`,
    );
  }
  if (BigInt.asUintN(64, value) !== value) {
    throw new RangeError(
      `${what}: "${argument}" must be an unsigned 64-bit integer, got ${value}`,
    );
  }
  return value;
}

/**
 * Checks the address of `size` bytes; all of them must be below 2⁶⁴.
 *
 * @param ofPointer Returns the address that a `Deno.PointerObject` holds, and throws for
 * any other object.
 */
export function checkAddress(
  what: string,
  argument: string,
  value: unknown,
  size: number,
  ofPointer: (pointer: Deno.PointerObject) => bigint,
): bigint {
  const address = toAddress(what, argument, value, ofPointer);
  if (address <= 0n) {
    throw new RangeError(
      `${what}: "${argument}" must be above 0, got ${show(value)}`,
    );
  }
  if (address + BigInt(size) > ADDRESS_END) {
    throw new RangeError(
      `${what}: "${argument}" must leave space for ${size} bytes below 2⁶⁴, got ${
        show(value)
      }`,
    );
  }
  return address;
}

function toAddress(
  what: string,
  argument: string,
  value: unknown,
  ofPointer: (pointer: Deno.PointerObject) => bigint,
): bigint {
  switch (typeof value) {
    case "bigint":
      return value;
    case "number":
      if (Number.isSafeInteger(value)) return BigInt(value);
      throw new RangeError(
        `${what}: "${argument}" must be a safe integer if it is a number, got ${value}`,
      );
    case "object":
      if (value === null) break;
      try {
        return ofPointer(value as Deno.PointerObject);
      } catch {
        break;
      }
  }
  throw new TypeError(
    `${what}: "${argument}" must be a bigint, a number or a Deno.PointerObject, got ${
      show(value)
    }`,
  );
}
