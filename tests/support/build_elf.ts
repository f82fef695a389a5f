/**
 * A builder of ELF files of either class and byte order.
 *
 * @module
 */

/** A function of the file to build. */
export interface BuiltSymbol {
  readonly name: string;
  readonly value: number;
  readonly size: number;
  /** Binding and type; defaults to a global function. */
  readonly info?: number;
}

/** Address of the code in the file's segment. */
export const BUILT_ADDRESS = 0x401000;

/** Offset in the file of the code. */
export const BUILT_OFFSET = 0x1000;

/** Builds an ELF file with one segment, a build-id and a `.symtab`. */
export function buildElf(
  { is64, isLittle, symbols, buildId = [1, 2, 3, 4] }: {
    is64: boolean;
    isLittle: boolean;
    symbols: readonly BuiltSymbol[];
    buildId?: readonly number[];
  },
): Uint8Array<ArrayBuffer> {
  const bytes: number[] = [];
  const put = (value: number, width: number) => {
    const all = Array.from(
      { length: width },
      (_, i) => Math.floor(value / 256 ** i) % 256,
    );
    bytes.push(...(isLittle ? all : all.reverse()));
  };
  const word = is64 ? 8 : 4;
  const [headerSize, segmentSize, sectionSize, symbolSize] = is64
    ? [64, 56, 64, 24]
    : [52, 32, 40, 16];
  const strings = `\0${symbols.map(({ name }) => `${name}\0`).join("")}`;
  const noteAt = headerSize + segmentSize;
  const noteSize = 16 + buildId.length;
  const symbolsAt = noteAt + noteSize;
  const symbolsSize = symbolSize * symbols.length;
  const stringsAt = symbolsAt + symbolsSize;
  const sectionsAt = stringsAt + strings.length;
  bytes.push(0x7f, 0x45, 0x4c, 0x46, is64 ? 2 : 1, isLittle ? 1 : 2, 1);
  while (bytes.length < 16) bytes.push(0);
  for (const [value, width] of [[2, 2], [62, 2], [1, 4], [0, word]]) {
    put(value, width);
  }
  put(headerSize, word);
  put(sectionsAt, word);
  put(0, 4);
  for (const value of [headerSize, segmentSize, 1, sectionSize, 5, 0]) {
    put(value, 2);
  }
  put(1, 4);
  if (is64) put(5, 4);
  for (const value of [BUILT_OFFSET, BUILT_ADDRESS, 0, 0x1000, 0x1000]) {
    put(value, word);
  }
  if (!is64) put(5, 4);
  put(0x1000, word);
  for (const value of [4, buildId.length, 3]) put(value, 4);
  bytes.push(0x47, 0x4e, 0x55, 0, ...buildId);
  let nameAt = 1;
  for (const { name, value, size, info = 0x12 } of symbols) {
    put(nameAt, 4);
    nameAt += name.length + 1;
    if (is64) {
      bytes.push(info, 0);
      put(4, 2);
      put(value, 8);
      put(size, 8);
    } else {
      put(value, 4);
      put(size, 4);
      bytes.push(info, 0);
      put(4, 2);
    }
  }
  bytes.push(...new TextEncoder().encode(strings));
  const sections = [
    [0, 0, 0, 0, 0, 0],
    [7, 0, 0, noteAt, noteSize, 0],
    [2, 0, 0, symbolsAt, symbolsSize, 3],
    [3, 0, 0, stringsAt, strings.length, 0],
    [1, 6, BUILT_ADDRESS, BUILT_OFFSET, 0x1000, 0],
  ];
  for (const [type, flags, address, offset, size, link] of sections) {
    put(0, 4);
    put(type, 4);
    for (const value of [flags, address, offset, size]) put(value, word);
    put(link, 4);
    put(0, 4);
    put(1, word);
    put(type === 2 ? symbolSize : 0, word);
  }
  return Uint8Array.from(bytes);
}
