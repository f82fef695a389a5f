/**
 * Checks of what callers pass. Each returns the value, or throws a `TypeError`
 * or `RangeError` that names the argument and shows the value.
 *
 * @module
 */

/** The first address that does not fit 64 bits. */
const ADDRESS_END = 2n ** 64n;

/** How a value looks in an error message. */
export function show(value: unknown): string {
  return Deno.inspect(value, {
    depth: 0,
    iterableLimit: 4,
    strAbbreviateSize: 60,
  });
}

/** An object with fields to read. */
export function checkObject<T>(what: string, argument: string, value: T): T {
  if (typeof value !== "object" || value === null) {
    throw new TypeError(
      `${what}: "${argument}" must be an object, got ${show(value)}`,
    );
  }
  return value;
}

/** Anything that can be gone through. */
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

/** A path, from a path or a `file:` URL. */
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
      `${what}: "${argument}" has a NUL in it: ${show(path)}`,
    );
  }
  return path;
}

/** A directory's path, without a slash at its end, and absolute where it must be. */
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
  return path.replace(/\/+$/, "");
}

function pathOfUrl(what: string, argument: string, url: URL): string {
  if (url.protocol !== "file:" || url.host !== "") {
    throw new TypeError(
      `${what}: "${argument}" must be a file: URL without a host, got ${url.href}`,
    );
  }
  if (/%2f/i.test(url.pathname)) {
    throw new TypeError(
      `${what}: "${argument}" has an encoded slash in it: ${url.href}`,
    );
  }
  try {
    return decodeURIComponent(url.pathname);
  } catch {
    throw new TypeError(
      `${what}: "${argument}" is not encoded as UTF-8: ${url.href}`,
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

/** A function's name: any string that C can hold. */
export function checkName(
  what: string,
  argument: string,
  value: unknown,
): string {
  const name = checkString(what, argument, value);
  if (name.includes("\0")) {
    throw new TypeError(
      `${what}: "${argument}" has a NUL in it, where the dump's ends: ${
        show(name)
      }`,
    );
  }
  return name;
}

/** The getters that tell what a typed array really is, whatever its class says. */
const intrinsic = (name: string | symbol) =>
  Object.getOwnPropertyDescriptor(
    Object.getPrototypeOf(Uint8Array.prototype),
    name,
  )!.get!;
const getTag = intrinsic(Symbol.toStringTag);
const getLength = intrinsic("length");
const getBuffer = intrinsic("buffer");
const getByteOffset = intrinsic("byteOffset");

/** How many bytes there are, whatever the object says of its length. */
export const lengthOf = (bytes: Uint8Array): number => getLength.call(bytes);

/** Bytes that are there. What is returned has the length that it says, and keeps it. */
export function checkBytes(
  what: string,
  argument: string,
  value: unknown,
): Uint8Array {
  return viewOf(checkCode(what, argument, value));
}

/** Another view of the same bytes, which says its length as it is. */
export function viewOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(
    getBuffer.call(bytes),
    getByteOffset.call(bytes),
    lengthOf(bytes),
  );
}

/**
 * A function's machine code, without another view of it, which would take longer than
 * the rest: only {@linkcode lengthOf} says how long it is.
 */
export function checkCode(
  what: string,
  argument: string,
  value: unknown,
): Uint8Array {
  if (getTag.call(value) !== "Uint8Array") {
    throw new TypeError(
      `${what}: "${argument}" must be a Uint8Array, got ${show(value)}`,
    );
  }
  const length: number = getLength.call(value);
  const buffer: ArrayBuffer | SharedArrayBuffer = getBuffer.call(value);
  const isShared = buffer instanceof SharedArrayBuffer;
  if (length === 0) {
    if (!isShared && buffer.detached) {
      throw new TypeError(`${what}: "${argument}" is detached`);
    }
    throw new RangeError(`${what}: "${argument}" is empty`);
  }
  // Another thread may make a shared buffer grow.
  return isShared && buffer.growable
    ? new Uint8Array(buffer, getByteOffset.call(value), length)
    : value as Uint8Array;
}

/** Refuses bytes that a getter of the caller's has changed since they were checked. */
export function requireSize(
  what: string,
  argument: string,
  bytes: Uint8Array,
  size: number,
): void {
  const found = lengthOf(bytes);
  if (found === size) return;
  throw new TypeError(
    `${what}: "${argument}" had ${size} bytes, and now has ${found}`,
  );
}

/** Items to go through. */
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

/** One of some words. */
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

/** An unsigned integer of the given width. */
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

/** An unsigned integer of 64 bits, as a `bigint`. */
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
 * The address of `size` bytes, all of which lie below 2⁶⁴.
 *
 * @param ofPointer Gives the address that a `Deno.PointerObject` holds, and
 * throws where it is none.
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
      `${what}: "${argument}" must leave room for ${size} bytes below 2⁶⁴, got ${
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
        `${what}: "${argument}" must be a safe integer where it is a number, got ${value}`,
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
