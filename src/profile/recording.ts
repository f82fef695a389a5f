/**
 * The dumps and the generated code that a recording of `jitdump record` contains.
 *
 * @module
 */

/** Name of the file beside perf.data that lists them. */
const DESCRIPTION = "recording.json";

/** Path of a file in a recording: it may not lead out of it. */
const KEPT_PATH = /^dumps\/(?!.*(?:^|\/)\.\.(?:\/|$))/;

/**
 * Returns the paths of the dumps that a recording contains, by the key of the mapping; see
 * {@linkcode mappingKey}. None if it has no readable description.
 *
 * @param directory The directory of the perf.data.
 */
export function keptDumps(directory: string): Map<string, string> {
  const kept = new Map<string, string>();
  const { dumps, isComplete } = readDescription(`${directory}/${DESCRIPTION}`);
  // A recorder that is killed leaves perf.data in new/, and the dumps beside that.
  const place = isComplete ? directory : `${directory}/..`;
  for (const dump of dumps) {
    const { path, major, minor, inode, file } = dump as Record<string, unknown>;
    if (typeof path !== "string" || typeof file !== "string") continue;
    if (!isKeptPath(file)) continue;
    const key = mappingKey(Number(major), Number(minor), Number(inode), path);
    kept.set(key, `${place}/${file}`);
  }
  return kept;
}

/** Paths of generated JavaScript by the URL of its module. */
export type EmittedCode = ReadonlyMap<string, string>;

/**
 * Returns the code that Deno has generated, and the recording keeps.
 *
 * @param directory The directory of the perf.data.
 * @returns undefined if the recording is not one of Deno's JavaScript.
 */
export function emittedCode(directory: string): EmittedCode | undefined {
  const { emitted } = readDescription(`${directory}/${DESCRIPTION}`);
  if (emitted === undefined) return undefined;
  const paths = new Map<string, string>();
  for (const entry of emitted) {
    const { specifier, file } = entry as Record<string, unknown>;
    if (typeof specifier !== "string" || typeof file !== "string") continue;
    if (isKeptPath(file)) paths.set(specifier, `${directory}/${file}`);
  }
  return paths;
}

/** Returns whether a path stays in the recording. */
const isKeptPath = (file: string) =>
  KEPT_PATH.test(file) && !file.includes("\0");

/** Returns the identity of a mapped file. */
export function mappingKey(
  major: number | undefined,
  minor: number | undefined,
  inode: number,
  path: string,
): string {
  return `${major}:${minor}:${inode}:${path}`;
}

const isObject = (value: unknown): value is object =>
  typeof value === "object" && value !== null;

function readDescription(path: string) {
  try {
    const { dumps, ended, emitted } = JSON.parse(Deno.readTextFileSync(path));
    return {
      dumps: Array.from<unknown>(dumps).filter(isObject),
      emitted: Array.isArray(emitted) ? emitted.filter(isObject) : undefined,
      isComplete: ended !== undefined,
    };
  } catch {
    // No recording of jitdump record, or a damaged one.
    return { dumps: [], isComplete: true };
  }
}
