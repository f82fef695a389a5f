/**
 * Structs: codecs created from a table of fields.
 *
 * @module
 */

const BYTES = { u8: 1, u16: 2, u32: 4, u64: 8 } as const;

type Unsigned = keyof typeof BYTES;

/** The byte order of every machine that Deno runs on. */
export const LITTLE_ENDIAN = true;

/**
 * The fields of a struct in memory order, without padding: a `number` is a u8, u16
 * or u32, a `bigint` a u64, an object another struct.
 */
export type Layout<T> = {
  readonly [K in keyof T]: T[K] extends number ? "u8" | "u16" | "u32"
    : T[K] extends bigint ? "u64"
    : Struct<T[K]>;
};

/** The codec of a struct. */
export interface Struct<T> {
  /** Size of the struct in bytes, without a variable part that follows it. */
  readonly size: number;

  /** Offset of each field in bytes. */
  readonly offsets: { readonly [K in keyof T]: number };

  /**
   * Writes the struct to the start of `into`.
   *
   * @param value The fields.
   * @param into At least `size` bytes. Defaults to a new array.
   * @param littleEndian The byte order. Defaults to this machine's.
   * @returns `into`.
   * @throws {TypeError} If a field has the wrong type.
   * @throws {RangeError} If a field does not fit its type, or the struct does
   * not fit `into`.
   */
  pack(value: T, into?: Uint8Array, littleEndian?: boolean): Uint8Array;

  /**
   * Reads the struct from the start of `from`. The values are not checked.
   *
   * @param from At least `size` bytes.
   * @param littleEndian The byte order. Defaults to this machine's.
   * @throws {RangeError} If `from` is too short.
   */
  unpack(from: Uint8Array, littleEndian?: boolean): T;
}

/** Creates the codec of a struct from its layout. */
export function struct<T extends object>(
  name: string,
  layout: Layout<T>,
): Struct<T> {
  const fields = Object.entries(layout) as [
    keyof T & string,
    Unsigned | Struct<unknown>,
  ][];
  const offsets = {} as { [K in keyof T]: number };
  let size = 0;
  for (const [field, type] of fields) {
    offsets[field] = size;
    size += typeof type === "string" ? BYTES[type] : type.size;
  }

  const viewOf = (bytes: Uint8Array, verb: string) => {
    if (bytes.length < size) {
      throw new RangeError(
        `Cannot ${verb} ${name}: it has ${size} bytes, but the view has ${bytes.length}`,
      );
    }
    return new DataView(bytes.buffer, bytes.byteOffset, size);
  };

  return {
    size,
    offsets,
    pack(value, into = new Uint8Array(size), little = LITTLE_ENDIAN) {
      const view = viewOf(into, "pack");
      for (const [field, type] of fields) {
        const at = offsets[field];
        const v: unknown = value[field];
        if (typeof type !== "string") {
          if (typeof v !== "object" || v === null) {
            throw new TypeError(
              `Cannot pack ${name}: "${field}" must be an object, got ${typeof v}`,
            );
          }
          type.pack(v, into.subarray(at), little);
          continue;
        }
        requireUnsigned(`Cannot pack ${name}`, field, type, v);
        if (typeof v === "bigint") view.setBigUint64(at, v, little);
        else if (type === "u32") view.setUint32(at, v, little);
        else if (type === "u16") view.setUint16(at, v, little);
        else view.setUint8(at, v);
      }
      return into;
    },
    unpack(from, little = LITTLE_ENDIAN) {
      const view = viewOf(from, "unpack");
      const value: Record<string, unknown> = {};
      for (const [field, type] of fields) {
        const at = offsets[field];
        value[field] = type === "u32"
          ? view.getUint32(at, little)
          : type === "u16"
          ? view.getUint16(at, little)
          : type === "u8"
          ? view.getUint8(at)
          : type === "u64"
          ? view.getBigUint64(at, little)
          : type.unpack(from.subarray(at), little);
      }
      return value as T;
    },
  };
}

function requireUnsigned(
  what: string,
  field: string,
  type: Unsigned,
  value: unknown,
): asserts value is number | bigint {
  const isOfType = type === "u64"
    ? typeof value === "bigint"
    : typeof value === "number";
  if (!isOfType) {
    throw new TypeError(
      `${what}: "${field}" is a ${type} and must be a ${
        type === "u64" ? "bigint" : "number"
      }, got ${typeof value}`,
    );
  }
  const fits = typeof value === "bigint"
    ? BigInt.asUintN(64, value) === value
    : (value as number) >>> 0 === value && value < 2 ** (8 * BYTES[type]);
  if (!fits) {
    throw new RangeError(
      `${what}: "${field}" does not fit a ${type}: ${value}`,
    );
  }
}
