import { assert, assertEquals } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { JitDumpFile } from "../../mod.ts";
import { HOST_MACHINE } from "../../src/format/machine.ts";
import { checkDump, type Finding } from "../../src/reader/mod.ts";
import { crowd } from "../stress/crowd.ts";
import { DumpBuilder, type HeaderFields } from "../support/build_dump.ts";
import { itUnless, whyMissing } from "../support/it_unless.ts";
import { run } from "../support/perf.ts";
import { scriptCommand, temporaryDirectory } from "../support/script.ts";

const DEMO = new URL("../demo/main.ts", import.meta.url).href;

/** Returns the findings of a file with these bytes. The default name is valid for a copy. */
async function findings(
  bytes: Uint8Array,
  name = "copy.dump",
): Promise<Finding[]> {
  using directory = temporaryDirectory();
  const path = join(directory.path, name);
  Deno.writeFileSync(path, bytes);
  return await Array.fromAsync(checkDump(path));
}

/** Returns the rules of the findings, each with its count if it is more than one. */
async function rules(dump: DumpBuilder | Uint8Array): Promise<string[]> {
  const bytes = dump instanceof DumpBuilder ? dump.bytes : dump;
  const counts = new Map<string, number>();
  for (const { rule, severity } of await findings(bytes)) {
    const key = `${severity}: ${rule}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].map(([key, count]) =>
    count > 1 ? `${key} ×${count}` : key
  );
}

const bytes = (...values: number[]) => Uint8Array.from(values);

const begin = (fields: HeaderFields = {}) =>
  new DumpBuilder(true, { machine: HOST_MACHINE, ...fields });

const text = (value: string) => new TextEncoder().encode(value);

/** A plausible .eh_frame and its .eh_frame_hdr. */
const EH_FRAME = bytes(0x14, 0, 0, 0, 0, 0, 0, 0, 1);
const EH_FRAME_HDR = bytes(1, 0x1b, 3, 0x3b);
const UNWINDING = bytes(...EH_FRAME, ...EH_FRAME_HDR);

const CODE = new Uint8Array(0x80);

/** Adds functions of 0x80 bytes, each after the records that `before` adds. */
function functions(
  dump: DumpBuilder,
  count: number,
  before: (address: bigint, i: number) => void = () => {},
): DumpBuilder {
  for (let i = 0; i < count; i++) {
    const address = 0x1_0000n + BigInt(0x100 * i);
    before(address, i);
    dump.load({ name: `f${i}`, address, code: CODE, index: BigInt(i) });
  }
  return dump;
}

/** Returns entries for offsets and lines of a function. */
const entries = (address: bigint, ...offsets: number[]) =>
  offsets.map((offset, i): [bigint, number] => [
    address + BigInt(offset),
    i + 1,
  ]);

function changed(dump: DumpBuilder, change: (view: DataView) => void) {
  const { bytes } = dump;
  change(new DataView(bytes.buffer));
  return bytes;
}

describe("checkDump()", () => {
  it("finds nothing when a dump is correct", async () => {
    const dump = begin();
    functions(dump, 3, (address) => {
      dump.debugInfo(address, entries(address, 0, 0x40, 0x80))
        .unwinding(UNWINDING, EH_FRAME_HDR.length);
    });
    assertEquals(await rules(dump), []);
  });

  it("finds nothing when memory is reused or timestamps decrease", async () => {
    const dump = functions(begin(), 2);
    dump.load({ address: 0x1_0000n, code: CODE, index: 7n, time: 9n });
    dump.load({ address: 0x2_0000n, code: CODE, index: 8n, time: 2n });
    assertEquals(await rules(dump), []);
  });

  it("returns a byte, a remedy and versions of perf when it finds something", async () => {
    const dump = functions(begin(), 2).load({ code: CODE, index: 1n });
    const [finding, ...others] = await findings(dump.bytes);
    assertEquals(others, []);
    assertEquals(finding.severity, "error");
    assertEquals(finding.offset, begin().size + 2 * (56 + 3 + 0x80) + 48);
    assertEquals(finding.holdsFor, ["perf 6.1", "perf 6.12", "perf 7.2"]);
    assert(finding.remedy.endsWith("."));
  });

  it("continues when it cannot read a record", async () => {
    const dump = functions(begin(), 2).record(1, 3n);
    dump.load({ code: CODE, index: 1n });
    assertEquals(await rules(dump), [
      "error: malformed record",
      "error: code index",
    ]);
  });

  it("reports one finding when a load with lines and unwind info cannot be read", async () => {
    const dump = begin();
    let at = 0;
    functions(dump, 6, (address, i) => {
      dump.debugInfo(address, entries(address, 0, 0x40, 0x80))
        .unwinding(UNWINDING, EH_FRAME_HDR.length);
      if (i === 2) at = dump.size;
    });
    const broken = changed(
      dump,
      (view) => view.setBigUint64(at + 40, 1n << 45n, true),
    );
    assertEquals(await rules(broken), ["error: malformed record"]);
  });

  it("reports the name of a dump when perf ignores it, unless the dump is a copy", async () => {
    const dump = functions(begin(), 1).bytes;
    const ruleOf = async (name: string) =>
      (await findings(dump, name)).map(({ rule }) => rule);
    assertEquals(await ruleOf("jit-7.dump"), []);
    assertEquals(await ruleOf("jit-7.dump.old"), []);
    assertEquals(await ruleOf("node-20.dump"), []);
    assertEquals(await ruleOf("jit-1-7.dump"), ["file name"]);
    assertEquals(await ruleOf("jit-8.dump"), ["file pid"]);
  });

  it("reports a pid when it is of another process", async () => {
    const dump = functions(begin(), 1).load({ code: CODE, index: 2n, pid: 8 });
    assertEquals(await rules(dump), ["error: record pid"]);
  });

  it("reports a move when its function is known and when it is not", async () => {
    const dump = functions(begin(), 1).move(0x1_0000n, 0x9000n, 0x80, 0n);
    assertEquals(await rules(dump), ["error: move"]);
    dump.move(0x5000n, 0x8000n, 0x80, 5n);
    assertEquals(await rules(dump), [
      "error: move ×2",
      "error: move without function",
    ]);
  });

  it("reports a skipped record when one did not fit", async () => {
    const dump = functions(begin(), 1);
    dump.record(0xffff_ffff, 3n, () => dump.raw(bytes(1)));
    assertEquals(await rules(dump), ["warning: skipped record"]);
  });

  it("reports unwind info when it has no load or no .eh_frame_hdr", async () => {
    const twice = begin().unwinding(UNWINDING, 4).unwinding(UNWINDING, 4);
    const unclaimed = "error: unwind info without function";
    assertEquals(await rules(functions(twice, 1)), [unclaimed]);
    const last = functions(begin(), 1).unwinding(UNWINDING, 4);
    assertEquals(await rules(last), [unclaimed]);
    const none = functions(begin().unwinding(EH_FRAME, 0), 1);
    assertEquals(await rules(none), ["error: no .eh_frame_hdr"]);
  });

  it("reports source lines when their size is wrong", async () => {
    for (const error of [-5, 1, 9, 40]) {
      const dump = begin();
      const first = entries(0x1_0000n, 0, 0x80);
      const size = dump.debugInfo(0x1_0000n, first).size - 40;
      functions(dump, 3);
      const broken = changed(
        dump,
        (view) => view.setUint32(40 + 4, size + error, true),
      );
      assertEquals(
        await rules(broken),
        ["error: malformed record"],
        `${error}`,
      );
    }
  });
});

describe("checkDump() for unusual dumps", () => {
  it("finds nothing when a dump has unknown records", async () => {
    const dump = begin();
    const unknown = (id = 5) =>
      dump.record(id, 1n, () => dump.raw(new Uint8Array(20)));
    functions(dump, 10, () => unknown());
    unknown(0x31504d54);
    unknown();
    assertEquals(await rules(dump), []);
  });

  it("reports a function when it has no code bytes", async () => {
    const dump = begin();
    functions(dump, 6, (address, i) => {
      dump.record(0, 1n, () => {
        dump.u32(7, 7);
        dump.u64(address + 0x80n, address + 0x80n, 64n, BigInt(100 + i));
        dump.text(`blk${i}`);
      });
    });
    assertEquals(await rules(dump), ["error: no code bytes ×6"]);
  });

  it("reports the version and the size of a header when these are 2 and 8", async () => {
    const dump = changed(
      functions(begin({ version: 2 }), 3),
      (view) => view.setUint32(8, 8, true),
    );
    assertEquals(await rules(dump), ["error: version", "warning: header size"]);
  });

  it("reports a header when it has, or claims, more than 40 bytes", async () => {
    const longer = functions(begin({ totalSize: 48 }), 3);
    assertEquals(await rules(longer), ["error: header size"]);
    const claimed = changed(
      functions(begin(), 3),
      (view) => view.setUint32(8, 48, true),
    );
    assertEquals(await rules(claimed), ["warning: header size"]);
  });

  it("reports the lost function when a dump ends within a record", async () => {
    const dump = functions(begin(), 3);
    const found = await findings(dump.bytes.slice(0, -20));
    assertEquals(found.map(({ rule }) => rule), ["partial record"]);
    assert(found[0].message.includes('"f2"'), found[0].message);
    const inLines = functions(begin(), 2)
      .debugInfo(0x9000n, entries(0x9000n, 0, 0x80)).bytes.slice(0, -20);
    assertEquals(await rules(inLines), ["error: partial record"]);
  });

  it("finds nothing in a function's lines when its code is truncated", async () => {
    const dump = begin();
    functions(
      dump,
      3,
      (address) => dump.debugInfo(address, entries(address, 0, 0x80)),
    );
    const found = await rules(dump.bytes.slice(0, -20));
    assertEquals(found, ["error: partial record"]);
  });

  it("reports late lines and their order when all precede the loads, whose vma is 0", async () => {
    const dump = begin();
    const addresses = [0x1_0000n, 0x1_0100n, 0x1_0200n];
    for (const address of addresses) {
      dump.debugInfo(address, entries(address, 0x40, 0x60, 0xc0));
    }
    for (const [i, address] of addresses.entries()) {
      dump.record(0, 1n, () => {
        dump.u32(7, 7);
        dump.u64(0n, address, 0x80n, BigInt(i));
        dump.text(`f${i}`);
        dump.raw(CODE);
      });
    }
    assertEquals(await rules(dump), [
      "error: order of records ×3",
      "error: late lines",
    ]);
  });

  it("reports lines when they are of another function", async () => {
    const dump = begin();
    dump.debugInfo(0x9000n, entries(0x9000n, 0, 0x80));
    assertEquals(await rules(functions(dump, 2)), [
      "error: lines of another function",
    ]);
  });

  it("reports a partial record when complete ones follow", async () => {
    const dump = functions(begin(), 1);
    const large = { address: 0x9000n, code: new Uint8Array(4096), index: 9n };
    dump.raw(begin().load(large).bytes.slice(40, 40 + 180));
    for (let i = 0; i < 60; i++) {
      const address = 0x2_0000n + BigInt(0x100 * i);
      dump.load({ address, code: CODE, index: BigInt(20 + i), time: 2n });
    }
    assertEquals(await rules(dump), ["error: partial record"]);
  });

  it("finds nothing when functions have names like those of V8", async () => {
    const dump = begin();
    const names = ["Function:main", "Wasm: add (x.wasm)", "Stub:memcpy"];
    for (const [i, name] of names.entries()) {
      const address = 0x1_0000n + BigInt(0x100 * i);
      dump.debugInfo(address, entries(address, 0, 0x40, 0x80))
        .load({ name, address, code: CODE, index: BigInt(i) });
    }
    assertEquals(await rules(dump), []);
  });

  it("reports the file name 0xff for perf 6.1 when functions have lines with it", async () => {
    const dump = begin();
    functions(dump, 3, (address) => {
      dump.record(2, 1n, () => {
        dump.u64(address, 2n, address);
        dump.u32(1, 0);
        dump.text("/src/a.c");
        dump.u64(address + 0x80n);
        dump.u32(2, 0);
        dump.raw(bytes(0xff, 0));
      });
    });
    assertEquals(await rules(dump), ["error: same file ×3"]);
    const [{ holdsFor }] = await findings(dump.bytes);
    assertEquals(holdsFor, ["perf 6.1"]);
  });

  it("reports fields when they are 8 bytes too late or too early", async () => {
    for (const fields of [[0n, 1n], []]) {
      const dump = begin();
      for (let i = 0n; i < 20n; i++) {
        const address = 0x7fff_1000_0000n + 0x100n * i;
        dump.record(0, 1n, () => {
          dump.u32(7, 7);
          const vma = fields.length ? [0n, address] : [];
          dump.u64(...vma, address, 0x80n, i);
          dump.text(`function ${i}`);
          dump.raw(CODE);
        });
      }
      const found = await findings(dump.bytes);
      assertEquals(
        new Set(found.map(({ rule }) => rule)),
        new Set(["shifted fields"]),
      );
    }
  });

  it("reports timestamps when they are not of CLOCK_MONOTONIC", async () => {
    const dump = begin()
      .load({ address: 0x1000n, index: 1n, time: 0n })
      .load({ address: 0x2000n, index: 2n, time: 1_700_000_000_000_000_000n });
    assertEquals(await rules(dump), ["error: timestamp ×2"]);
  });
});

describe("checkDump() for dumps of other writers", () => {
  it("reports freed memory and late lines when Node 20 has written the dump", async () => {
    const dump = begin({ pad: 0xdead_beef });
    const file = "/home/me/a/long/enough/path/work.js";
    for (let i = 0; i < 3; i++) {
      const address = 0x7fea_5400_0000n + BigInt(0x1000 * i);
      dump.record(2, 1n, () => {
        dump.u64(address, 3n);
        for (const offset of [0x40n, 0x60n, 0xc0n]) {
          dump.u64(address + offset);
          dump.u32(2, 0);
          const name = text(`${file}\0`);
          name.set(bytes(0xee, 0x74, 1, 0, 0, 0, 0, 0, 0xbf, 0x20, 0x5c, 0xa9));
          dump.raw(name);
        }
      });
      dump.unwinding(EH_FRAME_HDR, EH_FRAME_HDR.length, 0)
        .load({
          name: `JS:*f${i} ${file}:2:13`,
          address,
          code: CODE,
          index: BigInt(i),
        });
    }
    assertEquals(await rules(dump), [
      "error: freed memory",
      "error: late lines",
    ]);
  });

  it("finds nothing when QEMU has written one line entry without a file", async () => {
    const dump = begin();
    functions(
      dump,
      3,
      (address) =>
        dump.debugInfo(address, [
          [address + BigInt(CODE.length), 0, ""],
        ]),
    );
    assertEquals(await rules(dump), []);
  });

  it("reports the lost function and late lines when a Node 26 was killed", async () => {
    const dump = begin({ pad: 0xdead_beef });
    functions(
      dump,
      4,
      (address) => dump.debugInfo(address, entries(address, 0x40, 0x60, 0x70)),
    );
    assertEquals(await rules(dump.bytes.slice(0, -50)), [
      "error: partial record",
      "error: late lines",
    ]);
  });

  it("reports late lines when LLVM's MCJIT or Dart has written the dump", async () => {
    const dump = begin();
    functions(
      dump,
      3,
      (address) => dump.debugInfo(address, entries(address, 0x40, 0x60, 0xc0)),
    );
    assertEquals(await rules(dump), ["error: late lines"]);
  });

  it("reports every fault when LLVM's ORC has written the dump", async () => {
    const dump = begin({ flags: 0x6d75_646c_6165_0103n });
    dump.unwinding(bytes(...EH_FRAME_HDR, ...EH_FRAME), 4, 0);
    const addresses = [0x1_0200n, 0x1_0100n, 0x1_0000n];
    for (const address of addresses) {
      dump.debugInfo(address, entries(address, 0x40, 0x60, 0xc0));
    }
    for (const [i, address] of addresses.entries()) {
      dump.load({ address, code: CODE, index: BigInt(i) });
    }
    dump.record(3, 9n);
    assertEquals(await rules(dump), [
      "error: flags",
      "error: order of unwind info",
      "error: mapped size",
      "error: order of records ×3",
      "error: late lines",
    ]);
  });

  it("finds nothing when lines begin before the code, as Erlang writes them", async () => {
    const dump = begin();
    functions(
      dump,
      3,
      (address) => dump.debugInfo(address, entries(address, -48, 0x20, 0x80)),
    );
    assertEquals(await rules(dump), []);
  });

  it("finds nothing when a close record is last, as PHP writes it", async () => {
    assertEquals(await rules(functions(begin(), 3).record(3, 9n)), []);
  });

  it("reports only the ELF machine when CPython has written the dump", async () => {
    const dump = begin({ machine: 0, pad: 0x5a5a });
    functions(dump, 20, () => dump.unwinding(UNWINDING, 4, 0x20));
    assertEquals(await rules(dump), ["warning: ELF machine"]);
  });
});

describe("checkDump() for dumps of this module", () => {
  it("reports only the directory when the demo has written the dump", async () => {
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
    const rules = new Set<string>();
    for await (const { rule } of checkDump(path)) rules.add(rule);
    assertEquals([...rules], ["unwind info outside /tmp"]);
  });

  it("finds nothing when a dump has every type of record except a move", async () => {
    using directory = temporaryDirectory();
    using dump = JitDumpFile.forProcess(directory.path);
    const memory = crypto.getRandomValues(new Uint8Array(64 * 1024));
    const fns = Array.from({ length: 20 }, (_, i) => ({
      name: `f${i}`,
      code: memory.subarray(1000 * i, 1000 * i + 100 + i),
      address: 0x10_0000 + 1000 * i,
      lines: i % 2 ? [{ offset: 0, line: 1, file: "/a" }] : [],
      unwinding: i % 3 ? [{ offset: 1, adjust: 16 }] : undefined,
    }));
    dump.dumpFunction(fns[0]);
    dump.dumpFunctions(fns.slice(1));
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
    const copy = join(directory.path, "copy.dump");
    Deno.copyFileSync(dump.path, copy);
    assertEquals(await Array.fromAsync(checkDump(copy)), []);
  });

  it("reports only overlaps and unwind info when several threads have written the dump", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, `jit-${Deno.pid}.dump`);
    await crowd(path, 3, 500);
    const rules = new Set<string>();
    for await (const { rule } of checkDump(path)) rules.add(rule);
    // The largest functions overlap others.
    const expected = ["overlap", "unwind space", "unwind info outside /tmp"];
    assertEquals([...rules.difference(new Set(expected))], []);
  });
});

const noNode = await whyMissing("node");

describe("checkDump() for dumps of V8", () => {
  for (const [engine, flags] of [["Deno", "--v8-flags="], ["Node", ""]]) {
    const reason = engine === "Node" ? noNode : undefined;
    itUnless(
      reason,
      `reports late lines when ${engine} has written the dump`,
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
        assert(rules.has("late lines"), [...rules].join());
        for (
          const rule of ["malformed record", "version", "flags", "file name"]
        ) {
          assert(!rules.has(rule), rule);
        }
      },
    );
  }
});
