import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertGreater,
} from "@std/assert";
import { join } from "@std/path";
import { describe } from "@std/testing/bdd";
import { collapse } from "../../src/profile/collapsed.ts";
import { readProfile } from "../../src/profile/profiler.ts";
import { functionTotals } from "../../src/profile/totals.ts";
import { itUnless, whyMissing } from "../support/it_unless.ts";
import { once } from "../support/once.ts";
import { runOrThrow } from "../support/perf.ts";
import { perfScriptChains } from "../support/perf_script.ts";
import { installedPerfs, type Perf } from "../support/perfs.ts";
import { demoCommand } from "../support/profile.ts";
import { quote } from "../support/quote.ts";
import { temporaryDirectory } from "../support/script.ts";
import { itWithPerf } from "../support/with_perf.ts";

/** A program with two threads, and a child process that calls exec. */
const SOURCE = `
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>
#define SPIN(name) __attribute__((noinline)) void name(long n) \\
  { for (volatile long i = 0; i < n * 500000; i++); }
SPIN(in_main) SPIN(in_thread) SPIN(in_child) SPIN(in_exec)
__attribute__((noinline)) void recurse(int n)
  { if (n > 0) recurse(n - 1); else in_main(40); __asm__ volatile(""); }
static void *thread(void *n) { in_thread(30); return n; }
int main(int argc, char **argv) {
  if (argc > 1) { in_exec(60); return 0; }
  pthread_t id;
  pthread_create(&id, 0, thread, 0);
  pid_t child = fork();
  if (child == 0) {
    in_child(50);
    execl("/proc/self/exe", argv[0], "exec", (char *)0);
    exit(1);
  }
  recurse(20);
  pthread_join(id, 0);
  waitpid(child, 0, 0);
  return 0;
}
`;

const FUNCTIONS = ["in_main", "in_thread", "in_child", "in_exec"];

const noCompiler = await whyMissing("cc");

const shell = (command: string) => runOrThrow(["sh", "-c", command]);

/** Returns the self shares in percent by symbol, as `perf report` prints them. */
async function sharesByPerf(
  { program }: Perf,
  data: string,
): Promise<Map<string, number>> {
  const { stdout } = await shell(
    `${program} report -f -i ${data} --stdio -q --no-children -g none ` +
      "-F overhead,sym -t ';' 2> /dev/null",
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

/** Returns the same shares from this module. Checks that they add up to 100 %. */
async function shares(
  data: string,
  event?: string,
): Promise<Map<string, number>> {
  const profile = await readProfile(data, { event });
  const shares = new Map<string, number>();
  let sum = 0;
  for (const { symbol: { name }, self } of functionTotals(profile)) {
    const share = 100 * self / profile.weight;
    shares.set(name, (shares.get(name) ?? 0) + share);
    sum += self;
  }
  assertAlmostEquals(sum / profile.weight, 1, 1e-9);
  return shares;
}

function compare(
  ours: Map<string, number>,
  theirs: Map<string, number>,
  names: readonly string[],
): void {
  for (const name of names) {
    assertGreater(theirs.get(name) ?? 0, 1, name);
    assertAlmostEquals(ours.get(name) ?? 0, theirs.get(name)!, 0.1, name);
  }
}

/** Compiles the program, once for all tests. */
const compiled = once(async () => {
  const directory = Deno.makeTempDirSync({ prefix: "jitdump-shares-" });
  addEventListener(
    "unload",
    () => Deno.removeSync(directory, { recursive: true }),
  );
  const source = join(directory, "native.c");
  Deno.writeTextFileSync(source, SOURCE);
  const path = join(directory, "native");
  await shell(
    "cc -O1 -fno-omit-frame-pointer -fno-optimize-sibling-calls " +
      `-pthread -o ${path} ${source}`,
  );
  return path;
});

for (const perf of await installedPerfs()) {
  const { program, version } = perf;
  const options =
    `${program} record -q --no-buildid-cache --no-bpf-event -k mono -F 1999`;

  describe(`shares of functions, and those of perf report ${version}`, () => {
    const itCompiled = (name: string, fn: () => Promise<void>) => {
      if (noCompiler === undefined) itWithPerf(name, fn);
      else itUnless(noCompiler, name, fn);
    };

    // Both need a third of a second for the kernel's symbols: one case is enough.
    for (
      const [name, record] of [
        ["without chains", "-e cpu-clock -o DATA"],
        ["compressed, with -z", "-e cpu-clock:u -z -o DATA"],
        ["to a pipe, with -o -", "-e cpu-clock:u -o - > DATA"],
        ["to a directory, with --threads", "-e cpu-clock:u --threads -o DATA"],
      ]
    ) {
      itCompiled(
        `are equal when threads, fork and exec are recorded ${name}`,
        async () => {
          using directory = temporaryDirectory();
          const data = join(directory.path, "perf.data");
          const [output, redirect = ""] = record.replace("DATA", data)
            .split(" > ");
          const end = redirect && `> ${redirect}`;
          await shell(`${options} ${output} -- ${await compiled()} ${end}`);
          compare(
            await shares(data),
            await sharesByPerf(perf, data),
            FUNCTIONS,
          );
        },
      );
    }

    itCompiled("are equal when two events are recorded", async () => {
      using directory = temporaryDirectory();
      const data = join(directory.path, "perf.data");
      await shell(
        `${options} -e cpu-clock,task-clock -o ${data} -- ${await compiled()}`,
      );
      const { stdout } = await shell(
        `${program} script -f -i ${data} -F event,ip,sym | sort | uniq -c`,
      );
      for (const event of ["cpu-clock", "task-clock"]) {
        const lines = stdout.split("\n").filter((line) => line.includes(event));
        const count = (lines: string[]) =>
          lines.reduce((sum, line) => sum + parseInt(line), 0);
        const ours = await shares(data, event);
        for (const name of FUNCTIONS) {
          const theirs = 100 * count(lines.filter((line) =>
            line.trim().endsWith(name)
          )) / count(lines);
          assertGreater(theirs, 1, name);
          assertAlmostEquals(ours.get(name) ?? 0, theirs, 0.1, name);
        }
      }
    });

    itCompiled(
      "are equal, as are call chains, when chains are recorded",
      async () => {
        using directory = temporaryDirectory();
        const data = join(directory.path, "perf.data");
        await shell(
          `${options} -e cpu-clock:u --call-graph fp -o ${data} -- ${await compiled()}`,
        );
        const theirs = await perfScriptChains(program, data);
        const ours = new Map(
          Array.from(collapse(await readProfile(data)), (line) => {
            const end = line.lastIndexOf(" ");
            return [line.slice(0, end), Number(line.slice(end + 1))] as const;
          }),
        );
        const known = (chains: Map<string, number>) =>
          [...chains].filter(([chain]) =>
            FUNCTIONS.some((name) => chain.endsWith(`;${name}`))
          ).sort();
        assert(
          known(theirs).some(([chain]) =>
            chain.split(";recurse").length === 22
          ),
        );
        assertEquals(known(ours), known(theirs));
        compare(await shares(data), await sharesByPerf(perf, data), FUNCTIONS);
      },
    );

    itWithPerf(
      "are equal when two processes have jitted functions",
      async () => {
        using directory = temporaryDirectory();
        const data = join(directory.path, "perf.data");
        const demos = ["a", "b"].map((name) => {
          const own = join(directory.path, name);
          Deno.mkdirSync(own);
          return `${quote(...demoCommand(own, "150"))} & `;
        });
        const script = join(directory.path, "demos.sh");
        Deno.writeTextFileSync(script, `${demos.join("")} wait\n`);
        await shell(`${options} -e cpu-clock:u -o ${data} -- sh ${script}`);
        const injected = `${data}.jit`;
        await shell(
          `${program} --buildid-dir ${data}.debug inject --jit -f -i ${data} -o ${injected}`,
        );
        compare(
          await shares(data),
          await sharesByPerf(perf, injected),
          ["collatz", "polynomial_sum", "gcd", "main", "fib"],
        );
        const profile = await readProfile(data);
        assertEquals(profile.dumps.length, 2);
      },
    );
  });
}
