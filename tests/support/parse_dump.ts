/**
 * A reader of dumps that shares no code with the module, to check it independently.
 *
 * @module
 */

/** A record of a dump; `body` includes its header. */
export interface ParsedRecord {
  id: number;
  timestamp: bigint;
  body: DataView;
}

/** The fields of a JIT_CODE_LOAD record. */
export interface ParsedLoad {
  timestamp: bigint;
  pid: number;
  tid: number;
  vma: bigint;
  address: bigint;
  index: bigint;
  name: string;
  code: Uint8Array;
}

/** A whole dump. */
export interface ParsedDump {
  machine: number;
  pid: number;
  timestamp: bigint;
  records: ParsedRecord[];
}

/** Parses a dump of this machine's byte order. Throws if anything is malformed. */
export function parseDump(bytes: Uint8Array): ParsedDump {
  const { end, ...dump } = parseStart(bytes);
  if (end === bytes.length) return dump;
  throw new Error(`incomplete record at byte ${end} of ${bytes.length}`);
}

/** Parses a dump up to `end`, where the file ends or its last record is incomplete. */
export function parseStart(bytes: Uint8Array): ParsedDump & { end: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const u32 = (at: number) => view.getUint32(at, true);
  const u64 = (at: number) => view.getBigUint64(at, true);
  const expect = (what: string, at: number, value: bigint | number) => {
    const found = typeof value === "bigint" ? u64(at) : u32(at);
    if (found !== value) throw new Error(`${what} is ${found}, not ${value}`);
  };
  expect("magic", 0, 0x4A695444);
  expect("version", 4, 1);
  expect("total_size", 8, 40);
  expect("pad1", 16, 0);
  expect("flags", 32, 0n);
  const records: ParsedRecord[] = [];
  let end = 40;
  while (end + 16 <= bytes.length) {
    const size = u32(end + 4);
    if (size < 16 || end + size > bytes.length) break;
    records.push({
      id: u32(end),
      timestamp: u64(end + 8),
      body: new DataView(view.buffer, view.byteOffset + end, size),
    });
    end += size;
  }
  return { machine: u32(12), pid: u32(20), timestamp: u64(24), records, end };
}

/** Parses a JIT_CODE_LOAD record. Throws if its size does not match its fields. */
export function parseLoad({ id, timestamp, body }: ParsedRecord): ParsedLoad {
  if (id !== 0) throw new Error(`record ${id} is not JIT_CODE_LOAD`);
  const bytes = new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
  const nameEnd = bytes.indexOf(0, 56);
  const code = bytes.subarray(nameEnd + 1);
  if (BigInt(code.length) !== body.getBigUint64(40, true)) {
    throw new Error(
      `code_size differs from the ${code.length} bytes that follow`,
    );
  }
  return {
    timestamp,
    pid: body.getUint32(16, true),
    tid: body.getUint32(20, true),
    vma: body.getBigUint64(24, true),
    address: body.getBigUint64(32, true),
    index: body.getBigUint64(48, true),
    name: new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })
      .decode(bytes.subarray(56, nameEnd)),
    code,
  };
}

/** The fields of a JIT_CODE_DEBUG_INFO record. */
export interface ParsedDebugInfo {
  timestamp: bigint;
  address: bigint;
  entries: { address: bigint; line: number; discrim: number; file: string }[];
}

/** Parses a JIT_CODE_DEBUG_INFO record. Throws if its size does not match its fields. */
export function parseDebugInfo(
  { id, timestamp, body }: ParsedRecord,
): ParsedDebugInfo {
  if (id !== 2) throw new Error(`record ${id} is not JIT_CODE_DEBUG_INFO`);
  const bytes = new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
  const entries: ParsedDebugInfo["entries"] = [];
  let at = 32;
  for (let left = body.getBigUint64(24, true); left > 0n; left--) {
    const end = bytes.indexOf(0, at + 16);
    entries.push({
      address: body.getBigUint64(at, true),
      line: body.getUint32(at + 8, true),
      discrim: body.getUint32(at + 12, true),
      file: new TextDecoder().decode(bytes.subarray(at + 16, end)),
    });
    at = end + 1;
  }
  if (at !== bytes.length) {
    throw new Error(`the entries end at byte ${at} of ${bytes.length}`);
  }
  return { timestamp, address: body.getBigUint64(16, true), entries };
}

/** The fields of a JIT_CODE_UNWINDING_INFO record, with its data split as perf does. */
export interface ParsedUnwindingInfo {
  timestamp: bigint;
  ehFrame: Uint8Array;
  ehFrameHdr: Uint8Array;
  mappedSize: bigint;
}

/** Parses a JIT_CODE_UNWINDING_INFO record. Throws if its size does not match its fields. */
export function parseUnwindingInfo(
  { id, timestamp, body }: ParsedRecord,
): ParsedUnwindingInfo {
  if (id !== 4) throw new Error(`record ${id} is not JIT_CODE_UNWINDING_INFO`);
  const bytes = new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
  const size = Number(body.getBigUint64(16, true));
  const hdr = Number(body.getBigUint64(24, true));
  if (40 + size !== bytes.length) {
    throw new Error(
      `unwinding_size is ${size}, but ${bytes.length - 40} bytes follow`,
    );
  }
  return {
    timestamp,
    ehFrame: bytes.slice(40, 40 + size - hdr),
    ehFrameHdr: bytes.slice(40 + size - hdr),
    mappedSize: body.getBigUint64(32, true),
  };
}

/** A function with its source lines and unwind info. */
export interface ParsedFunction extends ParsedLoad {
  debugInfo?: ParsedDebugInfo;
  unwindingInfo?: ParsedUnwindingInfo;
}

/** Returns the functions of a dump, each with the records directly before it. */
export function readFunctions(path: string): ParsedFunction[] {
  const { records } = parseDump(Deno.readFileSync(path));
  const { functions, isComplete } = groupFunctions(records);
  if (!isComplete) throw new Error("the last records belong to no function");
  return functions;
}

/**
 * Groups records into functions, each with the records directly before it. The result is
 * incomplete if the last records belong to no function.
 */
export function groupFunctions(
  records: ParsedRecord[],
): { functions: ParsedFunction[]; isComplete: boolean } {
  const functions: ParsedFunction[] = [];
  let pending: Partial<ParsedFunction> = {};
  for (const record of records) {
    if (record.id === 2) {
      if (pending.debugInfo) {
        throw new Error("a function has two JIT_CODE_DEBUG_INFO records");
      }
      pending.debugInfo = parseDebugInfo(record);
    } else if (record.id === 4) {
      if (pending.unwindingInfo) {
        throw new Error("a function has two JIT_CODE_UNWINDING_INFO records");
      }
      pending.unwindingInfo = parseUnwindingInfo(record);
    } else if (record.id === 0) {
      functions.push({ ...parseLoad(record), ...pending });
      pending = {};
    } else if (Object.keys(pending).length > 0) {
      throw new Error(
        `record ${record.id} is between the records of a function`,
      );
    }
  }
  return { functions, isComplete: Object.keys(pending).length === 0 };
}

/** Returns the functions of a dump without source lines and unwind info. */
export function readLoads(path: string): ParsedLoad[] {
  return readFunctions(path).map(
    ({ debugInfo: _, unwindingInfo: __, ...load }) => load,
  );
}
