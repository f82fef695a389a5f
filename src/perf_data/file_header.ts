/**
 * The header of a recording, with the events and features that it points to.
 *
 * @module
 */

import { readAttr } from "./attr.ts";
import { Window } from "./bytes.ts";
import { KNOWN_FEATURES } from "./features.ts";
import { FeatureId } from "./constants.ts";
import { PerfDataFormatError } from "./format_error.ts";
import type { RecordDecoder } from "./record_decoder.ts";
import type { ByteSource } from "./source.ts";
import {
  ATTR_SIZE_VER0,
  FileSection,
  PERF_MAGIC,
  PerfHeader,
  PipeHeader,
  U64_SIZE,
} from "./structs.ts";

const HEADER = PerfHeader.offsets;
const RECORD = "file header";

/** Size of the header without flags, which perf 6.1 still reads. */
const SIZE_WITHOUT_FLAGS = HEADER.flags0;

/** Number of bits in the header's flags. */
const FLAG_COUNT = 256;

/** Maximum number of bytes read of a feature section: the build-ids of 100 000 files. */
const FEATURE_LIMIT = 16 * 1024 * 1024;

/** The form of a recording. */
export interface PerfDataHeader {
  /** The byte order of the machine that wrote the recording. */
  readonly littleEndian: boolean;
  /** True if the recording was written to a pipe: events and features are records. */
  readonly isPipe: boolean;
  /**
   * True if the recorder was killed before it completed the file. The records then extend to
   * the end of the file, and there are no feature sections, although the flags of a killed
   * perf name some. Always false for a recording to a pipe.
   */
  readonly isUnfinished: boolean;
}

/** The header with the position of the records. */
export interface RecordsHeader {
  readonly header: PerfDataHeader;
  readonly dataStart: number;
  readonly dataEnd: number;
  /** Bytes of a stream that have been read together with the header, and follow it. */
  readonly initial: Uint8Array;
}

/**
 * Reads the header, and the events and features of a file.
 *
 * @throws {PerfDataFormatError} If it is not a recording, or its events are malformed.
 */
export async function readFileHeader(
  source: ByteSource,
  decoder: RecordDecoder,
): Promise<RecordsHeader> {
  const bytes = await readStart(source);
  const littleEndian = readMagic(bytes);
  const window = new Window(bytes, littleEndian, 0);
  const size = window.number(HEADER.size);
  if (size === PipeHeader.size) {
    if (source.size !== undefined) await source.skip(size);
    return {
      header: { littleEndian, isPipe: true, isUnfinished: false },
      dataStart: size,
      dataEnd: Infinity,
      initial: source.size === undefined
        ? bytes.subarray(size)
        : new Uint8Array(0),
    };
  }
  if (source.size === undefined) {
    refuse(
      "size",
      `is ${size}: a recording of this form must be read from a file, not from a pipe`,
    );
  }
  if (size < SIZE_WITHOUT_FLAGS || size > source.size) {
    refuse(
      "size",
      `is ${size}, but a header has ${PipeHeader.size} or ${PerfHeader.size} bytes`,
    );
  }
  if (bytes.length < Math.min(size, PerfHeader.size)) {
    refuse("size", `is ${size}, but the file has ${bytes.length} bytes`);
  }
  await readAttrs(source, window, decoder);
  const dataStart = window.number(HEADER.dataOffset);
  const dataSize = window.number(HEADER.dataSize);
  if (dataStart > source.size) {
    refuse(
      "dataOffset",
      `is ${dataStart}, but the file has ${source.size} bytes`,
    );
  }
  // At the end of a recording, perf writes the size and the features, and jitdump record
  // writes the features.
  const isUnfinished = dataSize === 0 ||
    size >= PerfHeader.size && readFlags(window).length === 0;
  const dataEnd = isUnfinished ? Infinity : dataStart + dataSize;
  if (!isUnfinished && size >= PerfHeader.size) {
    await readFeatures(source, window, dataEnd, decoder);
  }
  await source.skip(dataStart);
  return {
    header: { littleEndian, isPipe: false, isUnfinished },
    dataStart,
    dataEnd,
    initial: new Uint8Array(0),
  };
}

/** Reads the bytes of the header; fewer if the recording is shorter. */
async function readStart(source: ByteSource): Promise<Uint8Array> {
  if (source.size !== undefined) return await source.readAt(0, PerfHeader.size);
  let start = new Uint8Array(0);
  while (start.length < PipeHeader.size) {
    const bytes = await source.read();
    if (!bytes) break;
    const joined = new Uint8Array(start.length + bytes.length);
    joined.set(start);
    joined.set(bytes, start.length);
    start = joined;
  }
  return start;
}

/** Checks the magic and returns whether the recording is little-endian. */
function readMagic(bytes: Uint8Array): boolean {
  if (bytes.length < PipeHeader.size) {
    refuse(
      "magic",
      `is missing: the file has ${bytes.length} bytes, but a header has ${PipeHeader.size}`,
    );
  }
  const magic = String.fromCharCode(...bytes.subarray(0, U64_SIZE));
  if (magic === PERF_MAGIC) return true;
  if (magic === [...PERF_MAGIC].reverse().join("")) return false;
  refuse(
    "magic",
    `is ${
      JSON.stringify(magic)
    }, not "${PERF_MAGIC}": this is not a recording of perf`,
  );
}

/** Reads the events and their ids. */
async function readAttrs(
  source: ByteSource,
  header: Window,
  decoder: RecordDecoder,
): Promise<void> {
  const fileSize = source.size!;
  const width = header.number(HEADER.attrSize);
  const offset = header.number(HEADER.attrsOffset);
  const size = header.number(HEADER.attrsSize);
  if (width < ATTR_SIZE_VER0 + FileSection.size) {
    refuse("attrSize", `is ${width}, below ${ATTR_SIZE_VER0} + 16`);
  }
  if (offset + size > fileSize) {
    refuse(
      "attrsSize",
      `is ${size} at byte ${offset}, but the file has ${fileSize} bytes`,
    );
  }
  const { littleEndian } = header;
  const attrs = new Window(
    await source.readAt(offset, size),
    littleEndian,
    offset,
  );
  // Events do not share ids, so all ids together must fit in the file.
  let space = fileSize;
  for (let at = 0; at + width <= size; at += width) {
    const section = at + width - FileSection.size;
    const idsOffset = attrs.number(section + FileSection.offsets.offset);
    const idsSize = attrs.number(section + FileSection.offsets.size);
    space -= idsSize;
    if (idsOffset + idsSize > fileSize || space < 0) {
      attrs.refuse(
        `is ${idsSize} at byte ${idsOffset}, but the file has ${fileSize} bytes`,
        "perf_file_attr",
        "ids.size",
        section + FileSection.offsets.size,
      );
    }
    const bytes = await source.readAt(idsOffset, idsSize);
    const ids = new Window(bytes, littleEndian, idsOffset);
    decoder.events.add(
      readAttr(attrs, at, section),
      Array.from(
        { length: Math.floor(bytes.length / U64_SIZE) },
        (_, index) => ids.u64(index * U64_SIZE),
      ),
    );
  }
}

/** Reads the supported feature sections. */
async function readFeatures(
  source: ByteSource,
  header: Window,
  offset: number,
  decoder: RecordDecoder,
): Promise<void> {
  const present = readFlags(header);
  const { littleEndian } = header;
  const table = new Window(
    await source.readAt(offset, present.length * FileSection.size),
    littleEndian,
    offset,
  );
  for (const [index, id] of present.entries()) {
    if (!KNOWN_FEATURES.includes(id)) continue;
    const at = index * FileSection.size;
    if (at + FileSection.size > table.bytes.length) {
      decoder.malformedFeatures.push(
        new PerfDataFormatError("is beyond the end of the file", {
          offset: offset + at,
          record: "feature sections",
          field: "offset",
        }),
      );
      return;
    }
    const start = table.number(at + FileSection.offsets.offset);
    const size = table.number(at + FileSection.offsets.size);
    const bytes = await source.readAt(start, Math.min(size, FEATURE_LIMIT));
    const section = new Window(bytes, littleEndian, start);
    decoder.readFeature(section, id, 0, bytes.length);
  }
}

/**
 * Returns the ids of the features, in the order of their sections. 32-bit machines write
 * the flags as u32; in big-endian order this swaps the halves of each u64. perf (6.1)
 * distinguishes the two by the flag of the host's name, which every recording has.
 */
function readFlags(header: Window): number[] {
  const read = (has: (bit: number) => boolean) =>
    Array.from({ length: FLAG_COUNT }, (_, bit) => bit).filter(has);
  const asLong = (bit: number, swap: number) => {
    const at = HEADER.flags0 + ((bit >> 6) << 3);
    const isHigh = ((bit >> 5 & 1) ^ swap) === 1;
    const half = isHigh ? header.high(at) : header.low(at);
    return (half >>> (bit & 31) & 1) === 1;
  };
  const isSwapped = !header.littleEndian &&
    !asLong(FeatureId.Hostname, 0) && asLong(FeatureId.Hostname, 1);
  return read((bit) => asLong(bit, isSwapped ? 1 : 0));
}

function refuse(
  field: keyof typeof PerfHeader.offsets,
  problem: string,
): never {
  throw new PerfDataFormatError(problem, {
    offset: HEADER[field],
    record: RECORD,
    field: field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
  });
}
