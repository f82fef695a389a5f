/**
 * `jitdump report`.
 *
 * @module
 */

import { CATEGORIES } from "../profile/categories.ts";
import { foldUnnamed } from "../profile/folded_profile.ts";
import { toJson } from "../profile/json.ts";
import type { Profile } from "../profile/profile.ts";
import type { ProfileOptions } from "../profile/profiler.ts";
import { annotate } from "./annotate.ts";
import { type Command, parse, UsageError } from "./command.ts";
import { json, Output } from "./output.ts";
import { type Options, optionsHelp } from "./options.ts";
import { openPage } from "./open_page.ts";
import {
  findRecording,
  printHints,
  readWithProgress,
} from "./read_recording.ts";
import { FILE_FORMATS, STDOUT, writeProfile } from "./report_files.ts";
import {
  type Rows,
  showFunctions,
  showLines,
  showNeighbors,
} from "./report_table.ts";

/** Directory to which `jitdump record` writes a recording. */
export const DEFAULT_DIRECTORY = "jitdump-profile";

/** Options that exclude each other. */
const VIEWS = {
  lines: { type: "boolean", help: "the hottest source lines" },
  callers: {
    type: "string",
    value: "NAME",
    help: "the callers of a function",
  },
  callees: {
    type: "string",
    value: "NAME",
    help: "the callees of a function",
  },
  annotate: {
    type: "string",
    value: "[REGEX]",
    help:
      "the source and instructions of functions whose names match, with their shares; f matches JS:*'f file:///a.js:1:1 too. Shows the hottest jitted function if no argument follows",
  },
  json: {
    type: "boolean",
    help:
      "functions, lines, stacks and samples as JSON; the schema is src/profile/report.schema.json of this package",
  },
  html: {
    type: "string",
    value: "FILE",
    help: "write a page for a browser: flame graph, functions, time range",
  },
  firefox: {
    type: "string",
    value: "FILE",
    help: "write a file for https://profiler.firefox.com",
  },
  speedscope: {
    type: "string",
    value: "FILE",
    help: "write a file for https://www.speedscope.app",
  },
  pprof: {
    type: "string",
    value: "FILE",
    help: "write a file for pprof (go tool pprof FILE)",
  },
  collapsed: {
    type: "string",
    value: "FILE",
    help: "write call chains, a line for each, for flame graph tools",
  },
} as const satisfies Options;

const OPENING = {
  open: {
    type: "boolean",
    help: "with --html, open the page in a browser (xdg-open)",
  },
} as const satisfies Options;

const ROWS = {
  limit: {
    type: "string",
    value: "NUMBER",
    help:
      "number of rows (default: 20; without --category and --filter only those of at least 0.5 %)",
  },
  sort: {
    type: "string",
    value: "KEY",
    values: ["self", "total"],
    help: "self or total (default: self)",
  },
  category: {
    type: "string",
    value: "NAME",
    values: CATEGORIES,
    help: "jitted, javascript, native, kernel or unknown",
  },
  filter: {
    type: "string",
    value: "REGEX",
    help: "functions whose names match",
  },
} as const satisfies Options;

const SAMPLES = {
  process: {
    type: "string",
    value: "NAME",
    help: "the name or id of a process",
  },
  thread: { type: "string", value: "NAME", help: "the name or id of a thread" },
  since: {
    type: "string",
    value: "SECONDS",
    help: "from this time after the start of the recording",
  },
  until: {
    type: "string",
    value: "SECONDS",
    help: "before this time after the start of the recording",
  },
  event: {
    type: "string",
    value: "NAME",
    help: "the event to show (default: the one with the greatest weight)",
  },
  dumps: {
    type: "string",
    multiple: true,
    value: "DIRECTORY",
    help:
      "a directory of moved dumps; can be repeated. Dumps in the directory of the recording are found without this option",
  },
} as const satisfies Options;

const OPTIONS = { ...VIEWS, ...OPENING, ...ROWS, ...SAMPLES } as const;

const HELP = `
Usage: jitdump report [OPTIONS] [DIRECTORY | PERF.DATA]

Reports the hottest functions of a recording, by default of ${DEFAULT_DIRECTORY}/. Does not
run perf. Names of jitted functions are from the dumps of the recorded processes, names
of other functions from their files. Self is the share of a function's own instructions,
total includes its callees. One of these options selects another output:

${optionsHelp({ ...VIEWS, ...OPENING })}

FILE can be - for standard output. These options select the rows of tables:

${optionsHelp(ROWS)}

These options select samples, and can be combined with any of them:

${optionsHelp(SAMPLES)}

Requires --allow-read. Files require --allow-write. --annotate, and instructions on the
page, require --allow-write and --allow-run=objdump. --open requires
--allow-run=xdg-open. --allow-run=c++filt demangles names of C++ and Rust. In Deno, only
--allow-all can read the names of functions of the kernel and of [vdso].
`;

export const report: Command = {
  summary: "report the hottest functions of a recording",
  help: HELP,
  options: OPTIONS,
  async run(args) {
    const { values, positionals } = parse(withAnnotated(args), OPTIONS);
    if (positionals.length > 1) {
      throw new UsageError("report accepts only one DIRECTORY or PERF.DATA");
    }
    const views = Object.keys(VIEWS).filter((name) => name in values)
      .map((name) => `--${name}`);
    if (views.length > 1) {
      throw new UsageError(`${views.join(" and ")} exclude each other`);
    }
    if (values.open && (values.html === undefined || values.html === STDOUT)) {
      throw new UsageError("--open requires --html FILE");
    }
    const rows = parseRows(values);
    const selection = {
      process: values.process,
      thread: values.thread,
      since: parseSeconds("--since", values.since),
      until: parseSeconds("--until", values.until),
    };
    const path = await findRecording(positionals[0] ?? DEFAULT_DIRECTORY);
    const { event, dumps } = values;
    const profile = await readWithProgress("report", path, {
      ...{ event, dumps, selection },
      ...contentFor(values),
    });
    // JSON contains all frames. Other outputs have one for a run of frames without names.
    const shown = values.json ? profile : foldUnnamed(profile);
    const status = await show(shown, path, values, rows);
    printHints("report", profile);
    if (values.open) await openPage(values.html!);
    return status;
  },
};

/** Prints the table of a recording, and writes its page if `page` is the path of a file. */
export async function reportRecording(
  directory: string,
  page?: string,
): Promise<void> {
  const path = await findRecording(directory);
  const profile = await readWithProgress(
    "report",
    path,
    contentFor({ html: page }),
  );
  const shown = foldUnnamed(profile);
  await show(shown, path, {}, parseRows({}));
  printHints("report", profile);
  if (page !== undefined) await writeProfile(page, "html", shown, path);
}

/** Returns the content of a profile that a view needs. */
function contentFor(values: Views): ProfileOptions {
  return {
    instructions: values.annotate !== undefined || values.html !== undefined,
    timeline: values.json ||
      FILE_FORMATS.some((format) => values[format] !== undefined),
  };
}

/** Returns the arguments with a value for `--annotate`, which is empty if none follows. */
function withAnnotated(args: readonly string[]): string[] {
  return args.map((arg, i) => {
    const isAlone = arg === "--annotate" &&
      (args[i + 1] === undefined || args[i + 1].startsWith("-"));
    return isAlone ? "--annotate=" : arg;
  });
}

/** Returns the rows that options select. Throws {@linkcode UsageError}. */
function parseRows(
  { limit, sort, category, filter }: {
    readonly limit?: string;
    readonly sort?: string;
    readonly category?: string;
    readonly filter?: string;
  },
): Rows {
  if (limit !== undefined && !/^[1-9]\d*$/.test(limit)) {
    throw new UsageError(`--limit must be a positive integer, got "${limit}"`);
  }
  if (sort !== undefined && sort !== "self" && sort !== "total") {
    throw new UsageError(`--sort must be self or total, got "${sort}"`);
  }
  if (category !== undefined && !CATEGORIES.some((own) => own === category)) {
    throw new UsageError(
      `--category must be one of ${CATEGORIES.join(", ")}, got "${category}"`,
    );
  }
  return {
    ...{ sort, category },
    limit: limit === undefined ? undefined : Number(limit),
    filter: filter === undefined ? undefined : parsePattern(filter),
  };
}

/** Returns seconds as nanoseconds. Throws {@linkcode UsageError}. */
function parseSeconds(
  option: string,
  text: string | undefined,
): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d+(?:\.\d+)?$/.test(text)) {
    throw new UsageError(
      `${option} must be a number of seconds, got "${text}"`,
    );
  }
  return 1e9 * Number(text);
}

function parsePattern(text: string): RegExp {
  try {
    return new RegExp(text);
  } catch (error) {
    throw new UsageError(`--filter: ${(error as Error).message}`);
  }
}

/** The values of {@linkcode VIEWS} on a command line. */
type Views = {
  readonly [name in keyof typeof VIEWS]?: (typeof VIEWS)[name]["type"] extends
    "boolean" ? boolean : string;
};

async function show(
  profile: Profile,
  path: string,
  values: Views,
  rows: Rows,
): Promise<number> {
  if (values.annotate !== undefined) {
    await annotate(profile, values.annotate, rows.limit);
    return 0;
  }
  const format = FILE_FORMATS.find((format) => values[format] !== undefined);
  if (format !== undefined) {
    await writeProfile(values[format]!, format, profile, path);
    return 0;
  }
  const output = new Output();
  if (values.json) output.line(json(toJson(profile)));
  else if (values.callers !== undefined) {
    showNeighbors(profile, "callers", values.callers, rows.limit, output);
  } else if (values.callees !== undefined) {
    showNeighbors(profile, "callees", values.callees, rows.limit, output);
  } else if (values.lines) showLines(profile, rows, output);
  else showFunctions(profile, path, rows, output);
  output.flush();
  return 0;
}
