import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { JitDumpFile } from "../../mod.ts";
import { checkDump, type Finding } from "../../src/reader/mod.ts";
import { DumpBuilder } from "../support/build_dump.ts";
import { itUnless } from "../support/it_unless.ts";
import { parseDump } from "../support/parse_dump.ts";
import {
  injectCommand,
  isInstalled,
  recordCommand,
  run,
  runOrThrow,
} from "../support/perf.ts";
import { MOD, scriptCommand, temporaryDirectory } from "../support/script.ts";
import { crowd } from "../stress/crowd.ts";
import { itWithPerf } from "../support/with_perf.ts";

const DEMO = new URL("../demo/main.ts", import.meta.url).href;

/** What is wrong with a file of these bytes under this name. */
async function findings(
  bytes: Uint8Array,
  name = "jit-7.dump",
): Promise<Finding[]> {
  using directory = temporaryDirectory();
  const path = join(directory.path, name);
  Deno.writeFileSync(path, bytes);
  return await Array.fromAsync(checkDump(path));
}

const bytes = (...values: number[]) => Uint8Array.from(values);

/** Some code, other for each number. */
const code = (number: number, size = 0x80) =>
  new Uint8Array(size).fill(number % 256);

/** A plausible .eh_frame, and the header of one. */
const EH_FRAME = bytes(0x14, 0, 0, 0, 0, 0, 0, 0, 1);
const EH_FRAME_HDR = bytes(1, 0x1b, 3, 0x3b);

/** Two functions with all that belongs to them, in which nothing is wrong. */
function good(build: (dump: DumpBuilder) => void = () => {}, fields = {}) {
  const dump = new DumpBuilder(true, fields)
    .debugInfo(0x1000n, [[0x1000n, 1], [0x1040n, 2], [0x1080n, 2]])
    .unwinding(bytes(...EH_FRAME, ...EH_FRAME_HDR), EH_FRAME_HDR.length)
    .load({ name: "one", address: 0x1000n, code: code(1), index: 1n, time: 1n })
    .load({
      name: "two",
      address: 0x2000n,
      code: code(2),
      index: 2n,
      time: 2n,
    });
  build(dump);
  return dump;
}

const later = { address: 0x3000n, code: code(3), index: 3n, time: 3n };

/** A fault, the rule that finds it, and how severe it is. */
const FAULTS: [string, "error" | "warning", () => Uint8Array, string?][] = [
  ["file name", "error", () => good().bytes, "profile.dump"],
  ["file pid", "error", () => good().bytes, "jit-8.dump"],
  ["version", "error", () => good(() => {}, { version: 2 }).bytes],
  ["flags", "error", () => good(() => {}, { flags: 6n }).bytes],
  ["arch timestamps", "warning", () => good(() => {}, { flags: 1n }).bytes],
  [
    "code index",
    "error",
    () => good((dump) => dump.load({ ...later, index: 1n })).bytes,
  ],
  [
    "no function",
    "error",
    () => good((dump) => dump.debugInfo(0x3000n, [[0x3000n, 1]])).bytes,
  ],
  [
    "no function",
    "error",
    () =>
      good((dump) => {
        const tables = bytes(...EH_FRAME, ...EH_FRAME_HDR);
        dump.unwinding(tables, 4).unwinding(tables, 4).load(later);
      }).bytes,
  ],
  ...[-5, 1, 9, 40].map((
    error,
  ): [string, "error" | "warning", () => Uint8Array] => [
    "malformed record",
    "error",
    () => {
      const dump = good();
      const at = dump.size;
      dump.debugInfo(0x3000n, [[0x3000n, 1], [0x3080n, 1]], 3n);
      const size = dump.size - at;
      dump.load(later);
      const { bytes } = dump;
      new DataView(bytes.buffer).setUint32(at + 4, size + error, true);
      return bytes;
    },
  ]),
  [
    "lines of another",
    "error",
    () =>
      good((dump) =>
        dump.debugInfo(0x1000n, [[0x1000n, 1], [0x1080n, 1]]).load(later)
      ).bytes,
  ],
  [
    "order of tables",
    "error",
    () =>
      good((dump) =>
        dump.unwinding(bytes(...EH_FRAME_HDR, ...EH_FRAME), 4).load(later)
      ).bytes,
  ],
  [
    ".eh_frame_hdr",
    "error",
    () => good((dump) => dump.unwinding(EH_FRAME, 4).load(later)).bytes,
  ],
  [
    "no .eh_frame_hdr",
    "error",
    () => good((dump) => dump.unwinding(EH_FRAME, 0).load(later)).bytes,
  ],
  [
    "mapped size",
    "warning",
    () =>
      good((dump) =>
        dump.unwinding(bytes(...EH_FRAME, ...EH_FRAME_HDR), 4, 0).load(later)
      ).bytes,
  ],
  [
    "lines beyond",
    "error",
    () =>
      good((dump) =>
        dump.debugInfo(0x3000n, [[0x3000n, 1], [0x3081n, 2]]).load(later)
      ).bytes,
  ],
  [
    "lines beyond",
    "error",
    () =>
      good((dump) =>
        dump.debugInfo(0x3000n, [[0x2fffn, 1], [0x3080n, 2]]).load(later)
      ).bytes,
  ],
  [
    "shifted lines",
    "error",
    () =>
      good((dump) =>
        dump.debugInfo(0x3000n, [[0x3040n, 1], [0x30b0n, 2]]).load(later)
      ).bytes,
  ],
  [
    "order of lines",
    "warning",
    () =>
      good((dump) =>
        dump.debugInfo(0x3000n, [[0x3000n, 1], [0x3080n, 2], [0x3040n, 3]])
          .load(later)
      ).bytes,
  ],
  [
    "last line",
    "warning",
    () =>
      good((dump) => dump.debugInfo(0x3000n, [[0x3000n, 1]]).load(later)).bytes,
  ],
  [
    "no lines",
    "warning",
    () => good((dump) => dump.debugInfo(0x3000n, []).load(later)).bytes,
  ],
  [
    "overlap",
    "warning",
    () => good((dump) => dump.load({ ...later, address: 0x2040n })).bytes,
  ],
  [
    "room for tables",
    "warning",
    () => good((dump) => dump.load({ ...later, address: 0x1080n })).bytes,
  ],
  [
    "room for tables",
    "warning",
    () =>
      good((dump) =>
        dump.unwinding(bytes(...EH_FRAME, ...EH_FRAME_HDR), 4)
          .load({ ...later, address: 0x1f78n })
      ).bytes,
  ],
  [
    "time",
    "warning",
    () => good((dump) => dump.load({ ...later, time: 1n })).bytes,
  ],
  [
    "identical code",
    "warning",
    () => good((dump) => dump.load({ ...later, code: code(2) })).bytes,
  ],
  [
    "record pid",
    "error",
    () => good((dump) => dump.load({ ...later, pid: 8 })).bytes,
  ],
  [
    "code size",
    "error",
    () => good((dump) => dump.load({ ...later, code: bytes() })).bytes,
  ],
  [
    "move of nothing",
    "error",
    () => good((dump) => dump.move(0x1000n, 0x4000n, 0x80, 9n, 3n)).bytes,
  ],
  [
    "moved tables",
    "warning",
    () => good((dump) => dump.move(0x1000n, 0x4000n, 0x80, 1n, 3n)).bytes,
  ],
  [
    "torn tail",
    "warning",
    () =>
      good((dump) => dump.debugInfo(0x3000n, [[0x3000n, 1]]).load(later))
        .bytes.slice(0, -1),
  ],
  [
    "overlap",
    "warning",
    () => good((dump) => dump.move(0x2000n, 0x1040n, 0x80, 2n, 3n)).bytes,
  ],
  [
    "move from elsewhere",
    "warning",
    () => good((dump) => dump.move(0x2010n, 0x4000n, 0x40, 2n, 3n)).bytes,
  ],
  [
    "move from elsewhere",
    "warning",
    () => good((dump) => dump.move(0x2000n, 0x4000n, 0x81, 2n, 3n)).bytes,
  ],
  [
    "mapped size",
    "warning",
    () =>
      good((dump) =>
        dump.unwinding(bytes(...EH_FRAME, ...EH_FRAME_HDR), 4, 8).load(later)
      ).bytes,
  ],
  [
    "malformed record",
    "error",
    () =>
      good((dump) => {
        dump.u32(5, 0);
        dump.raw(new Uint8Array(100));
      }).bytes,
  ],
  [
    "torn tail",
    "warning",
    () => good((dump) => dump.load(later)).bytes.slice(0, -1),
  ],
  [
    "zero tail",
    "warning",
    () => good((dump) => dump.raw(new Uint8Array(5000))).bytes,
  ],
  ["header only", "error", () => good((dump) => dump.record(3, 3n)).bytes],
  [
    "unknown record",
    "warning",
    () =>
      good((dump) => dump.record(9, 3n, () => dump.raw(bytes(1, 2, 3)))).bytes,
  ],
  [
    "skipped record",
    "warning",
    () =>
      good((dump) => dump.record(0xffff_ffff, 3n, () => dump.raw(bytes(1))))
        .bytes,
  ],
  [
    "malformed record",
    "error",
    () => good((dump) => dump.record(1, 3n, () => dump.raw(bytes(1)))).bytes,
  ],
  [
    "malformed record",
    "error",
    () =>
      good((dump) => {
        dump.u32(0, 15);
        dump.raw(new Uint8Array(100));
      }).bytes,
  ],
];

describe("checkDump()", () => {
  it("finds nothing wrong with what is right", async () => {
    assertEquals(await findings(good().bytes), []);
    assertEquals(
      await findings(
        good((dump) =>
          dump.load({ ...later, address: 0x2000n })
            .move(0x2000n, 0x5000n, 0x80, 3n, 4n)
            .load({ ...later, tid: 8, index: 4n, code: code(4), time: 1n })
        ).bytes,
      ),
      [],
    );
  });

  FAULTS.forEach(([rule, severity, make, name], i) => {
    it(`finds a planted fault, and it alone: ${rule} (${i})`, async () => {
      const bytes = make();
      const found = await findings(bytes, name);
      assertEquals(
        found.map((finding) => [finding.rule, finding.severity]),
        [[rule, severity]],
      );
      const [{ offset, message, remedy }] = found;
      assert(0 <= offset && offset <= bytes.length);
      assert(message.length > 20 && remedy.endsWith("."), message);
    });
  });

  it("goes on behind what it cannot read", async () => {
    const dump = good((dump) =>
      dump.record(1, 3n).load({ ...later, index: 1n })
    );
    assertEquals(
      (await findings(dump.bytes)).map(({ rule }) => rule),
      ["malformed record", "code index"],
    );
  });
});

describe("checkDump(), of this module's own dumps", () => {
  it("finds nothing in the demo's", async () => {
    using directory = temporaryDirectory();
    const { success } = await run([
      Deno.execPath(),
      "run",
      "--allow-all",
      DEMO,
      directory.path,
      "1",
    ]);
    assert(success);
    const [{ name }] = Deno.readDirSync(directory.path);
    const path = join(directory.path, name);
    assertEquals(await Array.fromAsync(checkDump(path)), []);
  });

  it("finds nothing in one with records of all kinds", async () => {
    using directory = temporaryDirectory();
    using dump = JitDumpFile.forProcess(directory.path);
    const memory = crypto.getRandomValues(new Uint8Array(64 * 1024));
    const fns = Array.from({ length: 20 }, (_, i) => ({
      name: `f${i}`,
      code: memory.subarray(1000 * i, 1000 * i + 100 + i),
      address: 0x10_0000 + 1000 * i,
      lines: i % 2 ? [{ offset: 0, line: 1, file: "/a" }] : [],
      unwinding: i % 3 ? [{ offset: 1, adjust: 16 }] : undefined,
      padding: i % 5 ? 8 : 0,
    }));
    dump.dumpFunction(fns[0]);
    const indices = dump.dumpFunctions(fns.slice(1));
    // The one without unwinding tables, which perf would not move.
    dump.dumpCodeMoveRecord({
      codeIndex: indices[2],
      oldAddress: 0x10_0000 + 3000,
      newAddress: 0x20_0000,
      codeSize: 103,
    });
    dump.dumpDebugInfoRecord({
      address: 0x30_0000,
      entries: [
        { address: 0x30_0000, line: 1, file: "/a" },
        { address: 0x30_0000 + 100, line: 1, file: "/a" },
      ],
    });
    dump.dumpFunction({
      name: "last",
      code: memory.subarray(30_000, 30_100),
      address: 0x30_0000,
    });
    dump.dumpCodeCloseRecord();
    assertEquals(await Array.fromAsync(checkDump(dump.path)), []);
  });

  it("finds only what is in the functions, in that of many writers", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, `jit-${Deno.pid}.dump`);
    await crowd(path, 3, 500);
    const rules = new Set<string>();
    for await (const { rule } of checkDump(path)) rules.add(rule);
    // All have their code from the same bytes, and the giants reach over others.
    for (const rule of ["identical code", "overlap", "room for tables"]) {
      rules.delete(rule);
    }
    assertEquals([...rules], []);
  });
});

describe("checkDump(), of what LLVM writes", () => {
  it("finds the flags and the order of the tables", async () => {
    const dump = new DumpBuilder(true, { flags: 0xdead_beefn })
      .unwinding(bytes(...EH_FRAME_HDR, ...EH_FRAME), 4)
      .load({ address: 0x1000n, code: code(1) });
    assertEquals(
      (await findings(dump.bytes)).map(({ rule }) => rule),
      ["flags", "order of tables"],
    );
  });
});

const noNode = await isInstalled("node") ? undefined : "Node is not installed";

describe("checkDump(), of V8's dumps", () => {
  for (const [engine, flags] of [["Deno", "--v8-flags="], ["Node", ""]]) {
    const reason = engine === "Node" ? noNode : undefined;
    itUnless(
      reason,
      `${engine}: finds what is wrong with its lines`,
      async () => {
        using directory = temporaryDirectory();
        const source = `
        function hot(n) {
          let sum = 0;
          for (let i = 0; i < n; i++) {
            sum += i % 7;
            if (sum > 1e6) sum = 0;
          }
          return sum;
        }
        for (let i = 0; i < 2000; i++) hot(10000);
      `;
        const options =
          `--perf-prof,--no-logfile-per-isolate,--logfile=${directory.path}/v8.log`;
        const command = scriptCommand(directory.path, source, [
          `${flags}${options}`,
        ]);
        const file = command.at(-1)!;
        const { success, stderr } = await run(
          engine === "Deno" ? command : ["node", ...options.split(","), file],
          { cwd: directory.path },
        );
        assert(success, stderr);
        const name = [...Deno.readDirSync(directory.path)]
          .map(({ name }) => name).find((name) => name.startsWith("jit-"))!;
        const found = await Array.fromAsync(
          checkDump(join(directory.path, name)),
        );
        const rules = new Set(found.map(({ rule }) => rule));
        assert(rules.has("shifted lines"), [...rules].join());
        assert(rules.has("identical code"), [...rules].join());
        for (
          const rule of ["malformed record", "version", "flags", "file name"]
        ) {
          assert(!rules.has(rule), rule);
        }
      },
    );
  }
});

describe("what checkDump() says of perf", () => {
  itWithPerf(
    "tables without a header are given to the next function too",
    async () => {
      using directory = temporaryDirectory();
      const script = scriptCommand(
        directory.path,
        `import { JitDumpFile, UnwindingInfoRecord } from "${MOD}";
       const dump = JitDumpFile.forProcess("${directory.path}");
       using engine = Deno.openSync(dump.path, { append: true });
       const record = new Uint8Array(UnwindingInfoRecord.size + 8);
       const header = { id: 4, totalSize: record.length, timestamp: 1n };
       UnwindingInfoRecord.pack(
         { header, unwindingSize: 8n, ehFrameHdrSize: 0n, mappedSize: 64n },
         record,
       );
       engine.writeSync(record);
       const code = new Uint8Array(64);
       for (const name of ["first", "second"]) {
         console.log(String(dump.dumpFunction({ name, code })));
       }`,
        ["--allow-all"],
      );
      const data = join(directory.path, "perf.data");
      const { stdout } = await runOrThrow(recordCommand(data, script));
      await runOrThrow(injectCommand(data, `${data}.jit`));
      const { pid } = parseDump(Deno.readFileSync(
        [...Deno.readDirSync(directory.path)]
          .map(({ name }) => join(directory.path, name))
          .find((path) => path.endsWith(".dump"))!,
      ));
      for (const index of stdout.trim().split("\n")) {
        const image = join(directory.path, `jitted-${pid}-${index}.so`);
        const { stdout } = await runOrThrow(["objdump", "-h", image]);
        assertStringIncludes(stdout, ".eh_frame");
      }
    },
  );
});
