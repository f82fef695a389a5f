/**
 * The JavaScript that Deno has generated from TypeScript, for a recording.
 *
 * Deno (2.2 to 2.9) removes the types of TypeScript before it runs, so V8 records positions in
 * generated code. Deno caches this code with its source map.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { CodeLoad } from "../reader/dump_record.ts";
import { CorruptRange, RecoveringReader } from "../reader/recovering_reader.ts";
import type { EmittedFile } from "../recorder/recording_json.ts";
import { type ScriptPosition, scriptPosition } from "../v8.ts";

/** Returns the directory in which Deno caches generated code, from its environment. */
export function emitCache(
  variable: (name: string) => string | undefined,
): string | undefined {
  const [home, caches] = [variable("HOME"), variable("XDG_CACHE_HOME")];
  const directory = variable("DENO_DIR") ||
    (caches ? `${caches}/deno` : home && `${home}/.cache/deno`);
  return directory ? `${directory}/gen` : undefined;
}

/**
 * Copies the generated code of the scripts in V8's dumps.
 *
 * @param dumps Paths of the dumps.
 * @param cache Result of {@linkcode emitCache}.
 * @param into A directory. It is created if it does not exist.
 * @returns The copies, whose paths are relative to `into`.
 */
export function keepEmittedCode(
  dumps: readonly string[],
  cache: string,
  into: string,
): EmittedFile[] {
  const kept: EmittedFile[] = [];
  for (const [specifier, positions] of scriptsOf(dumps)) {
    const path = cachedPath(specifier);
    const text = path && readIfExists(`${cache}/${path}`);
    // The cached code can be newer than the code that ran.
    if (!text || !hasPositions(text, positions)) continue;
    const file = `${kept.length + 1}.js`;
    Deno.mkdirSync(into, { recursive: true });
    Deno.writeTextFileSync(`${into}/${file}`, text);
    kept.push({ specifier, file });
  }
  return kept;
}

/** Returns the path of a module's generated code in the cache; undefined if it has none. */
export function cachedPath(specifier: string): string | undefined {
  const url = URL.parse(specifier);
  if (url?.protocol === "file:") {
    return `file${decodeURIComponent(url.pathname)}.js`;
  }
  if (url?.protocol !== "http:" && url?.protocol !== "https:") return undefined;
  const host = url.hostname + (url.port && `_PORT${url.port}`);
  const name = createHash("sha256").update(url.pathname + url.search)
    .digest("hex");
  return `${url.protocol.slice(0, -1)}/${host}/${name}.js`;
}

/** Returns the positions of the functions of each script. */
function scriptsOf(dumps: readonly string[]): Map<string, ScriptPosition[]> {
  const scripts = new Map<string, ScriptPosition[]>();
  for (const path of dumps) {
    using dump = openIfPossible(path);
    for (const record of dump ?? []) {
      if (record instanceof CorruptRange || !(record instanceof CodeLoad)) {
        continue;
      }
      const position = scriptPosition(record.functionName);
      if (position === undefined) continue;
      const positions = scripts.get(position.file);
      if (positions) positions.push(position);
      else scripts.set(position.file, [position]);
    }
  }
  return scripts;
}

/** Returns whether functions can begin at these positions of a text. */
function hasPositions(
  text: string,
  positions: readonly ScriptPosition[],
): boolean {
  const lines = text.split("\n");
  return positions.every(({ line, column }) =>
    // The script's own function begins at its first character.
    (line === 1 && column === 1) ||
    /\S/.test(lines[line - 1]?.[column - 1] ?? "")
  );
}

/** Opens a dump; returns undefined if its header is corrupt, on which the report has a hint. */
function openIfPossible(path: string): RecoveringReader | undefined {
  try {
    return RecoveringReader.open(path);
  } catch {
    return undefined;
  }
}

function readIfExists(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined;
  }
}
