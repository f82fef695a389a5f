/**
 * From addresses to names.
 *
 * @module
 */

import type { LineEntry } from "../reader/dump_record.ts";
import type { CodeTimeline } from "../reader/code_timeline.ts";
import type { DumpedFunction } from "../reader/dumped_function.ts";
import { firstIndex } from "../reader/live_code.ts";
import type { Frame, Mapping, Sample } from "./perf_script.ts";

/** Who has made the code. */
export type Origin = "jitted" | "javascript" | "native" | "kernel" | "unknown";

/** Where a thread was, for people. */
export interface Place {
  readonly name: string;
  readonly origin: Origin;
  /** The file that the code is in; empty where it is in none. */
  readonly object: string;
  /** The source file, and the line in it. */
  readonly source?: { readonly file: string; readonly line: number };
  /** How many bytes it is behind the function's start. */
  readonly offset?: number;
}

/** What V8 calls what it has compiled. */
const V8_NAME =
  /^(JS|Script|Eval|Function|RegExp|Builtin|BytecodeHandler|Stub|Wasm|LazyCompile|Callback|Bytecode)\b[^ ]*[:~*^]/;

/** The addresses of V8's lines are this much too high: the size of an ELF header. */
const V8_LINE_SHIFT = 0x40n;

function placeIn(fn: DumpedFunction, offset: number): Place {
  const isV8 = V8_NAME.test(fn.name);
  const { lines } = fn;
  const address = fn.codeAddr + BigInt(offset) + (isV8 ? V8_LINE_SHIFT : 0n);
  const next = firstIndex(lines, ({ codeAddr }) => codeAddr > address);
  const line: LineEntry | undefined = lines[next - 1];
  return {
    name: fn.name,
    origin: isV8 ? "javascript" : "jitted",
    object: "",
    source: line && { file: line.file, line: line.line },
    offset,
  };
}

const isKernel = (object: string) =>
  /^\[(kernel|guest)|\.ko(\.\w+)?$|^\[(?!unknown|vdso|vsyscall|heap|stack|anon)\w/
    .test(object);

/** Memory that belongs to no file, where JIT compilers put their code. */
const isAnonymous = (object: string) =>
  /^\[(unknown|heap|stack|anon)|\/perf-\d+\.map$|^\/\/anon|^\/dev\/zero|^anon_inode|^\/SYSV/
    .test(object);

/** Memory of a file without a name: perf counts its addresses from the file's start. */
const isMemoryFile = (object: string) => object.startsWith("/memfd:");

const baseName = (path: string) => path.slice(path.lastIndexOf("/") + 1);

/** The image that perf inject makes of a function, named by process and number. */
const IMAGE = /(?:^|\/)jitted-(\d+)-(\d+)\.so$/;

/** Names what a recording's processes did. */
export class Symbolizer {
  /** Of each process, what its dumps say. */
  readonly #timelines = new Map<number, CodeTimeline[]>();
  readonly #memoryFiles: Mapping[] = [];
  readonly #natives = new Map<Frame, Place>();

  /** Takes what a dump of a process says. */
  addTimeline(pid: number, timeline: CodeTimeline): void {
    const timelines = this.#timelines.get(pid) ?? [];
    timelines.push(timeline);
    this.#timelines.set(pid, timelines);
  }

  /** Takes a mapping. */
  addMapping(mapping: Mapping): void {
    if (isMemoryFile(mapping.path)) this.#memoryFiles.push(mapping);
  }

  /** Where the thread was, and where it was called from: the innermost first. */
  places({ frames, pid, time }: Sample): Place[] {
    return frames.map((frame, depth) => {
      // Behind a call may be another function.
      const back = depth > 0 ? 1 : 0;
      return this.#injected(frame, back) ??
        this.#jitted(frame, pid, time, back) ?? this.#native(frame);
    });
  }

  /** A function of which perf inject has made an image. */
  #injected({ object, offset }: Frame, back: number): Place | undefined {
    const image = IMAGE.exec(object);
    if (!image) return undefined;
    const [, pid, codeIndex] = image;
    for (const timeline of this.#timelines.get(Number(pid)) ?? []) {
      const fn = timeline.numbered(BigInt(codeIndex));
      if (fn) return placeIn(fn, Math.max(0, offset - back));
    }
    return undefined;
  }

  #jitted(
    { address, object }: Frame,
    pid: number,
    time: bigint,
    back: number,
  ): Place | undefined {
    const timelines = this.#timelines.get(pid);
    if (!timelines) return undefined;
    const addresses = isAnonymous(object)
      ? [address]
      : isMemoryFile(object)
      ? this.#addressesIn(object, pid, address)
      : [];
    for (const address of addresses) {
      for (const timeline of timelines) {
        const found = timeline.find(address - BigInt(back), time);
        if (found) return placeIn(found.fn, found.offset);
      }
    }
    return undefined;
  }

  /** Where in the process an address of a file may be. */
  #addressesIn(object: string, pid: number, address: bigint): bigint[] {
    return this.#memoryFiles
      .filter((mapping) =>
        mapping.pid === pid && mapping.path === object &&
        mapping.offset <= address && address < mapping.offset + mapping.size
      )
      .map(({ start, offset }) => start + address - offset);
  }

  #native(frame: Frame): Place {
    const known = this.#natives.get(frame);
    if (known) return known;
    const { symbol, object } = frame;
    const origin = isKernel(object)
      ? "kernel"
      : isAnonymous(object) || isMemoryFile(object)
      ? "unknown"
      : "native";
    const name = symbol ??
      (origin === "unknown" ? "[unknown]" : `[${baseName(object)}]`);
    const place: Place = {
      name,
      origin,
      object: origin === "unknown" ? "" : object,
    };
    this.#natives.set(frame, place);
    return place;
  }
}
