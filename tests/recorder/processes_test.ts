import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertGreater,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { join } from "@std/path";
import { describe } from "@std/testing/bdd";
import {
  Comm,
  Fork,
  PerfDataReader,
  type PerfRecord,
  Sample,
} from "../../src/perf_data/mod.ts";
import { whyMissing } from "../support/it_unless.ts";
import { jitdumpCommand } from "../support/jitdump.ts";
import { run, runOrThrow } from "../support/perf.ts";
import { demoCommand } from "../support/profile.ts";
import { temporaryDirectory } from "../support/script.ts";
import { until } from "../support/until.ts";
import { itWithRecorder } from "../support/with_recorder.ts";

const jitdump = (...args: string[]) => jitdumpCommand(["--allow-all"], ...args);

/** Argument with which the demo runs for minutes. */
const FOREVER = "1000000";

/** A program of threads that use the CPU; with an argument, it starts more after a newline. */
const THREADS = `
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static void *spin(void *rounds) {
  for (volatile long i = 0; i < (long)rounds; i++);
  return 0;
}
static void threads(int count, long rounds) {
  pthread_t ids[16];
  for (int i = 0; i < count; i++)
    pthread_create(&ids[i], 0, spin, (void *)rounds);
  if (rounds == 0) return;
  for (int i = 0; i < count; i++) pthread_join(ids[i], 0);
}
int main(int argc, char **argv) {
  if (argc > 1) {
    pthread_t ids[4];
    for (int i = 0; i < 4; i++)
      pthread_create(&ids[i], 0, spin, (void *)(1L << 60));
    getchar();
  }
  threads(16, 12000000);
  return 0;
}
`;

const noCompiler = await whyMissing("cc");

async function compile(directory: string): Promise<string> {
  const program = join(directory, "threads");
  Deno.writeTextFileSync(`${program}.c`, THREADS);
  await runOrThrow(["cc", "-O1", "-pthread", "-o", program, `${program}.c`]);
  return program;
}

async function readAll(data: string): Promise<PerfRecord[]> {
  return await Array.fromAsync(await PerfDataReader.open(data));
}

/** Returns the ids of the threads with samples. */
const sampledThreads = (records: PerfRecord[]) =>
  new Set(
    records.filter((record) => record instanceof Sample)
      .map(({ tid }) => tid),
  );

describe("a recording", () => {
  itWithRecorder(
    "has samples of all threads when a program has 16",
    async () => {
      using directory = temporaryDirectory();
      const program = await compile(directory.path);
      const out = join(directory.path, "out");
      await runOrThrow(jitdump("record", "--out", out, "--", program));
      const records = await readAll(join(out, "perf.data"));
      assertGreater(sampledThreads(records).size, 15);
      const { lost } = JSON.parse(
        Deno.readTextFileSync(join(out, "recording.json")),
      );
      assertEquals(lost, 0);
      const { stdout } = await run(jitdump("report", "--json", out));
      const { functions, weight } = JSON.parse(stdout);
      const spin = functions.find(({ name }: { name: string }) =>
        name === "spin"
      );
      assertGreater(spin.self / weight, 0.8);
    },
    noCompiler,
  );

  itWithRecorder(
    "has all threads of a process, and later ones, when --pid is given",
    async () => {
      using directory = temporaryDirectory();
      const program = await compile(directory.path);
      const out = join(directory.path, "out");
      const child = new Deno.Command(program, {
        args: ["wait"],
        stdin: "piped",
      }).spawn();
      const recorded = run(jitdump(
        "record",
        ...["--out", out, "--pid", String(child.pid)],
      ));
      const data = join(out, "new", "perf.data");
      await until(() => assert(Deno.statSync(data).size > 4096));
      const input = child.stdin.getWriter();
      await input.write(new TextEncoder().encode("\n"));
      await input.close();
      // The recording ends with the process.
      await child.status;
      const { code, stderr } = await recorded;
      assertEquals(code, 0, stderr);
      const records = await readAll(join(out, "perf.data"));
      assert(
        records.some((record) =>
          record instanceof Comm && record.comm === "threads"
        ),
      );
      const later = records.filter((record) => record instanceof Fork)
        .map(({ tid }) => tid);
      const sampled = sampledThreads(records);
      assertEquals(later.length, 16);
      assertGreater(later.filter((tid) => sampled.has(tid)).length, 0);
      assertGreater(sampled.difference(new Set(later)).size, 3);
    },
    noCompiler,
  );

  itWithRecorder(
    "is readable up to its last complete record when the recorder is killed",
    async () => {
      using directory = temporaryDirectory();
      for (const delay of [0, 11, 60]) {
        const out = join(directory.path, String(delay));
        const [program, ...args] = jitdump(
          "record",
          ...["--out", out, "--event", "cpu-clock:u"],
          ...["--call-graph", "dwarf", "--"],
          ...["sh", "-c", "while :; do :; done"],
        );
        const recorder = new Deno.Command(program, {
          args,
          stdout: "null",
          stderr: "null",
        }).spawn();
        const data = join(out, "new", "perf.data");
        await until(() => assert(Deno.statSync(data).size > 100_000));
        await new Promise((resolve) => setTimeout(resolve, delay));
        recorder.kill("SIGKILL");
        await recorder.status;
        const reader = await PerfDataReader.open(data);
        const records = await Array.fromAsync(reader);
        assertEquals(reader.header.isUnfinished, true);
        assertEquals(reader.features.arch, Deno.build.arch);
        const samples = records.filter((record) => record instanceof Sample);
        assertGreater(samples.length, 0);
        // The command is still running.
        Deno.kill(samples[0].pid, "SIGKILL");
        const { code, stdout, stderr } = await run(
          jitdump("report", join(out, "new")),
        );
        assertEquals(code, 0, stderr);
        assertStringIncludes(stdout, `${samples.length} samples of`);
        const next = await run(jitdump("report", out));
        assertStringIncludes(next.stderr, `jitdump report ${out}/new`);
      }
    },
  );

  itWithRecorder(
    "has the command and the dumps so far when the recorder is killed",
    async () => {
      using directory = temporaryDirectory();
      const out = join(directory.path, "out");
      const dumps = join(directory.path, "dumps");
      Deno.mkdirSync(dumps);
      const command = demoCommand(dumps, FOREVER);
      const [program, ...args] = jitdump("record", "--out", out, "--");
      const recorder = new Deno.Command(program, {
        args: [...args, ...command],
        stdout: "null",
        stderr: "null",
      }).spawn();
      const description = () =>
        JSON.parse(Deno.readTextFileSync(join(out, "new", "recording.json")));
      await until(() => assertEquals(description().dumps.length, 1));
      const data = join(out, "new", "perf.data");
      const { size } = Deno.statSync(data);
      await until(() => assert(Deno.statSync(data).size > size + 20_000));
      recorder.kill("SIGKILL");
      await recorder.status;
      // The command is still running.
      const [{ name: dump }] = Deno.readDirSync(dumps);
      Deno.kill(Number(dump.match(/\d+/)![0]), "SIGKILL");
      assertEquals(description().command, command);
      assertEquals("ended" in description(), false);
      Deno.removeSync(dumps, { recursive: true });
      const { stdout } = await runOrThrow(jitdump("report", `${out}/new`));
      assertMatch(stdout, /jitted +\w+/);
    },
  );

  itWithRecorder("records its number of samples when it ends", async () => {
    using directory = temporaryDirectory();
    const out = join(directory.path, "out");
    await runOrThrow(jitdump(
      "record",
      ...["--out", out, "--frequency", "1000", "--event", "cpu-clock"],
      ...["--duration", "1", "--", "sh", "-c", "while :; do :; done"],
    ));
    const { samples } = JSON.parse(
      Deno.readTextFileSync(join(out, "recording.json")),
    );
    const records = await readAll(join(out, "perf.data"));
    const found = records.filter((record) => record instanceof Sample);
    assertEquals(found.length, samples);
    // Each sample represents a millisecond of CPU time.
    const weight = found.reduce((sum, { period }) => sum + Number(period), 0);
    assertAlmostEquals(weight / samples, 1e6, 1e5);
  });
});
