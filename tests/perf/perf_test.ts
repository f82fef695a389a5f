import {
  assert,
  assertEquals,
  assertGreater,
  assertStringIncludes,
} from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { describe } from "@std/testing/bdd";
import { compile } from "../demo/compile.ts";
import { readLoads } from "../support/parse_dump.ts";
import { once } from "../support/once.ts";
import {
  annotateCommand,
  injectCommand,
  recordCommand,
  runOrThrow,
} from "../support/perf.ts";
import {
  demoCommand,
  elfOf,
  profile,
  section,
  TEXT_OFFSET,
} from "../support/profile.ts";
import {
  lineAt,
  reportSamples,
  samplesByLine,
} from "../support/report_samples.ts";
import {
  enoughFlags,
  MOD,
  scriptCommand,
  temporaryDirectory,
} from "../support/script.ts";
import { itWithPerf } from "../support/with_perf.ts";

const PROGRAM = new URL("../demo/program.calc", import.meta.url);

/** Argument with which the demo runs for long, compared with the start of Deno. */
const SCALE = "1000";

/** Profiles the demo, once for all tests. */
const profileDemo = once(() =>
  profile((directory) => demoCommand(directory, SCALE))
);

const { code, functions } = compile(
  Deno.readTextFileSync(PROGRAM),
  Deno.build.arch,
);

describe("the demo under perf", () => {
  itWithPerf("writes the functions' addresses when it runs", async () => {
    const { stdout, functions } = await profileDemo();
    const printed = [
      ...stdout.matchAll(/^0x([0-9a-f]+) +(\d+) bytes +(\w+)$/gm),
    ].map(([, address, size, name]) => ({
      name,
      address: BigInt(`0x${address}`),
      size: Number(size),
    }));
    assertGreater(printed.length, 5);
    assertEquals(
      functions.map(({ name, address, code }) => ({
        name,
        address,
        size: code.length,
      })),
      printed,
    );
  });

  itWithPerf(
    "has each function with its samples when perf reports",
    async () => {
      const profiled = await profileDemo();
      const report = await reportSamples("perf", profiled.injected, "symbol");
      for (const { name, address, code } of profiled.functions) {
        // perf recorded these addresses before it read the dump.
        const samples = profiled.addresses.filter((ip) =>
          address <= ip && ip < address + BigInt(code.length)
        ).length;
        assertGreater(samples, 0, name);
        assertEquals(report.get(name), samples, name);
      }
    },
  );

  itWithPerf(
    "has over 90 % of its samples in the functions when perf reports",
    async () => {
      const profiled = await profileDemo();
      const report = await reportSamples("perf", profiled.injected, "symbol");
      const samples = functions.reduce(
        (sum, { name }) => sum + report.get(name)!,
        0,
      );
      assertGreater(samples / profiled.addresses.length, 0.9);
    },
  );

  itWithPerf(
    "has the compiled code in ELF files when perf has injected",
    async () => {
      const profiled = await profileDemo();
      for (const [i, { name, start, end }] of functions.entries()) {
        assertEquals(
          await section(elfOf(profiled, profiled.functions[i]), ".text"),
          code.slice(start, end),
          name,
        );
      }
    },
  );

  itWithPerf(
    "has a symbol for the whole code in ELF files when perf has injected",
    async () => {
      const profiled = await profileDemo();
      for (const fn of profiled.functions) {
        const { stdout } = await runOrThrow(
          ["readelf", "--symbols", "--wide", elfOf(profiled, fn)],
        );
        const symbols = [...stdout.matchAll(/(\d+) FUNC .* (\S+)$/gm)]
          .map(([, size, name]) => ({ name, size: Number(size) }));
        assertEquals(symbols, [{ name: fn.name, size: fn.code.length }]);
      }
    },
  );
});

describe("the demo's source lines under perf", () => {
  const file = fromFileUrl(PROGRAM);
  const text = Deno.readTextFileSync(PROGRAM).split("\n");

  itWithPerf(
    "are those of the line tables in the ELF files when perf has injected",
    async () => {
      const profiled = await profileDemo();
      for (const [i, { name, start, end, lines }] of functions.entries()) {
        const { stdout } = await runOrThrow([
          "objdump",
          "--wide",
          "--dwarf=decodedline",
          elfOf(profiled, profiled.functions[i]),
        ]);
        const rows = [...stdout.matchAll(/^(.+?) +(\d+) +0x([0-9a-f]+)/gm)]
          .map(([, file, line, address]) => ({
            file,
            line: Number(line),
            offset: parseInt(address, 16) - TEXT_OFFSET,
          }));
        const last = { ...lines.at(-1)!, offset: end - start };
        assertEquals(
          rows,
          [...lines, last].map((line) => ({ ...line, file })),
          name,
        );
      }
    },
  );

  itWithPerf(
    "are those of the sampled instructions when perf reports",
    async () => {
      const profiled = await profileDemo();
      const report = await reportSamples(
        "perf",
        profiled.injected,
        "symbol,srcline",
      );
      const expected = samplesByLine(profiled, functions);
      assertGreater(expected.size, 20);
      for (const [line, samples] of expected) {
        assertEquals(report.get(line), samples, line);
      }
    },
  );

  itWithPerf(
    "precede their instructions when perf annotates",
    async () => {
      const profiled = await profileDemo();
      for (const { name, start, end, lines } of functions) {
        const { stdout } = await runOrThrow(
          annotateCommand(profiled.injected, name),
        );
        let source = "";
        let last = 0;
        const seen = new Set<number>();
        for (const row of stdout.split("\n")) {
          const instruction = row.match(/^ +\d+\.\d+ +: +([0-9a-f]+):/);
          if (instruction) {
            last = parseInt(instruction[1], 16) - TEXT_OFFSET;
            const line = lineAt(lines, last);
            assertEquals(source, text[line - 1].trim(), `${name} + ${last}`);
            seen.add(line);
          } else {
            source = row.match(/^ +: +\d+ +(.*)$/)?.[1].trim() || source;
          }
        }
        assertEquals(seen, new Set(lines.map(({ line }) => line)), name);
        // The last instruction is the return.
        assertGreater(last, end - start - 5, name);
      }
    },
  );
});

describe("functions with the same code under perf", () => {
  const fib = code.slice(functions[0].start, functions[0].end);

  itWithPerf("have separate images when perf has injected", async () => {
    const profiled = await profile((directory) =>
      scriptCommand(
        directory,
        `import { JitDumpFile } from "${MOD}";
         using dump = JitDumpFile.forProcess("${directory}");
         const code = new Uint8Array(${JSON.stringify([...fib])});
         for (const [name, address] of [["a", 0x7000_0000_0000], ["b", 0x7000_0000_1000]]) {
           dump.dumpFunction({ name, code, address });
         }`,
        ["--allow-all"],
      )
    );
    const images = profiled.functions.map((fn) => elfOf(profiled, fn));
    assertEquals(new Set(images).size, 2);
    for (const image of images) {
      assertEquals(await section(image, ".text"), fib);
    }
  });
});

describe("a program with the two scoped permissions under perf", () => {
  itWithPerf("writes a dump that perf can inject when it runs", async () => {
    using directory = temporaryDirectory();
    const { path } = directory;
    const dumps = join(path, "dumps");
    Deno.mkdirSync(dumps);
    const data = join(path, "perf.data");
    const injected = join(path, "perf.jit.data");
    const script = scriptCommand(
      path,
      `import { JitDumpFile } from "${MOD}";
       using dump = JitDumpFile.forProcess("${dumps}");
       dump.dumpFunction({
         name: "größe\\n2",
         code: new Uint8Array(99).fill(7),
         address: 0x7000_0000_0000,
       });`,
      enoughFlags(dumps),
    );
    await runOrThrow(recordCommand(data, script));
    const [{ name: dump }] = Deno.readDirSync(dumps);
    await runOrThrow(injectCommand(data, injected));
    const [load] = readLoads(join(dumps, dump));
    const elf = join(
      dumps,
      `jitted-${dump.match(/\d+/)![0]}-${load.index}.so`,
    );
    assertEquals(await section(elf, ".text"), new Uint8Array(99).fill(7));
    // Unlike readelf, nm prints the bytes of a name unchanged.
    const { stdout: symbols } = await runOrThrow(["nm", elf]);
    assertStringIncludes(symbols, " größe\\n2\n");
    // perf uses the address and the timestamp of the record.
    const { stdout: events } = await runOrThrow(
      ["perf", "script", "-i", injected, "--show-mmap-events", "--ns"],
    );
    const event = events.split("\n").find((line) => line.includes(elf));
    assert(event, events);
    assertStringIncludes(event, "[0x700000000000(0x63)");
    const [, seconds, nanoseconds] = event.match(/ (\d+)\.(\d{9}): /)!;
    assertEquals(
      BigInt(seconds) * 1_000_000_000n + BigInt(nanoseconds),
      load.timestamp,
    );
  });
});
