import {
  assert,
  assertEquals,
  assertGreater,
  assertStringIncludes,
} from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { describe } from "@std/testing/bdd";
import { compile } from "./demo/compile.ts";
import { type ParsedLoad, readLoads } from "./parse_dump.ts";
import {
  injectCommand,
  recordCommand,
  reportCommand,
  runOrThrow,
} from "./perf.ts";
import {
  enoughFlags,
  MOD,
  scriptCommand,
  temporaryDirectory,
} from "./script.ts";
import { itWithPerf } from "./with_perf.ts";

const DEMO = fromFileUrl(new URL("demo/main.ts", import.meta.url));
const PROGRAM = new URL("demo/program.calc", import.meta.url);

/** What came of a run of the demo under perf, before and after the injection. */
interface Profile {
  /** The functions as the program itself printed them. */
  printed: { name: string; address: bigint; size: number }[];
  /** The functions as they stand in the dump. */
  loads: ParsedLoad[];
  /** The address of each sample, which perf could not name yet. */
  addresses: bigint[];
  /** perf's report after the injection: the samples of each symbol. */
  report: Map<string, number>;
  directory: string;
  pid: number;
}

let profile: Promise<Profile> | undefined;

/** Profiles the demo, once for all tests. */
const profileDemo = () => profile ??= makeProfile();

async function makeProfile(): Promise<Profile> {
  const directory = Deno.makeTempDirSync({ prefix: "jitdump-perf-" });
  addEventListener(
    "unload",
    () => Deno.removeSync(directory, { recursive: true }),
  );
  const data = join(directory, "perf.data");
  const injected = join(directory, "perf.jit.data");
  const { stdout } = await runOrThrow(recordCommand(data, [
    Deno.execPath(),
    "run",
    "--allow-ffi",
    "--allow-read",
    `--allow-write=${directory}`,
    DEMO,
    directory,
  ]));
  const printed = [...stdout.matchAll(/^0x([0-9a-f]+) +(\d+) bytes +(\w+)$/gm)]
    .map(([, address, size, name]) => ({
      name,
      address: BigInt(`0x${address}`),
      size: Number(size),
    }));
  const script = await runOrThrow(["perf", "script", "-i", data, "-F", "ip"]);
  await runOrThrow(injectCommand(data, injected));
  const report = await runOrThrow(
    reportCommand(injected, "sample,symbol", "--quiet", "-t", ";"),
  );
  const [dump, ...others] = [...Deno.readDirSync(directory)]
    .filter(({ name }) => name.endsWith(".dump"));
  assertEquals(others, []);
  return {
    printed,
    loads: readLoads(join(directory, dump.name)),
    addresses: script.stdout.trim().split("\n")
      .map((line) => BigInt(`0x${line.trim()}`)),
    report: new Map(
      [...report.stdout.matchAll(/^ *(\d+) *;\[.\] (\S+)/gm)]
        .map(([, samples, symbol]) => [symbol, Number(samples)]),
    ),
    directory,
    pid: Number(dump.name.match(/^jit-(\d+)\.dump$/)![1]),
  };
}

/** The ELF file that perf has made for a function. */
const elfOf = ({ directory, pid }: Profile, { index }: ParsedLoad) =>
  join(directory, `jitted-${pid}-${index}.so`);

/** The bytes of an ELF file's section. */
async function section(elf: string, name: string): Promise<Uint8Array> {
  const out = await Deno.makeTempFile();
  try {
    await runOrThrow(
      ["objcopy", "-O", "binary", `--only-section=${name}`, elf, out],
    );
    return await Deno.readFile(out);
  } finally {
    await Deno.remove(out);
  }
}

describe("the demo under perf", () => {
  itWithPerf("its dump has the functions where they run", async () => {
    const { printed, loads } = await profileDemo();
    assertGreater(printed.length, 5);
    assertEquals(
      loads.map(({ name, address, code }) => ({
        name,
        address,
        size: code.length,
      })),
      printed,
    );
  });

  itWithPerf(
    "each function stands in the report by name, with the samples that hit its code",
    async () => {
      const { loads, addresses, report } = await profileDemo();
      for (const { name, address, code } of loads) {
        // perf knew nothing of functions when it wrote these addresses down.
        const samples = addresses.filter((ip) =>
          address <= ip && ip < address + BigInt(code.length)
        ).length;
        assertGreater(samples, 0, name);
        assertEquals(report.get(name), samples, name);
      }
    },
  );

  itWithPerf(
    "the functions have over 90 % of the process's samples",
    async () => {
      const { loads, addresses, report } = await profileDemo();
      const samples = loads.reduce(
        (sum, { name }) => sum + report.get(name)!,
        0,
      );
      assertGreater(samples / addresses.length, 0.9);
    },
  );

  itWithPerf(
    "each function's ELF file has the code that the JIT made",
    async () => {
      const profiled = await profileDemo();
      const { code, functions } = compile(
        Deno.readTextFileSync(PROGRAM),
        Deno.build.arch,
      );
      for (const [i, { name, start, end }] of functions.entries()) {
        assertEquals(
          await section(elfOf(profiled, profiled.loads[i]), ".text"),
          code.slice(start, end),
          name,
        );
      }
    },
  );

  itWithPerf(
    "each function's ELF file has its symbol, over all of its code",
    async () => {
      const profiled = await profileDemo();
      for (const load of profiled.loads) {
        const { stdout } = await runOrThrow(
          ["readelf", "--symbols", "--wide", elfOf(profiled, load)],
        );
        const symbols = [...stdout.matchAll(/(\d+) FUNC .* (\S+)$/gm)]
          .map(([, size, name]) => ({ name, size: Number(size) }));
        assertEquals(symbols, [{ name: load.name, size: load.code.length }]);
      }
    },
  );
});

describe("a program with the two scoped permissions under perf", () => {
  itWithPerf("writes a dump that perf injects", async () => {
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
       dump.dumpFunction({ name: "größe\\n2", code: new Uint8Array(99).fill(7), address: 0x7000_0000_0000 });`,
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
    // nm, unlike readelf, prints a name's bytes as they are.
    const { stdout: symbols } = await runOrThrow(["nm", elf]);
    assertStringIncludes(symbols, " größe\\n2\n");
    // perf takes it for code at the address and the time that the record says.
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
