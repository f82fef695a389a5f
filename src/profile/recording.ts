/**
 * The dumps that a recording of `jitdump record` contains.
 *
 * @module
 */

/** Name of the file beside perf.data that lists them. */
const DESCRIPTION = "recording.json";

/** Path of a dump in a recording: it may not lead out of it. */
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
    if (!KEPT_PATH.test(file) || file.includes("\0")) continue;
    const key = mappingKey(Number(major), Number(minor), Number(inode), path);
    kept.set(key, `${place}/${file}`);
  }
  return kept;
}

/** Returns the identity of a mapped file. */
export function mappingKey(
  major: number | undefined,
  minor: number | undefined,
  inode: number,
  path: string,
): string {
  return `${major}:${minor}:${inode}:${path}`;
}

function readDescription(path: string) {
  try {
    const { dumps, ended } = JSON.parse(Deno.readTextFileSync(path));
    const isObject = (dump: unknown): dump is object =>
      typeof dump === "object" && dump !== null;
    return {
      dumps: Array.from<unknown>(dumps).filter(isObject),
      isComplete: ended !== undefined,
    };
  } catch {
    // No recording of jitdump record, or a damaged one.
    return { dumps: [], isComplete: true };
  }
}
