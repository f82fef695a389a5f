import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { type CommandLine, ENVIRONMENT, run } from "../support/perf.ts";
import { temporaryDirectory } from "../support/script.ts";
import { itWithPerf } from "../support/with_perf.ts";

const CLI = fromFileUrl(new URL("../../src/cli/main.ts", import.meta.url));

const jitdump = (...args: string[]): CommandLine => [
  Deno.execPath(),
  "run",
  "--no-config",
  ...["--allow-read", "--allow-write", "--allow-run", "--allow-env"],
  CLI,
  ...args,
];

/** Waits until `isSo` returns true without throwing. */
async function until(isSo: () => boolean): Promise<void> {
  for (;;) {
    try {
      if (isSo()) return;
    } catch {
      // Not yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A shell loop that uses the CPU. */
const BUSY = "while :; do :; done";

/** A shell's loop that ends. */
const LOOP = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done";

describe("jitdump record", () => {
  itWithPerf(
    "prints the report and exits with the command's status when the command ends",
    async () => {
      using directory = temporaryDirectory();
      const { code, stdout, stderr } = await run(jitdump(
        "record",
        ...["--out", join(directory.path, "out")],
        ...[
          "--",
          "sh",
          "-c",
          `${LOOP}; exit 7`,
        ],
      ));
      assertEquals(code, 7);
      assertMatch(
        stderr,
        /perf record --no-buildid-cache -k mono -e \S+ --call-graph fp/,
      );
      assertMatch(stdout, /perf\.data: \d+ samples of/);
      assertMatch(stdout, /^ *\d+\.\d\d% +\d+\.\d\d% {2}native /m);
    },
  );

  for (
    const signal of ["SIGINT", "SIGTERM"] as const
  ) {
    itWithPerf(
      `forwards the signal and prints the report when it gets ${signal}`,
      async () => {
        using directory = temporaryDirectory();
        const [program, ...args] = jitdump(
          "record",
          ...["--out", directory.path, "--"],
          ...["sh", "-c", `${LOOP}; echo up; ${BUSY}`],
        );
        const child = new Deno.Command(program, {
          args,
          stdout: "piped",
          stderr: "null",
          env: ENVIRONMENT,
          signal: AbortSignal.timeout(120_000),
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

  itWithPerf("records a running process when --pid is given", async () => {
    using directory = temporaryDirectory();
    const busy = new Deno.Command("sh", { args: ["-c", BUSY] }).spawn();
    const recording = run(jitdump(
      "record",
      ...["--out", directory.path, "--pid", String(busy.pid)],
    ));
    // perf is attached once it has written something.
    const data = join(directory.path, "perf.data.new");
    await Promise.race([recording, until(() => Deno.statSync(data).size > 0)]);
    // In ticks of 10 ms: the field utime.
    const cpuTime = () =>
      Number(Deno.readTextFileSync(`/proc/${busy.pid}/stat`).split(" ")[13]);
    const start = cpuTime();
    await Promise.race([recording, until(() => cpuTime() > start + 10)]);
    busy.kill("SIGKILL");
    await busy.status;
    const { code, stdout, stderr } = await recording;
    assertEquals(code, 0, stderr);
    assertMatch(stdout, /samples of .*\n.*self +total/);
  });

  itWithPerf(
    "passes --help to the command when it follows --",
    async () => {
      using directory = temporaryDirectory();
      const { code, stdout } = await run(
        jitdump("record", "--out", directory.path, "--", "ls", "--help"),
      );
      assertEquals(code, 0);
      assertMatch(stdout, /Usage: ls .*samples of /s);
    },
  );

  itWithPerf("reports an error when the command does not exist", async () => {
    using directory = temporaryDirectory();
    const { code, stdout, stderr } = await run(jitdump(
      "record",
      ...["--out", directory.path, "--", "no-such-command"],
    ));
    assertEquals([code, stdout], [1, ""]);
    assertMatch(
      stderr,
      /perf exited with status \d+ without a sample/,
    );
  });

  itWithPerf("keeps an earlier recording when it fails", async () => {
    using directory = temporaryDirectory();
    const out = ["--out", directory.path];
    const first = await run(
      jitdump(
        "record",
        ...out,
        ...["--frequency", "999", "--", "sh", "-c", LOOP],
      ),
    );
    assertEquals(first.code, 0, first.stderr);
    assertMatch(first.stderr, / -F 999 /);
    const data = join(directory.path, "perf.data");
    const recorded = Deno.readFileSync(data);
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
      assertEquals([...Deno.readDirSync(directory.path)].length, 1);
    }
  });

  it("suggests a remedy when recording is not allowed", async () => {
    using directory = temporaryDirectory();
    Deno.writeTextFileSync(
      join(directory.path, "perf"),
      "#!/bin/sh\necho 'Error:' >&2\n" +
        "echo 'Access to performance monitoring is limited.' >&2\nexit 255\n",
      { mode: 0o755 },
    );
    const { code, stderr } = await run(
      jitdump("record", "--out", join(directory.path, "out"), "--", "true"),
      { env: { PATH: `${directory.path}:/usr/bin:/bin` } },
    );
    assertEquals(code, 1);
    assertStringIncludes(stderr, "Access to performance monitoring is limited");
    assertStringIncludes(stderr, "sysctl kernel.perf_event_paranoid=1");
  });

  for (
    const [mistake, args, message] of [
      ["the command is missing", [], "COMMAND is missing"],
      [
        "the command does not follow --",
        ["true"],
        'the command "true" must follow --',
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
      ["--out is empty", ["--out", "", "--", "true"], "--out is empty"],
      [
        "--call-graph is unknown",
        ["--call-graph", "lbr", "--", "true"],
        '"lbr"',
      ],
    ] as const
  ) {
    it(`exits with 2 when ${mistake}`, async () => {
      const { code, stderr } = await run(jitdump("record", ...args));
      assertEquals(code, 2);
      assertStringIncludes(stderr, message);
    });
  }
});

describe("jitdump doctor", () => {
  const doctor: CommandLine = [
    Deno.execPath(),
    "run",
    "--no-config",
    "--allow-all",
    CLI,
    "doctor",
  ];

  itWithPerf(
    "exits with 0 and records a function when profiling works",
    async () => {
      const { code, stdout } = await run(doctor);
      assertEquals(code, 0, stdout);
      assertMatch(stdout, /ok {4}perf: \d/);
      assertMatch(stdout, /--allow-ffi=\/\S+libc\.so\.6 --allow-write=/);
      assertMatch(stdout, /the profile names it, with \d+% of \d+ samples/);
    },
  );

  it("suggests remedies when perf and objdump are missing", async () => {
    using directory = temporaryDirectory();
    const { code, stdout } = await run(doctor, {
      env: { PATH: directory.path },
    });
    assertEquals(code, 1);
    assertMatch(stdout, /miss {2}perf: perf is not installed; install it/);
    assertMatch(stdout, /note {2}objdump: .*install the package binutils/);
    assert(!stdout.includes("the profile names it"));
  });
});
