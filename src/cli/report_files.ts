/**
 * The files that `jitdump report` writes for other programs.
 *
 * @module
 */

import { collapse } from "../profile/collapsed.ts";
import { toFirefox } from "../profile/firefox.ts";
import { toPage } from "../profile/page.ts";
import { toPprof } from "../profile/pprof.ts";
import type { Profile } from "../profile/profile.ts";
import { toSpeedscope } from "../profile/speedscope.ts";
import { writeStdout } from "./output.ts";
import { listCode } from "./page_code.ts";

/** The path that denotes standard output. */
export const STDOUT = "-";

/** Returns the content of a file. */
type Format = (
  profile: Profile,
  title: string,
) => string | Uint8Array | Promise<string | Uint8Array>;

/** The formats, by their option. */
const FORMATS = {
  html: async (profile, title) =>
    toPage(profile, title, await listCode(profile)),
  firefox: (profile) => JSON.stringify(toFirefox(profile)),
  speedscope: (profile, title) => JSON.stringify(toSpeedscope(profile, title)),
  pprof: (profile) => toPprof(profile),
  collapsed: (profile) =>
    Array.from(collapse(profile), (line) => `${line}\n`).join(""),
} satisfies Record<string, Format>;

/** Name of a format and of its option. */
export type FileFormat = keyof typeof FORMATS;

/** The names of the formats. */
export const FILE_FORMATS = Object.keys(FORMATS) as FileFormat[];

/** Writes a profile with its samples to a file, or to standard output if the path is `-`. */
export async function writeProfile(
  path: string,
  format: FileFormat,
  profile: Profile,
  title: string,
): Promise<void> {
  await writeFile("report", path, await FORMATS[format](profile, title));
}

/** Writes a command's output to a file, or to standard output if the path is `-`. */
export async function writeFile(
  command: string,
  path: string,
  content: string | Uint8Array,
): Promise<void> {
  const bytes = typeof content === "string"
    ? new TextEncoder().encode(content)
    : content;
  if (path === STDOUT) return writeStdout(bytes);
  await Deno.writeFile(path, bytes);
  console.error(`jitdump ${command}: wrote ${path}`);
}
