/**
 * From addresses to names.
 *
 * @module
 */

import { type NamedCode, namedCode } from "../engines.ts";
import type { LineEntry } from "../reader/dump_record.ts";
import { type CodeTimeline, lineAt } from "../reader/code_timeline.ts";
import type { DumpedFunction } from "../reader/dumped_function.ts";
import { IMAGE } from "./perf_files.ts";
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

/** An instruction of a function that a dump has. */
export interface FoundInstruction {
  readonly fn: DumpedFunction;
  /** How many bytes it is behind the function's start. */
  readonly offset: number;
}

/** A place, and the instruction where it is known. */
interface Found {
  readonly place: Place;
  readonly code?: FoundInstruction;
}

/** The places of a function. */
interface Places {
  readonly named: NamedCode;
  readonly lines: readonly LineEntry[];
  readonly byLine: Map<LineEntry | undefined, Place>;
}

/** Where a thread was. */
export interface Chain {
  /** The innermost last. Equal places are one object. */
  readonly places: Place[];
  /** The innermost one's instruction, if it is in a dump. */
  readonly code: FoundInstruction | undefined;
}

const isKernel = (object: string) =>
  /^\[(kernel|guest)|\.ko(\.\w+)?$|^\[(?!unknown|vdso|vsyscall|heap|stack|anon)\w/
    .test(object);

/** Memory that belongs to no file, where JIT compilers put their code. */
const isAnonymous = (object: string) =>
  /^\[(unknown|heap|stack|anon)|\/perf-\d+\.map$|^\/\/anon|^\/dev\/zero|^anon_inode|^\/SYSV/
    .test(object);

/** Memory of a file without a name. */
const isMemoryFile = (object: string) => object.startsWith("/memfd:");

/** Memory of no file, of the kernel, or of a file. */
type Kind = "memory" | "kernel" | "file";

function kindOf(object: string): Kind {
  if (isAnonymous(object)) return "memory";
  return isKernel(object) ? "kernel" : "file";
}

/** Whether a symbol of a binary is one of V8's builtins, which Node and Deno contain. */
const isV8Builtin = (symbol: string) => symbol.startsWith("Builtins_");

const keyOf = (pid: number, path: string) => `${pid} ${path}`;

const baseName = (path: string) => path.slice(path.lastIndexOf("/") + 1);

/** Names what a recording's processes did. */
export class Symbolizer {
  /** Of each process, what its dumps say. */
  readonly #timelines = new Map<number, CodeTimeline[]>();
  /** Of each process and file, where it is in memory. */
  readonly #mappings = new Map<string, Mapping[]>();
  /** By what perf says of them. */
  readonly #natives = new Map<string, Place>();
  readonly #jitted = new Map<DumpedFunction, Places>();
  /** What memory that perf calls so can be. */
  readonly #kinds = new Map<string, Kind>();

  /** Takes what a dump of a process says. */
  addTimeline(pid: number, timeline: CodeTimeline): void {
    const timelines = this.#timelines.get(pid) ?? [];
    timelines.push(timeline);
    this.#timelines.set(pid, timelines);
  }

  /** Takes a mapping. */
  addMapping(mapping: Mapping): void {
    const key = keyOf(mapping.pid, mapping.path);
    const mappings = this.#mappings.get(key) ?? [];
    mappings.push(mapping);
    this.#mappings.set(key, mappings);
  }

  /** Where the thread was, and where it was called from. */
  chain({ frames, pid, time }: Sample): Chain {
    const places: Place[] = [];
    let code: FoundInstruction | undefined;
    for (let depth = frames.length - 1; depth >= 0; depth--) {
      const frame = frames[depth];
      const back = this.#isCall(frames, depth) ? 1 : 0;
      const found = this.#findInjected(frame, back) ??
        this.#findJitted(frame, pid, time, back);
      places.push(found ? found.place : this.#native(frame));
      code = found?.code;
    }
    return { places, code };
  }

  /**
   * Whether a frame has called the one before it: then its address is behind the call,
   * where there may be another function. What the kernel has interrupted has called
   * nobody.
   */
  #isCall(frames: readonly Frame[], depth: number): boolean {
    return depth > 0 &&
      (this.#kindOf(frames[depth].object) === "kernel" ||
        this.#kindOf(frames[depth - 1].object) !== "kernel");
  }

  /** There are many frames, and few objects. */
  #kindOf(object: string): Kind {
    let kind = this.#kinds.get(object);
    if (kind === undefined) this.#kinds.set(object, kind = kindOf(object));
    return kind;
  }

  /** A function of which perf inject has made an image. */
  #findInjected({ object, offset }: Frame, back: number): Found | undefined {
    const image = object.endsWith(".so") && IMAGE.exec(object);
    if (!image) return undefined;
    const [, , pid, codeIndex] = image;
    for (const timeline of this.#timelines.get(Number(pid)) ?? []) {
      const fn = timeline.numbered(BigInt(codeIndex));
      if (fn) return this.#placeIn(timeline, fn, Math.max(0, offset - back));
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
    if (!timelines) return undefined;
    const kind = this.#kindOf(object);
    // A symbol of memory without a file is a perf map's, which knows no time.
    const isNamed = symbol !== undefined && kind !== "memory";
    if (isNamed || kind === "kernel") return undefined;
    // JIT compilers map files too: V8 its builtins, others memory that two places share.
    const addresses = kind === "memory"
      ? [address]
      : this.#addressesIn(object, pid, address);
    for (const address of addresses) {
      for (const timeline of timelines) {
        const found = timeline.find(address - BigInt(back), time);
        if (found) return this.#placeIn(timeline, found.fn, found.offset);
      }
    }
    return undefined;
  }

  #placeIn(timeline: CodeTimeline, fn: DumpedFunction, offset: number): Found {
    let places = this.#jitted.get(fn);
    if (!places) {
      places = {
        named: namedCode(fn.name),
        lines: timeline.linesOf(fn),
        byLine: new Map(),
      };
      this.#jitted.set(fn, places);
    }
    const { named, lines, byLine } = places;
    const line = lineAt(lines, fn.codeAddr + BigInt(offset));
    let place = byLine.get(line);
    if (!place) {
      place = {
        name: named.name,
        origin: named.category,
        object: "",
        source: line && { file: line.file, line: line.line },
      };
      byLine.set(line, place);
    }
    return { place, code: { fn, offset } };
  }

  /**
   * Where in the process an address in a file may be. perf prints it as it is in the
   * process, and in call chains as it is in the file.
   */
  #addressesIn(object: string, pid: number, address: bigint): bigint[] {
    const mappings = this.#mappings.get(keyOf(pid, object)) ?? [];
    return [
      address,
      ...mappings
        .filter(({ offset, size }) =>
          offset <= address && address < offset + size
        )
        .map(({ start, offset }) => start + address - offset),
    ];
  }

  #native({ symbol, object }: Frame): Place {
    const key = `${symbol}\0${object}`;
    const known = this.#natives.get(key);
    if (known) return known;
    const kind = this.#kindOf(object);
    const isMemory = kind === "memory" || isMemoryFile(object);
    // A symbol of memory is a perf map's; V8's builtins are symbols of its binary too.
    const named = symbol !== undefined && kind !== "kernel" &&
        (isMemory || isV8Builtin(symbol))
      ? namedCode(symbol)
      : undefined;
    const origin = named
      ? named.category
      : kind === "kernel"
      ? "kernel"
      : isMemory
      ? "unknown"
      : "native";
    const name = named?.name ?? symbol ??
      (isMemory ? "[unknown]" : `[${baseName(object)}]`);
    const place: Place = {
      name,
      origin,
      object: isMemory || named ? "" : object,
    };
    this.#natives.set(key, place);
    return place;
  }
}
