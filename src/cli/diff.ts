/**
 * `jitdump diff`.
 *
 * @module
 */

import {
  chanceOf,
  diffProfiles,
  type FunctionChange,
} from "../profile/diff.ts";
import { toDiffPage } from "../profile/diff_page.ts";
import { foldUnnamed } from "../profile/folded_profile.ts";
import type { Profile } from "../profile/profile.ts";
import { isTime } from "../profile/unit.ts";
import { type Options, optionsHelp } from "./options.ts";
import { type Command, parse, UsageError } from "./command.ts";
import { fit, Output, printable, terminalWidth } from "./output.ts";
import {
  findRecording,
  printHints,
  readWithProgress,
} from "./read_recording.ts";
import { writeFile } from "./report_files.ts";
import { amountOf, amountTitle } from "./report_table.ts";

/** Maximum number of rows. */
const ROWS = 20;

/** Minimum change of a row: the smallest that two decimals of a percentage show. */
const SMALLEST = 0.00005;

const OPTIONS = {
  html: {
    type: "string",
    value: "FILE",
    help: "write a page for a browser with a differential flame graph",
  },
  event: {
    type: "string",
    value: "NAME",
    help: "the event to compare (default: the one with the greatest weight)",
  },
  dumps: {
    type: "string",
    multiple: true,
    value: "DIRECTORY",
    help: "a directory of moved dumps; can be repeated",
  },
} as const satisfies Options;

const HELP = `
Usage: jitdump diff [OPTIONS] RECORDING RECORDING

Compares the functions of two recordings, each a DIRECTORY or PERF.DATA. Shares and
milliseconds are those of a function's own instructions. Rows are sorted by the change
of the share, the greatest first. Functions are matched by name and category; the
compiler tier of JavaScript functions is ignored.

${optionsHelp(OPTIONS)}

Requires --allow-read, and --allow-write for --html. --allow-run=c++filt demangles names
of C++ and Rust.
`;

export const diff: Command = {
  summary: "compare the functions of two recordings",
  help: HELP,
  options: OPTIONS,
  async run(args) {
    const { values, positionals } = parse(args, OPTIONS);
    if (positionals.length !== 2) {
      throw new UsageError("diff requires two RECORDINGs");
    }
    const { html, event, dumps } = values;
    const timeline = html !== undefined;
    const profiles: Profile[] = [];
    for (const name of positionals) {
      const path = await findRecording(name);
      profiles.push(
        await readWithProgress("diff", path, {
          ...{ event, dumps, timeline },
        }),
      );
    }
    const [first, second] = profiles;
    if (first.event !== second.event) {
      throw new Error(
        `the recordings have different events, ${first.event} and ${second.event}: select one that both have with --event, or record again`,
      );
    }
    if (html === undefined) showChanges(first, second, positionals);
    else {
      const folded = [foldUnnamed(first), foldUnnamed(second)] as const;
      const [before, after] = positionals;
      await writeFile("diff", html, await toDiffPage(folded, [before, after]));
    }
    for (const profile of profiles) printHints("diff", profile);
    return 0;
  },
};

function showChanges(
  first: Profile,
  second: Profile,
  names: readonly string[],
): void {
  const output = new Output();
  const width = terminalWidth();
  const line = (text: string) => output.line(fit(printable(text), width));
  for (const [i, profile] of [first, second].entries()) {
    line(
      `${names[i]}: ${profile.samples} samples of ${profile.event}, ${
        amountOf(profile, profile.weight)
      }${isTime(profile.event) ? " ms" : ""}`,
    );
  }
  const chance = 100 * chanceOf(first, second);
  output.line(
    `With these numbers of samples, changes below ${
      chance.toFixed(2)
    } can be due to chance.`,
  );
  output.line(
    ` before    after   change  ${
      amountTitle(first).padStart(12)
    }  category    function`,
  );
  const changes = diffProfiles(first, second).filter(isShown);
  for (const change of changes.slice(0, ROWS)) {
    const { name, category, before = 0, after = 0 } = change;
    const columns = [
      share(change.before, change.shareBefore, "new"),
      share(change.after, change.shareAfter, "gone"),
      signed(100 * change.shareAfter - 100 * change.shareBefore, 2).padStart(7),
      signedText(amountOf(first, after - before)).padStart(12),
      category.padEnd(10),
      name,
    ];
    line(columns.join("  "));
  }
  if (changes.length > ROWS) output.line(`${changes.length - ROWS} more`);
  output.flush();
}

const isShown = ({ shareBefore, shareAfter }: FunctionChange) =>
  Math.abs(shareAfter - shareBefore) >= SMALLEST;

/** Returns a share in percent, or a word if there is no sample. */
const share = (weight: number | undefined, share: number, missing: string) =>
  (weight === undefined ? missing : `${(100 * share).toFixed(2)}%`).padStart(7);

const signed = (value: number, digits: number) =>
  signedText(value.toFixed(digits));

const signedText = (number: string) =>
  number.startsWith("-") ? number : `+${number}`;
