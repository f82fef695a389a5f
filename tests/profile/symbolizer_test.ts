import { assertEquals } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { JitDumpFile } from "../../mod.ts";
import {
  PerfScriptParser,
  type Sample,
} from "../../src/profile/perf_script.ts";
import { Symbolizer } from "../../src/profile/symbolizer.ts";
import { CodeTimeline, JitDumpReader } from "../../src/reader/mod.ts";
import { temporaryDirectory } from "../support/script.ts";

/** What `perf script` prints of a sample. */
function sample(pid: number, time: number, ...frames: string[]): Sample {
  const parser = new PerfScriptParser();
  const at = `0.${String(time).padStart(9, "0")}`;
  parser.add(`a program ${pid}/${pid} ${at}:     250000 cpu-clock: `);
  for (const frame of frames) parser.add(`\t    ${frame}`);
  return parser.add("") as Sample;
}

/** A symbolizer for a process whose dump a function has filled. */
function symbolizerOf(
  ...processes: [pid: number, fill: (dump: JitDumpFile) => void][]
): Symbolizer {
  using directory = temporaryDirectory();
  const symbolizer = new Symbolizer();
  for (const [pid, fill] of processes) {
    const path = `${directory.path}/${pid}.dump`;
    {
      using dump = new JitDumpFile(path);
      fill(dump);
    }
    const bytes = Deno.readFileSync(path);
    symbolizer.addTimeline(pid, new CodeTimeline(new JitDumpReader(bytes)));
  }
  return symbolizer;
}

const names = (symbolizer: Symbolizer, sample: Sample) =>
  symbolizer.chain(sample).places.map(({ name }) => name);

const code = new Uint8Array(64);
const ANONYMOUS = "[unknown] (/tmp/perf-7.map)";

describe("Symbolizer", () => {
  it("tells by a perf map's names who has made the code", () => {
    const symbolizer = new Symbolizer();
    const { places } = symbolizer.chain(sample(
      7,
      1,
      "1000 JS:*f /a.js:1:1+0x3 (/tmp/perf-7.map)",
      "2000 py::g:/a.py+0x3 (/tmp/perf-7.map)",
      "3000 h+0x3 (/tmp/perf-7.map)",
      "4000 Builtins_Abort+0x3 (/usr/bin/node)",
      "5000 main+0x3 (/usr/bin/node)",
      "6000 [unknown] (/tmp/perf-7.map)",
    ));
    assertEquals(
      places.map(({ name, origin, object }) => [name, origin, object])
        .reverse(),
      [
        ["JS:*f /a.js:1:1", "javascript", ""],
        ["py::g:/a.py", "jitted", ""],
        ["h", "jitted", ""],
        ["Builtin:Abort", "javascript", ""],
        ["main", "native", "/usr/bin/node"],
        ["[unknown]", "unknown", ""],
      ],
    );
  });

  it("names code that was replaced or moved by the time of the sample", () => {
    const symbolizer = symbolizerOf([7, (dump) => {
      const codeIndex = dump.dumpFunction({
        name: "first",
        code,
        address: 0x1000,
        timestamp: 10n,
      });
      dump.dumpCodeMoveRecord({
        codeIndex,
        oldAddress: 0x1000,
        newAddress: 0x2000,
        codeSize: 64,
        timestamp: 20n,
      });
      dump.dumpFunction({
        name: "second",
        code,
        address: 0x1000,
        timestamp: 30n,
      });
    }]);
    const at = (time: number, address: string) =>
      names(symbolizer, sample(7, time, `${address} ${ANONYMOUS}`))[0];
    assertEquals(
      [5, 15, 25, 35].map((time) => [at(time, "1010"), at(time, "2010")]),
      [
        ["[unknown]", "[unknown]"],
        ["first", "[unknown]"],
        ["[unknown]", "first"],
        ["second", "first"],
      ],
    );
  });

  it("keeps processes apart", () => {
    const symbolizer = symbolizerOf(
      [
        7,
        (dump) =>
          dump.dumpFunction({
            name: "a",
            code,
            address: 0x1000,
            timestamp: 1n,
          }),
      ],
      [
        8,
        (dump) =>
          dump.dumpFunction({
            name: "b",
            code,
            address: 0x1000,
            timestamp: 1n,
          }),
      ],
    );
    const of = (pid: number) =>
      names(symbolizer, sample(pid, 5, "1000 [unknown] ([unknown])"))[0];
    assertEquals([7, 8, 9].map(of), ["a", "b", "[unknown]"]);
  });

  it("takes a caller for where the call is, and not for what follows", () => {
    const symbolizer = symbolizerOf([7, (dump) => {
      for (const [name, address] of [["caller", 0x1000], ["next", 0x1040]]) {
        dump.dumpFunction({
          name: String(name),
          code,
          address: Number(address),
          timestamp: 1n,
        });
      }
    }]);
    assertEquals(
      names(
        symbolizer,
        sample(
          7,
          5,
          `1060 ${ANONYMOUS}`,
          `1040 ${ANONYMOUS}`,
          "55 main+0x12 (/usr/bin/deno)",
        ),
      ),
      ["main", "caller", "next"],
    );
    // The kernel is not called but comes in between, where a function begins too.
    assertEquals(
      names(
        symbolizer,
        sample(
          7,
          5,
          "ffffffff81000008 schedule+0x8 ([kernel.kallsyms])",
          "ffffffff81000000 interrupt+0x1 ([kernel.kallsyms])",
          `1040 ${ANONYMOUS}`,
          `1040 ${ANONYMOUS}`,
        ),
      ),
      ["caller", "next", "interrupt", "schedule"],
    );
    assertEquals(names(symbolizer, sample(7, 5, `1040 ${ANONYMOUS}`)), [
      "next",
    ]);
  });

  it("finds code in memory that has a file without a name", () => {
    const symbolizer = symbolizerOf([
      7,
      (dump) =>
        dump.dumpFunction({ name: "f", code, address: 0x7000, timestamp: 1n }),
    ]);
    const parser = new PerfScriptParser();
    const mapping = parser.add(
      "deno 7/7 0.000000001: PERF_RECORD_MMAP2 7/7: [0x6000(0x2000) @ 0x1000 00:01 5 1]: rwxs /memfd:jit (deleted)",
    );
    symbolizer.addMapping(mapping as Parameters<Symbolizer["addMapping"]>[0]);
    const line = "2008 [unknown] (/memfd:jit (deleted))";
    assertEquals(names(symbolizer, sample(7, 5, line)), ["f"]);
  });

  it("tells the origins apart", () => {
    const symbolizer = symbolizerOf([7, (dump) => {
      dump.dumpFunction({
        name: "JS:*f file:///a.js:1:1",
        code,
        address: 0x1000,
        timestamp: 1n,
      });
      dump.dumpFunction({
        name: "RegExp.< src: 'a+' flags: ''>",
        code,
        address: 0x2000,
        timestamp: 1n,
      });
    }]);
    const { places } = symbolizer.chain(sample(
      7,
      5,
      "1 a+0x1 ([kernel.kallsyms])",
      "1 b+0x1 ([nf_tables])",
      "1 c+0x1 ([vdso])",
      "1 [unknown] (/usr/bin/deno)",
      `1008 ${ANONYMOUS}`,
      `2008 ${ANONYMOUS}`,
      "9 [unknown] ([unknown])",
    ));
    assertEquals(
      places.map(({ name, origin }) => `${name} ${origin}`).reverse(),
      [
        "a kernel",
        "b kernel",
        "c native",
        "[deno] native",
        "JS:*f file:///a.js:1:1 javascript",
        "RegExp.< src: 'a+' flags: ''> javascript",
        "[unknown] unknown",
      ],
    );
  });

  it("names code in files that a JIT has mapped, at addresses of the process or the file", () => {
    const symbolizer = symbolizerOf([7, (dump) => {
      for (
        const [name, address] of [["Builtin:Abort", 0x7000], ["f", 0x9000]]
      ) {
        dump.dumpFunction({
          name: String(name),
          code,
          address: Number(address),
          timestamp: 1n,
        });
      }
    }]);
    for (
      const [place, path] of [
        ["0x7000(0x1000) @ 0x400", "/usr/bin/deno"],
        ["0x9000(0x1000) @ 0x100", "/dev/shm/code (deleted)"],
      ]
    ) {
      const mapping = new PerfScriptParser().add(
        `deno 7/7 0.000000001: PERF_RECORD_MMAP2 7/7: [${place} 00:01 5 1]: r-xs ${path}`,
      );
      symbolizer.addMapping(mapping as Parameters<Symbolizer["addMapping"]>[0]);
    }
    const at = (address: string, object: string, pid = 7) =>
      names(symbolizer, sample(pid, 5, `${address} [unknown] (${object})`))[0];
    for (const address of ["7010", "410"]) {
      assertEquals(at(address, "/usr/bin/deno"), "Builtin:Abort");
    }
    for (const address of ["9010", "110"]) {
      assertEquals(at(address, "/dev/shm/code (deleted)"), "f");
    }
    assertEquals(at("110", "/usr/bin/deno"), "[deno]");
    assertEquals(at("7010", "/usr/bin/deno", 8), "[deno]");
    assertEquals(at("7010", "[kernel.kallsyms]"), "[[kernel.kallsyms]]");
  });

  it("believes a dump more than a perf map, and no less than a file", () => {
    const symbolizer = symbolizerOf([
      7,
      (dump) =>
        dump.dumpFunction({ name: "f", code, address: 0x7000, timestamp: 3n }),
    ]);
    const at = (time: number, object: string) =>
      names(symbolizer, sample(7, time, `7010 old+0x10 (${object})`))[0];
    assertEquals(at(5, "/tmp/perf-7.map"), "f");
    assertEquals(at(2, "/tmp/perf-7.map"), "old");
    assertEquals(at(5, "/usr/bin/deno"), "old");
  });

  it("takes off what V8 adds to the addresses of its lines", () => {
    const shift = 0x40;
    const linesAt = (name: string, shift: number) => {
      const symbolizer = symbolizerOf([7, (dump) => {
        const file = "/a.js";
        dump.dumpDebugInfoRecord({
          address: 0x1000,
          entries: [
            { address: 0x1000 + shift, line: 1, file },
            { address: 0x1010 + shift, line: 2, file },
          ],
        });
        dump.dumpFunction({ name, code, address: 0x1000, timestamp: 1n });
      }]);
      return ["1000", "100f", "1010", "103f"].map((address) => {
        const { places } = symbolizer.chain(
          sample(7, 5, `${address} ${ANONYMOUS}`),
        );
        return places[0].source?.line;
      });
    };
    assertEquals(linesAt("JS:*f file:///a.js:1:1", shift), [1, 1, 2, 2]);
    assertEquals(linesAt("f", 0), [1, 1, 2, 2]);
  });
});

describe("PerfScriptParser", () => {
  for (const event of ["cycles", "cpu-clock:ppp", "cycles:u", "a:b:pp"]) {
    it(`takes a sample of ${event}, with a call chain and without`, () => {
      const parser = new PerfScriptParser();
      const head = `  a program 7/8 1.000000002:     250000 ${event}: `;
      const frames = [
        "55 main+0x12 (/usr/bin/a b)",
        "1010 [unknown] (/tmp/perf-7.map)",
      ];
      for (const frame of frames) {
        const found = parser.add(`${head}     ${frame}`) as Sample;
        assertEquals([found.event, found.frames.length], [event, 1]);
      }
      assertEquals(parser.add(head), undefined);
      for (const frame of frames) parser.add(`\t     ${frame}`);
      const { command, pid, tid, time, period, frames: chain } = parser.add(
        "",
      ) as Sample;
      assertEquals([command, pid, tid, time, period], [
        "a program",
        7,
        8,
        1_000_000_002n,
        250_000,
      ]);
      assertEquals(
        chain.map(({ address, symbol, object }) => [address, symbol, object]),
        [
          [0x55n, "main", "/usr/bin/a b"],
          [0x1010n, undefined, "/tmp/perf-7.map"],
        ],
      );
    });
  }
});

describe("PerfScriptParser's frames", () => {
  const frame = (line: string) => sample(7, 5, line).frames[0];

  it("may have blanks, brackets and offsets in their names", () => {
    for (
      const [line, symbol, offset, object] of [
        ["55 main+0x12 (/usr/bin/deno)", "main", 0x12, "/usr/bin/deno"],
        ["55 f(long (*)(long))+0x1 (/a (b))", "f(long (*)(long))", 1, "/a (b)"],
        ["55 a+0x1 (b)+0x22 (/c)", "a+0x1 (b)", 0x22, "/c"],
        ["55 a [unknown] (b)+0x2 (/c)", "a [unknown] (b)", 2, "/c"],
        [
          "55 [unknown] (/memfd:a (deleted))",
          undefined,
          0,
          "/memfd:a (deleted)",
        ],
      ] as const
    ) {
      const found = frame(line);
      assertEquals(
        [found.symbol, found.offset, found.object],
        [symbol, offset, object],
      );
    }
  });
});
