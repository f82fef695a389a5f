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
}

/** A place, and how many bytes behind the function's start it is, where that is known. */
interface Found {
  readonly place: Place;
  readonly offset?: number;
}

/** The places of a function. */
interface Places {
  /** Whether V8 has made it. */
  readonly isV8: boolean;
  readonly byLine: Map<LineEntry | undefined, Place>;
}

/** The lines of a function, each at the address where its code really begins. */
export function placedLines(
  { name, lines }: DumpedFunction,
): readonly LineEntry[] {
  if (!V8_NAME.test(name)) return lines;
  return lines.map((entry) => ({
    ...entry,
    codeAddr: entry.codeAddr - V8_LINE_SHIFT,
  }));
}

/** The line of the code that is so many bytes behind the function's start. */
function lineAt(
  { codeAddr, lines }: DumpedFunction,
  offset: bigint,
): LineEntry | undefined {
  const address = codeAddr + offset;
  return lines[firstIndex(lines, (line) => line.codeAddr > address) - 1];
}

/** Where a thread was. */
export interface Chain {
  /** The innermost last. Equal places are one object. */
  readonly places: Place[];
  /** How many bytes the innermost is behind the function's start, if it is in a dump. */
  readonly offset: number | undefined;
}

/** What V8 calls what it has compiled. */
const V8_NAME =
  /^(JS|Script|Eval|Function|RegExp|Builtin|BytecodeHandler|Stub|Wasm|LazyCompile|Callback|Bytecode)\b[^ ]*[:~*^]/;

/** A JavaScript function: how V8 compiled it, its name, and where it is. */
const V8_FUNCTION = /^JS:o?[~^+*]'?(.*) \S+:\d+:\d+$/;

/** What a function is called in its source. */
export function plainName(name: string): string {
  return V8_FUNCTION.exec(name)?.[1] ?? name;
}

/** The addresses of V8's lines are this much too high: the size of an ELF header. */
const V8_LINE_SHIFT = 0x40n;

const isKernel = (object: string) =>
  /^\[(kernel|guest)|\.ko(\.\w+)?$|^\[(?!unknown|vdso|vsyscall|heap|stack|anon)\w/
    .test(object);

/** Memory that belongs to no file, where JIT compilers put their code. */
const isAnonymous = (object: string) =>
  /^\[(unknown|heap|stack|anon)|\/perf-\d+\.map$|^\/\/anon|^\/dev\/zero|^anon_inode|^\/SYSV/
    .test(object);

/** Memory of a file without a name: perf counts its addresses from the file's start. */
const isMemoryFile = (object: string) => object.startsWith("/memfd:");

/** Who may have made code in some memory that dumps speak of. */
type Maker = "anybody" | "V8" | "nobody";

/** V8 maps its builtins from the program's file to where its other code is. */
function makerOf(object: string): Maker {
  if (isAnonymous(object) || isMemoryFile(object)) return "anybody";
  return isKernel(object) ? "nobody" : "V8";
}

const baseName = (path: string) => path.slice(path.lastIndexOf("/") + 1);

/** The image that perf inject makes of a function, named by process and number. */
const IMAGE = /(?:^|\/)jitted-(\d+)-(\d+)\.so$/;

/** Names what a recording's processes did. */
export class Symbolizer {
  /** Of each process, what its dumps say. */
  readonly #timelines = new Map<number, CodeTimeline[]>();
  readonly #memoryFiles: Mapping[] = [];
  /** By what perf says of them. */
  readonly #natives = new Map<string, Place>();
  readonly #jitted = new Map<DumpedFunction, Places>();
  /** Who may have made code in memory that perf calls so. */
  readonly #makers = new Map<string, Maker>();

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

  /** Where the thread was, and where it was called from. */
  chain({ frames, pid, time }: Sample): Chain {
    const places: Place[] = [];
    let offset: number | undefined;
    for (let depth = frames.length - 1; depth >= 0; depth--) {
      const frame = frames[depth];
      // Behind a call may be another function.
      const back = depth > 0 ? 1 : 0;
      const found = this.#findInjected(frame, back) ??
        this.#findJitted(frame, pid, time, back);
      places.push(found ? found.place : this.#native(frame));
      offset = found?.offset;
    }
    return { places, offset };
  }

  /** A function of which perf inject has made an image. */
  #findInjected({ object, offset }: Frame, back: number): Found | undefined {
    const image = object.endsWith(".so") && IMAGE.exec(object);
    if (!image) return undefined;
    const [, pid, codeIndex] = image;
    for (const timeline of this.#timelines.get(Number(pid)) ?? []) {
      const fn = timeline.numbered(BigInt(codeIndex));
      if (fn) return this.#placeIn(fn, Math.max(0, offset - back), undefined);
    }
    return undefined;
  }

  #findJitted(
    { address, object, symbol }: Frame,
    pid: number,
    time: bigint,
    back: number,
  ): Found | undefined {
    const timelines = this.#timelines.get(pid);
    if (!timelines || symbol !== undefined) return undefined;
    let maker = this.#makers.get(object);
    if (maker === undefined) {
      maker = makerOf(object);
      this.#makers.set(object, maker);
    }
    if (maker === "nobody") return undefined;
    const addresses = isMemoryFile(object)
      ? this.#addressesIn(object, pid, address)
      : [address];
    for (const address of addresses) {
      for (const timeline of timelines) {
        const found = timeline.find(address - BigInt(back), time);
        if (!found || maker === "V8" && !V8_NAME.test(found.fn.name)) continue;
        return this.#placeIn(found.fn, found.offset, found.line);
      }
    }
    return undefined;
  }

  /** @param known The line of that offset, where it is known. */
  #placeIn(
    fn: DumpedFunction,
    offset: number,
    known: LineEntry | undefined,
  ): Found {
    let places = this.#jitted.get(fn);
    if (!places) {
      places = { isV8: V8_NAME.test(fn.name), byLine: new Map() };
      this.#jitted.set(fn, places);
    }
    const { isV8, byLine } = places;
    const line = !isV8 && known
      ? known
      : lineAt(fn, BigInt(offset) + (isV8 ? V8_LINE_SHIFT : 0n));
    let place = byLine.get(line);
    if (!place) {
      place = {
        name: fn.name,
        origin: isV8 ? "javascript" : "jitted",
        object: "",
        source: line && { file: line.file, line: line.line },
      };
      byLine.set(line, place);
    }
    return { place, offset };
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

  #native({ symbol, object }: Frame): Place {
    const key = `${symbol}\0${object}`;
    const known = this.#natives.get(key);
    if (known) return known;
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
    this.#natives.set(key, place);
    return place;
  }
}
