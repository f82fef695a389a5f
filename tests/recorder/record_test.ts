import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { jitdumpCommand, jitdumpEach } from "../support/jitdump.ts";
import { itUnless } from "../support/it_unless.ts";
import { noRecorder } from "../support/may_record.ts";
import { once } from "../support/once.ts";
import { ENVIRONMENT, run, TIME_LIMIT } from "../support/perf.ts";
import { LIBC, temporaryDirectory } from "../support/script.ts";
import { until } from "../support/until.ts";
import { itWithRecorder } from "../support/with_recorder.ts";

const jitdump = (...args: string[]) => jitdumpCommand(["--allow-all"], ...args);

/** An environment without perf, but with the programs that the tests record. */
const NO_PERF = { PATH: "/bin" };

/** A shell loop that never ends. */
const BUSY = "while :; do :; done";

/** A shell loop that ends. */
const LOOP = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done";

/** Options that exclude the kernel, whose symbols take most of the time of a report. */
const USER_CODE = ["--event", "cpu-clock:u"];

const notRoot = Deno.uid() === 0
  ? undefined
  : "only root may record all processes";

/** Returns the names in a directory, sorted. */
const namesIn = (directory: string) =>
  Array.from(Deno.readDirSync(directory), ({ name }) => name).sort();

describe("jitdump record", () => {
  itWithRecorder(
    "prints the report and exits with the command's status when the command ends",
    async () => {
      using directory = temporaryDirectory();
      const out = join(directory.path, "out");
      const { code, stdout, stderr } = await run(
        jitdump("record", "--out", out, "--", "sh", "-c", `${LOOP}; exit 7`),
      );
      assertEquals(code, 7);
      assertMatch(stderr, /record: (cycles|cpu-clock)\S* at \d+ Hz into /);
      assertMatch(stdout, /perf\.data: \d+ samples of/);
      const [, date] = stdout.match(/^(\S+ \S+) UTC, [\d.]+ s, /m)!;
      const age = Date.now() - Date.parse(`${date.replace(" ", "T")}Z`);
      assert(0 <= age && age < 3_600_000, date);
      assertMatch(stdout, /^ *\d+\.\d\d% +\d+\.\d\d% +[\d.]+ {2}native /m);
      assertEquals(namesIn(out), [
        ...[".lock", "dumps", "perf.data", "recording.json"],
      ]);
      const json = Deno.readTextFileSync(join(out, "recording.json"));
      const { command, status, samples, lost, dumps } = JSON.parse(json);
      assertEquals(command, ["sh", "-c", `${LOOP}; exit 7`]);
      assertEquals([status, lost, dumps], [7, 0, []]);
      assertStringIncludes(stdout, `perf.data: ${samples} samples`);
    },
  );

  itWithRecorder(
    "needs no more than the documented flags when it records a command",
    async () => {
      using directory = temporaryDirectory();
      const out = join(directory.path, "out");
      const flags = [
        `--allow-ffi=${LIBC}`,
        ...["--allow-run=sh", "--allow-read", `--allow-write=${out}`],
      ];
      for (const _ of ["created", "replaced"]) {
        const { code, stdout, stderr } = await run(
          jitdumpCommand(flags, "record", "--out", out, "--", "sh", "-c", LOOP),
          { env: NO_PERF },
        );
        assertEquals(code, 0, stderr);
        assertMatch(stdout, /samples of .*\n.*self +total/);
      }
      assertEquals(namesIn(join(out, "old")), [
        ...["dumps", "perf.data", "recording.json"],
      ]);
    },
  );

  for (
    const [missing, message] of [
      ["--allow-ffi", /FFI access to .* --allow-ffi=\/\S*libc\.so\.6/],
      ["--allow-run", /may not run "sh": run again with --allow-run=sh/],
      ["--allow-read", /read access.*--allow-read/],
      ["--allow-write", /write access.*--allow-write/],
    ] as const
  ) {
    itWithRecorder(`names the flag when ${missing} is missing`, async () => {
      using directory = temporaryDirectory();
      const out = join(directory.path, "out");
      const flags = [
        `--allow-ffi=${LIBC}`,
        ...["--allow-run=sh", "--allow-read", `--allow-write=${out}`],
      ].filter((flag) => !flag.startsWith(missing));
      const { code, stderr } = await run(
        jitdumpCommand(flags, "record", "--out", out, "--", "sh", "-c", LOOP),
      );
      assertEquals(code, 1);
      assertMatch(stderr, message);
      assertEquals(namesIn(directory.path), []);
    });
  }

  for (
    const signal of ["SIGINT", "SIGTERM"] as const
  ) {
    itWithRecorder(
      `forwards the signal and prints the report when it gets ${signal}`,
      async () => {
        using directory = temporaryDirectory();
        const [program, ...args] = jitdump(
          "record",
          ...["--out", directory.path, ...USER_CODE, "--"],
          ...["sh", "-c", `${LOOP}; echo up; ${BUSY}`],
        );
        const child = new Deno.Command(program, {
          args,
          stdout: "piped",
          stderr: "null",
          env: ENVIRONMENT,
          signal: AbortSignal.timeout(TIME_LIMIT),
        }).spawn();
        const chunks: string[] = [];
        let isSent = false;
        for await (
          const text of child.stdout.pipeThrough(new TextDecoderStream())
        ) {
          chunks.push(text);
          if (isSent) continue;
          isSent = true;
          child.kill(signal);
        }
        await child.status;
        assertMatch(chunks.join(""), /samples of .*\n.*self +total/);
      },
    );
  }

  itWithRecorder("records a running process when --pid is given", async () => {
    using directory = temporaryDirectory();
    const busy = new Deno.Command("sh", { args: ["-c", BUSY] }).spawn();
    const recording = run(jitdump(
      "record",
      ...["--out", directory.path, ...USER_CODE, "--pid", String(busy.pid)],
    ));
    const data = join(directory.path, "new", "perf.data");
    const isRecorded = until(() => assert(Deno.statSync(data).size > 0));
    await Promise.race([recording, isRecorded]);
    // In ticks of 10 ms: the field utime.
    const cpuTime = () =>
      Number(Deno.readTextFileSync(`/proc/${busy.pid}/stat`).split(" ")[13]);
    const start = cpuTime();
    const hasRun = until(() => assert(cpuTime() > start + 10));
    await Promise.race([recording, hasRun]);
    busy.kill("SIGKILL");
    await busy.status;
    const { code, stdout, stderr } = await recording;
    assertEquals(code, 0, stderr);
    assertMatch(stdout, /samples of .*\n.*self +total/);
  });

  itUnless(
    noRecorder ?? notRoot,
    "records a process that runs, and one that starts, when --all is given",
    async () => {
      using directory = temporaryDirectory();
      const { path } = directory;
      const start = () =>
        new Deno.Command("sh", { args: ["-c", BUSY] }).spawn();
      const processes = [start()];
      const [program, ...args] = jitdump("record", "--out", path, "--all");
      const recorder = new Deno.Command(program, {
        args,
        stdout: "null",
        stderr: "null",
        env: ENVIRONMENT,
      }).spawn();
      await until(() => Deno.statSync(`${path}/new/recording.json`).isFile);
      processes.push(start());
      const cpuTime = () =>
        Deno.readTextFileSync(`/proc/${processes[1].pid}/stat`).split(" ")[13];
      await until(() => assert(Number(cpuTime()) > 10));
      recorder.kill("SIGINT");
      for (const process of processes) {
        await recorder.status;
        process.kill("SIGKILL");
        await process.status;
      }
      assertEquals((await recorder.status).code, 0);
      const { stdout } = await run(jitdump("report", "--json", path));
      const { threads, recording } = JSON.parse(stdout);
      assertEquals(recording.command, ["jitdump", "record", "--all"]);
      for (const { pid } of processes) {
        const found = threads.find((thread: { tid: number }) =>
          thread.tid === pid
        );
        assertEquals(found?.name, "sh");
      }
    },
  );

  itWithRecorder(
    "passes --help to the command when it follows --",
    async () => {
      using directory = temporaryDirectory();
      const { code, stdout } = await run(
        jitdump("record", "--out", directory.path, "--", "ls", "--help"),
      );
      assertEquals(code, 0);
      assertMatch(stdout, /Usage: \S*ls .*samples of /s);
    },
  );

  itWithRecorder(
    "reports an error when the command is not executable",
    async () => {
      using directory = temporaryDirectory();
      const { code, stderr } = await run(jitdump(
        "record",
        ...["--out", join(directory.path, "out"), "--", directory.path],
      ));
      assertEquals(code, 1);
      assertStringIncludes(stderr, "is not an executable file");
    },
  );

  itWithRecorder(
    "reports an error when the command does not exist",
    async () => {
      using directory = temporaryDirectory();
      const { code, stdout, stderr } = await run(jitdump(
        "record",
        ...["--out", join(directory.path, "out"), "--", "no-such-command"],
      ));
      assertEquals([code, stdout], [1, ""]);
      assertStringIncludes(
        stderr,
        'there is no program "no-such-command" in the PATH',
      );
      assertEquals(namesIn(directory.path), []);
    },
  );

  itWithRecorder("keeps an earlier recording when it fails", async () => {
    using directory = temporaryDirectory();
    const out = ["--out", directory.path];
    const first = await run(
      jitdump(
        "record",
        ...out,
        ...["--frequency", "999", ...USER_CODE, "--", "sh", "-c", LOOP],
      ),
    );
    assertEquals(first.code, 0, first.stderr);
    assertMatch(first.stderr, / at 999 Hz /);
    const data = join(directory.path, "perf.data");
    const recorded = Deno.readFileSync(data);
    const names = namesIn(directory.path);
    for (
      const target of [
        ["--", "no-such-command"],
        ["--pid", "99999999"],
        ["--frequency", "1", "--", "true"],
      ]
    ) {
      const { code } = await run(jitdump("record", ...out, ...target));
      assertEquals(code, 1);
      assertEquals(Deno.readFileSync(data), recorded);
      assertEquals(namesIn(directory.path), names);
    }
  });

  itWithRecorder(
    "fails when another recorder uses the directory",
    async () => {
      using directory = temporaryDirectory();
      const out = ["--out", directory.path];
      const [program, ...args] = jitdump("record", ...out, "--", "sleep", "60");
      const first = new Deno.Command(program, {
        args,
        stdout: "null",
        stderr: "null",
      }).spawn();
      const data = join(directory.path, "new", "perf.data");
      await until(() => assert(Deno.statSync(data).size > 0));
      const second = await run(jitdump("record", ...out, "--", "true"));
      first.kill("SIGTERM");
      await first.status;
      assertEquals(second.code, 1);
      assertStringIncludes(second.stderr, "another jitdump record writes to");
    },
  );

  itWithRecorder("terminates the command when --duration ends", async () => {
    using directory = temporaryDirectory();
    const { code, stdout, stderr } = await run(jitdump(
      "record",
      ...["--out", directory.path, "--duration", "0.5", ...USER_CODE],
      ...["--", "sh", "-c", BUSY],
    ));
    assertEquals(code, 0, stderr);
    assertMatch(stdout, /samples of .*\n.*self +total/);
  });

  itWithRecorder("names each event when several are recorded", async () => {
    using directory = temporaryDirectory();
    const { code, stdout, stderr } = await run(jitdump(
      "record",
      ...["--out", directory.path, "--event", "cpu-clock:u,page-faults"],
      ...["--", "sh", "-c", `${LOOP}; sort /etc/passwd >/dev/null`],
    ));
    assertEquals(code, 0, stderr);
    assertMatch(stdout, /samples of cpu-clock:u\n/);
    assertMatch(stderr, /samples of page-faults too/);
  });

  itWithRecorder(
    "unwinds copies of the stack when --call-graph is dwarf",
    async () => {
      using directory = temporaryDirectory();
      const { code, stderr } = await run(jitdump(
        "record",
        ...["--out", directory.path, "--call-graph", "dwarf", ...USER_CODE],
        ...["--stack-size", "4096", "--", "sh", "-c", LOOP],
      ));
      assertEquals(code, 0, stderr);
      const { stdout } = await run(jitdump("report", directory.path, "--json"));
      const { chainEnds } = JSON.parse(stdout);
      assert(chainEnds["start of thread"] > 0, stdout.slice(0, 1000));
    },
  );

  const mistakes: [mistake: string, args: string[], message: string][] = [
    ["the command is missing", [], "COMMAND is missing"],
    [
      "the command does not follow --",
      ["true"],
      "the command must follow --: jitdump record -- true",
    ],
    [
      "a command with options does not follow --",
      ["--frequency", "99", "ls", "-l"],
      "the command must follow --: jitdump record --frequency 99 -- ls -l",
    ],
    [
      "the value of an option is missing",
      ["--pid", "--", "true"],
      "--pid requires a value: --pid=VALUE",
    ],
    [
      "an option's value is another option",
      ["--pid", "--all"],
      "--pid requires a value",
    ],
    [
      "an option is misspelled",
      ["--frequncy", "99", "--", "true"],
      "unknown option --frequncy; did you mean --frequency?",
    ],
    [
      "--pid and a command are given",
      ["--pid", "1", "--", "true"],
      "exclude each other",
    ],
    [
      "--pid is not a number",
      ["--pid", "x"],
      '--pid must be a positive integer, got "x"',
    ],
    [
      "--frequency is 0",
      ["--frequency", "0", "--", "true"],
      '--frequency must be a positive integer, got "0"',
    ],
    [
      "--out is empty",
      ["--out", "", "--", "true"],
      "--out must not be empty",
    ],
    [
      "--call-graph is unknown",
      ["--call-graph", "lbr", "--", "true"],
      '"lbr"',
    ],
    [
      "--event is unknown",
      ["--event", "cpu-cloc", "--", "true"],
      "did you mean cpu-clock?",
    ],
    ["--duration is 0", ["--duration", "0", "--", "true"], "--duration must"],
    [
      "--stack-size is given without --call-graph dwarf",
      ["--stack-size", "64", "--", "true"],
      "--stack-size requires --call-graph dwarf",
    ],
    [
      "--stack-size is not a multiple of 8",
      ["--call-graph=dwarf", "--stack-size", "100", "--", "true"],
      "must be a multiple of 8",
    ],
  ];
  const outcomes = once(() =>
    jitdumpEach(mistakes.map(([, args]) => ["record", ...args]))
  );
  for (const [i, [mistake, , message]] of mistakes.entries()) {
    it(`exits with 2 when ${mistake}`, async () => {
      const { code, stderr } = (await outcomes())[i];
      assertEquals(code, 2);
      assertStringIncludes(stderr, message);
    });
  }
});

describe("jitdump doctor", () => {
  const doctor = jitdump("doctor");

  itWithRecorder(
    "exits with 0 and records a function when profiling works",
    async () => {
      const { code, stdout } = await run(doctor);
      assertEquals(code, 0, stdout);
      assertMatch(stdout, /ok {4}recorder: \S+.*, \d+ CPUs, \d+ KiB for each/);
      assertMatch(stdout, /--allow-ffi=\/\S+libc\.so\.6 --allow-write=/);
      assertMatch(stdout, /the profile names it, with \d+% of \d+ samples/);
    },
  );

  itWithRecorder("exits with 0 when perf and objdump are missing", async () => {
    using directory = temporaryDirectory();
    const { code, stdout } = await run(doctor, {
      env: { PATH: directory.path },
    });
    assertEquals(code, 0, stdout);
    assertMatch(stdout, /note {2}perf: not installed; jitdump record does not/);
    assertMatch(stdout, /note {2}objdump: .*install the package binutils/);
    assertMatch(stdout, /the profile names it/);
  });

  itWithRecorder(
    "reports perf as missing when only a wrapper of it is installed",
    async () => {
      using directory = temporaryDirectory();
      Deno.writeTextFileSync(
        join(directory.path, "perf"),
        "#!/bin/sh\necho 'WARNING: perf not found for kernel 6.8.0-1' >&2\nexit 2\n",
        { mode: 0o755 },
      );
      const { code, stdout } = await run(doctor, {
        env: { PATH: `${directory.path}:/bin` },
      });
      assertEquals(code, 0, stdout);
      assertMatch(
        stdout,
        /note {2}perf: a wrapper without a perf for this kernel; .*linux-tools-/,
      );
    },
  );
});
