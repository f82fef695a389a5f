/**
 * Mapping of positions in the JavaScript that Deno generates to positions in TypeScript.
 *
 * @module
 */

import { SourceMap } from "node:module";
import { isV8Function, scriptPosition } from "../v8.ts";
import type { EmittedCode } from "./recording.ts";

/** A line in a dump. */
interface RecordedLine {
  readonly file: string;
  readonly line: number;
  /** The column of V8's lines, counted from 1. */
  readonly discrim: number;
}

/** Mark of a file whose lines are of generated code, because its source map is missing. */
const GENERATED = " (generated)";

/** Files of modules that Deno transpiles. */
const IS_TRANSPILED = /\.(?:[mc]?ts|tsx|jsx)$/;

/** A source map at the end of generated code, as Deno (2.9) writes it. */
const INLINE_MAP =
  /^\/\/# sourceMappingURL=data:application\/json;base64,([\w+/=]+)$/m;

/** Source maps of a recording's modules, each read on first use. */
export class SourceMaps {
  readonly #emitted: EmittedCode | undefined;
  readonly #byFile = new Map<string, SourceMap | undefined>();
  readonly #names = new Map<string, string>();

  /** @param emitted The generated code; undefined if no JavaScript of Deno was recorded. */
  constructor(emitted: EmittedCode | undefined) {
    this.#emitted = emitted;
  }

  /** Returns a function's line in the source, or the line in generated code with a mark. */
  lineOf(
    functionName: string,
    recorded: RecordedLine,
  ): { file: string; line: number } {
    const { file, line, discrim } = recorded;
    // The program's own JIT may record lines of TypeScript.
    if (this.#emitted === undefined || !isV8Function(functionName)) {
      return recorded;
    }
    const found = this.#find(file, line, discrim);
    if (found) {
      return { file: found.originalSource, line: found.originalLine + 1 };
    }
    const isGenerated = IS_TRANSPILED.test(file);
    return { file: isGenerated ? file + GENERATED : file, line };
  }

  /** Returns a function's name with the position of its source. */
  nameOf(name: string): string {
    if (this.#emitted === undefined) return name;
    let mapped = this.#names.get(name);
    if (mapped === undefined) {
      this.#names.set(name, mapped = this.#mappedName(name));
    }
    return mapped;
  }

  /** Returns the lines of a source file; undefined if no source map contains them. */
  textOf(file: string): string[] | undefined {
    const { sources = [], sourcesContent = [] } = this.#mapOf(file)?.payload ??
      {};
    return sourcesContent[sources.indexOf(file)]?.split("\n");
  }

  #mappedName(name: string): string {
    const position = scriptPosition(name);
    if (position === undefined) return name;
    const { file, line, column, length } = position;
    const found = this.#find(file, line, column);
    if (found === undefined) return name;
    const { originalSource, originalLine, originalColumn } = found;
    return `${name.slice(0, -length)}${originalSource}:${originalLine + 1}:${
      originalColumn + 1
    }`;
  }

  #find(file: string, line: number, column: number) {
    const map = this.#mapOf(file);
    if (map === undefined) return undefined;
    const found = map.findEntry(line - 1, Math.max(column - 1, 0));
    if (!("originalSource" in found)) return undefined;
    // If the line has no entry, findEntry() returns the entry of an earlier line.
    return found.generatedLine === line - 1 ? found : undefined;
  }

  #mapOf(file: string): SourceMap | undefined {
    if (this.#byFile.has(file)) return this.#byFile.get(file);
    const path = this.#emitted?.get(file);
    const map = path === undefined ? undefined : readMap(path);
    this.#byFile.set(file, map);
    return map;
  }
}

/** Returns the source map in a file; undefined if it has no valid one. */
function readMap(path: string): SourceMap | undefined {
  try {
    const map = INLINE_MAP.exec(Deno.readTextFileSync(path))?.[1];
    if (map === undefined) return undefined;
    const text = new TextDecoder().decode(Uint8Array.fromBase64(map));
    return new SourceMap(JSON.parse(text));
  } catch {
    return undefined;
  }
}
