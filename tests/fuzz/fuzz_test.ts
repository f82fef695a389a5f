import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { DumpBuilder } from "../support/build_dump.ts";
import { realDumps } from "./dumps.ts";
import { fuzz } from "./fuzz.ts";
import { fuzzRecordings, recordings } from "./fuzz_recordings.ts";
import { measureRecovery } from "./recovery.ts";
import { temporaryDirectory } from "../support/script.ts";

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

describe("reading damaged dumps", () => {
  it("returns records or throws a JitDumpFormatError when damage is random", async () => {
    using directory = temporaryDirectory();
    const dumps = await realDumps(directory.path);
    const counts = await fuzz(dumps, 5000, 1);
    assertEquals(counts.cases, 5000);
    assertGreater(counts.rejected, 300);
    assertGreater(counts.records, 10_000);
  });

  it("recovers every undamaged record in 99.9 % of dumps when each is damaged once", async () => {
    using directory = temporaryDirectory();
    const [own, v8] = await realDumps(directory.path);
    const dumps = [
      ...[own, v8],
      ...[everything(true), everything(false), smallNumbers()],
    ];
    const path = `${directory.path}/damaged.dump`;
    const CASES = 5000;
    const { losing, inventing, examples } = measureRecovery(
      dumps,
      CASES,
      1,
      path,
    );
    assertLess(losing, 1 + CASES / 1000, examples.join("\n"));
    assertLess(inventing, 1 + CASES / 1000);
  });
});

describe("reading damaged recordings", () => {
  it("returns records or throws a PerfDataFormatError when damage is random", async () => {
    const counts = await fuzzRecordings(await recordings(), 5000, 1);
    assertEquals(counts.cases, 5000);
    assertGreater(counts.rejected, 1000);
    assertGreater(counts.records, 10_000);
  });
});
