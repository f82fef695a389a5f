import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertGreater,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { basename, fromFileUrl, join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { Ajv, speedscopeSchema } from "../support/npm.ts";
import { once } from "../support/once.ts";
import {
  type CommandLine,
  injectCommand,
  type Outcome,
  reportCommand,
  run,
  runOrThrow,
} from "../support/perf.ts";
import { jitdumpCommand } from "../support/jitdump.ts";
import { perfScriptChains } from "../support/perf_script.ts";
import { demoCommand, profile } from "../support/profile.ts";
import { temporaryDirectory } from "../support/script.ts";
import { itWithPerf } from "../support/with_perf.ts";

const TWINS = fromFileUrl(new URL("../support/twins.ts", import.meta.url));

/** Runs `jitdump`. Deno 2.9 reads /proc/kallsyms only with --allow-all. */
const jitdump = (...args: string[]): Promise<Outcome> =>
  run(jitdumpCommand(["--allow-all"], ...args));

async function jitdumpOrThrow(...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await jitdump(...args);
  assert(success, stderr);
  return stdout;
}

interface JsonFunction {
  name: string;
  category: string;
  self: number;
  total: number;
}

interface JsonReport {
  functions: JsonFunction[];
  weight: number;
  samples: number;
  chainEnds: Record<string, number>;
}

const reportOf = async (data: string): Promise<JsonReport> =>
  JSON.parse(await jitdumpOrThrow("report", "--json", data));

/** Returns the self shares in percent, by name. */
const sharesIn = ({ functions, weight }: JsonReport): Map<string, number> =>
  new Map(functions.map(({ name, self }) => [name, 100 * self / weight]));

const sharesOf = async (data: string) => sharesIn(await reportOf(data));

/** Returns the call chains with their weights, as `--collapsed` prints them. */
async function chainsOf(data: string): Promise<Map<string, number>> {
  const collapsed = await jitdumpOrThrow("report", "--collapsed", "-", data);
  return new Map(
    collapsed.trim().split("\n").map((line) => {
      const end = line.lastIndexOf(" ");
      return [line.slice(0, end), Number(line.slice(end + 1))];
    }),
  );
}

/** Returns the self shares in `perf report` after `perf inject`. */
async function sharesByPerf(injected: string): Promise<Map<string, number>> {
  const { stdout } = await runOrThrow(
    reportCommand(
      injected,
      "overhead,symbol",
      "--quiet",
      "--no-children",
      ...["-g", "none", "-t", ";"],
    ),
  );
  const shares = new Map<string, number>();
  for (const line of stdout.split("\n")) {
    const [, percent, name] = line.match(/^\s*([\d.]+)% *;\[.\] (.*?)\s*$/) ??
      [];
    if (name === undefined) continue;
    shares.set(name, (shares.get(name) ?? 0) + Number(percent));
  }
  return shares;
}

/** Profiles the demo with call chains, once for all tests. */
const profileDemo = once(async () => {
  const { directory, injected, pid } = await profile(
    demoCommand,
    ...["--call-graph", "fp"],
  );
  const data = join(directory, "perf.data");
  const dump = join(directory, `jit-${pid}.dump`);
  return { directory, injected, data, dump, shares: await sharesOf(data) };
});

/** Runs `use` while a file has another name. */
async function whileRenamed(file: string, use: () => Promise<void>) {
  Deno.renameSync(file, `${file}.gone`);
  try {
    await use();
  } finally {
    Deno.renameSync(`${file}.gone`, file);
  }
}

const JITTED = [
  "collatz",
  "polynomial_sum",
  "gcd",
  "main",
  "fib",
  "coprime_pairs",
];

describe("jitdump report", () => {
  itWithPerf(
    "prints the shares of perf when functions are jitted",
    async () => {
      const { injected, shares } = await profileDemo();
      const theirs = await sharesByPerf(injected);
      for (const name of JITTED) {
        assertGreater(theirs.get(name)!, 1);
        assertAlmostEquals(shares.get(name)!, theirs.get(name)!, 0.01, name);
      }
    },
  );

  itWithPerf(
    "prints perf's call chains when frame pointers are used",
    async () => {
      const { data, injected } = await profileDemo();
      // perf's outermost frame is what libffi's frame pointer points to.
      const theirs = new Map(
        [...await perfScriptChains("perf", injected)].map(([chain, weight]) => [
          chain.replace(/;\[unknown\];/, ";[callers unknown];"),
          weight,
        ]),
      );
      const ours = await chainsOf(data);
      const jitted = (chains: Map<string, number>) =>
        [...chains].filter(([chain]) =>
          JITTED.some((name) => chain.includes(`;${name}`))
        ).sort();
      assertGreater(jitted(theirs).length, JITTED.length - 1);
      assertEquals(jitted(ours), jitted(theirs));
    },
  );

  itWithPerf(
    "unwinds stacks and counts the ends of chains when stacks are recorded",
    async () => {
      const { directory, injected } = await profile(
        demoCommand,
        ...["-F", "999", "-m", "32M", "--call-graph", "dwarf,32768"],
      );
      const data = join(directory, "perf.data");
      const report = await reportOf(data);
      const ours = sharesIn(report);
      const theirs = await sharesByPerf(injected);
      for (const name of JITTED) {
        assertAlmostEquals(ours.get(name)!, theirs.get(name)!, 0.1, name);
      }
      const chains = [...await chainsOf(data)]
        .filter(([chain]) => chain.endsWith(";longest_collatz;collatz"));
      const weight = (chains: [string, number][]) =>
        chains.reduce((sum, [, weight]) => sum + weight, 0);
      const whole = chains.filter(([chain]) =>
        /;__libc_start_call_main;.*;main;longest_collatz;collatz$/.test(chain)
      );
      assertGreater(weight(whole), 0.9 * weight(chains));
      const { samples, chainEnds } = report;
      assertGreater(chainEnds["start of thread"], 0.9 * samples);
    },
  );

  itWithPerf(
    "names functions when perf has injected the recording",
    async () => {
      const { injected, shares } = await profileDemo();
      const theirs = await sharesOf(injected);
      for (const name of JITTED) {
        assertAlmostEquals(theirs.get(name)!, shares.get(name)!, 0.1, name);
      }
    },
  );

  itWithPerf("prints shares when --lines or --annotate is given", async () => {
    const { data } = await profileDemo();
    const lines = await jitdumpOrThrow("report", "--lines", data);
    assertMatch(
      lines,
      /^ *\d+\.\d\d% +\d+\.\d\d% {2}.*program\.calc:\d+ {2}collatz$/m,
    );
    const annotated = await jitdumpOrThrow(
      "report",
      ...["--annotate", "collatz"],
      data,
    );
    assertMatch(annotated, /program\.calc:\d+ /);
    const percents = Array.from(
      annotated.matchAll(/^ *(\d+\.\d\d)% +[0-9a-f]+:/gm),
      ([, percent]) => Number(percent),
    );
    assertGreater(percents.length, 10);
    const sum = percents.reduce((sum, percent) => sum + percent, 0);
    assertAlmostEquals(sum, 100, 0.5);
  });

  itWithPerf(
    "matches the schema of speedscope when --speedscope is given",
    async () => {
      const { data, directory } = await profileDemo();
      const file = join(directory, "speedscope.json");
      await jitdumpOrThrow("report", data, "--speedscope", file);
      const text = Deno.readTextFileSync(file);
      const validate = new Ajv({ strict: false }).compile(speedscopeSchema);
      assert(validate(JSON.parse(text)), JSON.stringify(validate.errors));
      assertStringIncludes(text, '"collatz"');
    },
  );

  itWithPerf("fails when --annotate names an unknown function", async () => {
    const { data } = await profileDemo();
    const { code, stderr } = await jitdump(
      ...["report", data, "--annotate", "nobody"],
    );
    assertEquals(code, 1);
    assertStringIncludes(stderr, 'no function with samples matches "nobody"');
  });

  itWithPerf(
    "names JavaScript functions when the program has any",
    async () => {
      using directory = temporaryDirectory();
      const script = join(directory.path, "script.ts");
      Deno.writeTextFileSync(
        script,
        `function hot(n: number) {
         let x = 0;
         for (let i = 0; i < n; i++) x = (x * 31 + i) % 1000003;
         return x;
       }
       for (let i = 0; i < 100; i++) hot(1_000_000);`,
      );
      const out = join(directory.path, "out");
      const { success, stderr } = await jitdump(
        "record",
        ...["--out", out, "--event", "cpu-clock:u"],
        ...["--call-graph", "none", "--v8"],
        ...["--", Deno.execPath(), "run", script],
      );
      assert(success, stderr);
      const data = join(out, "perf.data");
      // Positions of functions are those of the source here, and of generated code in perf.
      const withoutPositions = (shares: Map<string, number>) =>
        new Map([...shares].map(([name, share]) => [
          name.replace(/(?::\d+){2}$/, ""),
          share,
        ]));
      const ours = withoutPositions(await sharesOf(data));
      await runOrThrow(injectCommand(data, `${data}.jit`));
      const theirs = withoutPositions(await sharesByPerf(`${data}.jit`));
      const hot = [...theirs].filter(([name]) => /\bhot /.test(name));
      assertGreater(hot.reduce((sum, [, share]) => sum + share, 0), 30);
      // V8's builtins are in the mapping of Deno's executable.
      const builtins = [...theirs].filter(([name, share]) =>
        share >= 0.1 && name.startsWith("Builtin:")
      );
      for (const [name, share] of [...hot, ...builtins]) {
        assertAlmostEquals(ours.get(name) ?? 0, share, 0.1, name);
      }
      const annotated = await jitdumpOrThrow(
        "report",
        data,
        "--annotate",
        "hot",
      );
      for (const [name] of hot) assertStringIncludes(annotated, `${name}:`);
    },
  );

  itWithPerf(
    "separates functions and events when a recording has two of each",
    async () => {
      using directory = temporaryDirectory();
      const data = join(directory.path, "perf.data");
      await runOrThrow([
        "perf",
        "record",
        ...["-k", "mono", "-e", "cpu-clock:u,page-faults", "-o", data, "--"],
        ...[Deno.execPath(), "run", "--allow-all", TWINS, directory.path],
      ]);
      const { stdout, stderr } = await jitdump("report", data);
      assertMatch(stdout, /samples of cpu-clock:u\n/);
      assertMatch(stderr, /has samples of page-faults too \(\d+\): --event/);
      const faults = await jitdump("report", "--event", "page-faults", data);
      assertMatch(faults.stdout, /samples of page-faults\n/);
      const wrong = await jitdump("report", "--event", "cycles", data);
      assertMatch(
        wrong.stderr,
        /no samples of "cycles": it has cpu-clock:u, pa/,
      );
      const annotated = await jitdumpOrThrow(
        ...["report", data, "--annotate", "twin"],
      );
      const sums = annotated.split("\n\n").map((text) =>
        Array.from(
          text.matchAll(/^ *(\d+\.\d\d)% +[0-9a-f]+:/gm),
          ([, share]) => Number(share),
        ).reduce((sum, share) => sum + share, 0)
      );
      // The shares of each function add up to 100 %. The idle one may have no sample.
      assert(sums.length === 1 || sums.length === 2);
      for (const sum of sums) assertAlmostEquals(sum, 100, 0.5);
    },
  );

  itWithPerf(
    "skips and reports corrupt data when a dump has some",
    async () => {
      const { data, dump: path, shares } = await profileDemo();
      const bytes = Deno.readFileSync(path);
      Deno.writeFileSync(path, bytes.subarray(0, 40));
      Deno.writeFileSync(path, new Uint8Array(100).fill(0xaa), {
        append: true,
      });
      Deno.writeFileSync(path, bytes.subarray(40), { append: true });
      try {
        const { success, stdout, stderr } = await jitdump(
          ...["report", "--json", data],
        );
        assert(success, stderr);
        assertStringIncludes(
          stderr,
          `the dump ${path} is corrupt in one range`,
        );
        assertEquals(sharesIn(JSON.parse(stdout)), shares);
      } finally {
        Deno.writeFileSync(path, bytes);
      }
    },
  );

  describe("exiting with 1 and a message", () => {
    const assertFails = async (pattern: RegExp, ...args: string[]) => {
      const { success, stdout, stderr } = await jitdump("report", ...args);
      assertEquals([success, stdout], [false, ""]);
      assertMatch(stderr, pattern);
    };

    it("happens when there is no recording", () =>
      assertFails(
        /\/nowhere does not exist: record with jitdump record/,
        "/nowhere",
      ));

    itWithPerf("happens when there are no samples", async () => {
      using directory = temporaryDirectory();
      const data = join(directory.path, "perf.data");
      await runOrThrow([
        ...["perf", "record", "-k", "mono", "-e", "dummy", "-o", data],
        ...["--", "true"],
      ] as unknown as CommandLine);
      await assertFails(/has no samples/, data);
    });
  });

  itWithPerf(
    "reports unknown code and a hint when a dump is missing",
    async () => {
      const { data, dump } = await profileDemo();
      await whileRenamed(dump, async () => {
        const { code, stdout, stderr } = await jitdump("report", data);
        assertEquals(code, 0);
        assertMatch(stdout, / unknown +\[unknown\]/);
        assertMatch(
          stderr,
          /the dump \S+ cannot be read .*: restore it, or pass its/,
        );
      });
    },
  );

  itWithPerf(
    "needs only --allow-read when it reads a copied recording",
    async () => {
      using directory = temporaryDirectory();
      const { data, dump, shares } = await profileDemo();
      const moved = join(directory.path, "perf.data");
      Deno.copyFileSync(data, moved);
      Deno.copyFileSync(dump, join(directory.path, basename(dump)));
      // The dump is missing at its recorded path; a copy is beside the recording.
      await whileRenamed(dump, async () => {
        const { code, stdout, stderr } = await run(
          jitdumpCommand(["--allow-read"], "report", "--json", moved),
          { env: { PATH: "/nowhere" } },
        );
        assertEquals(code, 0, stderr);
        const report = JSON.parse(stdout);
        for (const { name, self, category } of report.functions) {
          if (category !== "jitted") continue;
          const share = 100 * self / report.weight;
          assertAlmostEquals(share, shares.get(name)!, 0.01, name);
        }
        const named = report.functions.map(({ name }: JsonFunction) => name);
        for (const name of JITTED) assert(named.includes(name), name);
      });
    },
  );
});
