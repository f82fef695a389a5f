/**
 * Real dumps for the fuzzer.
 *
 * @module
 */

import { runOrThrow } from "../support/perf.ts";
import { DumpBuilder } from "../support/build_dump.ts";

const DEMO = new URL("../demo/main.ts", import.meta.url).href;

/** Number of bytes that are read of the dump of V8, which is longer. */
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

/** Returns these dumps, and others whose records are difficult to recover. */
export function recoverable(dumps: readonly Uint8Array[]): Uint8Array[] {
  return [...dumps, everything(true), everything(false), smallNumbers()];
}

/** Returns a dump with records of all kinds. */
function everything(littleEndian: boolean): Uint8Array {
  const dump = new DumpBuilder(littleEndian);
  for (let i = 1; i <= 30; i++) {
    const address = 0x7f00_0000_0000n + BigInt(0x1000 * i);
    const time = 10n ** 13n + BigInt(i) * 10n ** 7n;
    const code = Uint8Array.from({ length: 50 + 7 * i }, (_, j) => j * i);
    const name = `function ${i}`;
    const index = BigInt(i);
    if (i % 4 === 0) dump.record(0x3150_4d54, time, () => dump.raw(code));
    dump.debugInfo(
      address,
      [[address, i, "/src/a.ts"], [address + 9n, i + 1, "/src/b.ts"]],
      time,
    );
    if (i % 3 === 0) {
      dump.record(4, time, () => {
        dump.u64(60n, 20n, 64n);
        dump.raw(code.subarray(0, 60)).raw(new Uint8Array(4));
      });
    }
    dump.load({ name, address, code, index, time });
    if (i % 5 > 0) continue;
    dump.move(address, address + 0x50_0000n, code.length, index, time);
  }
  return dump.record(3, 10n ** 13n + 10n ** 9n).bytes;
}

/** Returns a dump of zeros and small numbers, which are like those of headers. */
function smallNumbers(): Uint8Array {
  const dump = new DumpBuilder();
  for (let i = 1; i <= 200; i++) {
    dump.load({
      name: `f${i}`,
      address: BigInt(0x1000 * i),
      index: BigInt(i),
      time: BigInt(33 * i),
      code: new Uint8Array(i % 64),
    });
  }
  return dump.bytes;
}
