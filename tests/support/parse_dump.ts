/**
 * A reader of dumps that shares no code with the module: it is the tests' own
 * opinion of what lies in a file.
 *
 * @module
 */

/** A record of a dump; `body` is all of it. */
export interface ParsedRecord {
  id: number;
  timestamp: bigint;
  body: DataView;
}

/** A code-load record, field by field. */
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

/** Parses a dump of this machine's byte order, and throws at the first oddity. */
export function parseDump(bytes: Uint8Array): ParsedDump {
  const { end, ...dump } = parseStart(bytes);
  if (end === bytes.length) return dump;
  throw new Error(`no whole record at ${end} of ${bytes.length}`);
}

/** The same, up to `end`, where there is no whole record or nothing. */
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

/** Parses a code-load record, and throws where its parts do not fill it. */
export function parseLoad({ id, timestamp, body }: ParsedRecord): ParsedLoad {
  if (id !== 0) throw new Error(`record ${id} is no JIT_CODE_LOAD`);
  const bytes = new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
  const nameEnd = bytes.indexOf(0, 56);
  const code = bytes.subarray(nameEnd + 1);
  if (BigInt(code.length) !== body.getBigUint64(40, true)) {
    throw new Error(`code_size is not the ${code.length} bytes that follow`);
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

/** A debug-info record, field by field. */
export interface ParsedDebugInfo {
  timestamp: bigint;
  address: bigint;
  entries: { address: bigint; line: number; discrim: number; file: string }[];
}

/** Parses a debug-info record, and throws where its parts do not fill it. */
export function parseDebugInfo(
  { id, timestamp, body }: ParsedRecord,
): ParsedDebugInfo {
  if (id !== 2) throw new Error(`record ${id} is no JIT_CODE_DEBUG_INFO`);
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
  if (at !== bytes.length) throw new Error(`its entries end at ${at}`);
  return { timestamp, address: body.getBigUint64(16, true), entries };
}

/** An unwinding-info record, field by field, its data cut as perf cuts it. */
export interface ParsedUnwindingInfo {
  timestamp: bigint;
  ehFrame: Uint8Array;
  ehFrameHdr: Uint8Array;
  mappedSize: bigint;
}

/** Parses an unwinding-info record, and throws where its data do not fill it. */
export function parseUnwindingInfo(
  { id, timestamp, body }: ParsedRecord,
): ParsedUnwindingInfo {
  if (id !== 4) throw new Error(`record ${id} is no JIT_CODE_UNWINDING_INFO`);
  const bytes = new Uint8Array(body.buffer, body.byteOffset, body.byteLength);
  const size = Number(body.getBigUint64(16, true));
  const hdr = Number(body.getBigUint64(24, true));
  if (40 + size !== bytes.length) throw new Error(`its data have ${size}`);
  return {
    timestamp,
    ehFrame: bytes.slice(40, 40 + size - hdr),
    ehFrameHdr: bytes.slice(40 + size - hdr),
    mappedSize: body.getBigUint64(32, true),
  };
}

/** A function with the records that belong to it. */
export interface ParsedFunction extends ParsedLoad {
  debugInfo?: ParsedDebugInfo;
  unwindingInfo?: ParsedUnwindingInfo;
}

/** The functions of a dump; each with the records that stand right before it. */
export function readFunctions(path: string): ParsedFunction[] {
  const { records } = parseDump(Deno.readFileSync(path));
  const { functions, isComplete } = groupFunctions(records);
  if (!isComplete) throw new Error("lines of no function");
  return functions;
}

/**
 * The functions of records; each with the records that stand right before it.
 * Not complete where at the end there are some that belong to no function.
 */
export function groupFunctions(
  records: ParsedRecord[],
): { functions: ParsedFunction[]; isComplete: boolean } {
  const functions: ParsedFunction[] = [];
  let pending: Partial<ParsedFunction> = {};
  for (const record of records) {
    if (record.id === 2) {
      if (pending.debugInfo) throw new Error("two sets of lines in a row");
      pending.debugInfo = parseDebugInfo(record);
    } else if (record.id === 4) {
      if (pending.unwindingInfo) throw new Error("two sets of tables in a row");
      pending.unwindingInfo = parseUnwindingInfo(record);
    } else if (record.id === 0) {
      functions.push({ ...parseLoad(record), ...pending });
      pending = {};
    } else if (Object.keys(pending).length > 0) {
      throw new Error(`record ${record.id} between a function's records`);
    }
  }
  return { functions, isComplete: Object.keys(pending).length === 0 };
}

/** The functions of a dump, without what belongs to them. */
export function readLoads(path: string): ParsedLoad[] {
  return readFunctions(path).map(
    ({ debugInfo: _, unwindingInfo: __, ...load }) => load,
  );
}
