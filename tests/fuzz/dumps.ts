/**
 * Real dumps for the fuzzer.
 *
 * @module
 */

import { runOrThrow } from "../support/perf.ts";
import { DumpBuilder } from "../support/build_dump.ts";

const DEMO = new URL("../demo/main.ts", import.meta.url).href;

/** Number of bytes that are used of V8's dump, which is long. */
const V8_SIZE = 20_000;

/** Returns dumps of this module, of V8, and of a machine of the other byte order. */
export async function realDumps(directory: string): Promise<Uint8Array[]> {
  const v8 = `${directory}/v8`;
  await Deno.mkdir(v8);
  await runOrThrow([
    Deno.execPath(),
    "run",
    `--v8-flags=--perf-prof,--perf-prof-path=${v8},--no-logfile-per-isolate,` +
    `--logfile=${directory}/v8.log`,
    "--allow-all",
    DEMO,
    directory,
    "1",
  ]);
  const dumpIn = (path: string) => {
    const [name] = [...Deno.readDirSync(path)].map(({ name }) => name)
      .filter((name) => name.endsWith(".dump"));
    return Deno.readFileSync(`${path}/${name}`);
  };
  const big = new DumpBuilder(false, { totalSize: 48, machine: 21 })
    .debugInfo(0x1000n, [[0x1000n, 1, "/a.js"], [0x1010n, 2, "/b.js"]])
    .unwinding(new Uint8Array(40).fill(1), 20)
    .load({ name: "one", address: 0x1000n, code: new Uint8Array(300) })
    .move(0x1000n, 0x2000n, 300)
    .load({ name: "two", address: 0x1000n, index: 1n, time: 4n })
    .record(3, 5n)
    .record(99, 6n);
  return [dumpIn(directory), dumpIn(v8).slice(0, V8_SIZE), big.bytes];
}
