import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { type CommandLine, run } from "../support/perf.ts";
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

/** Waits until something is so; what throws is not so yet. */
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

/** A shell's loop, which the profile is of. */
const BUSY = "while :; do :; done";

/** A shell's loop that ends. */
const LOOP = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done";

describe("jitdump record", () => {
  itWithPerf(
    "ends with the report, and the command's exit status",
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
    const [what, signal] of [["SIGINT", "SIGINT"], [
      "SIGTERM",
      "SIGTERM",
    ]] as const
  ) {
    itWithPerf(`passes ${what} on, and reports all the same`, async () => {
      using directory = temporaryDirectory();
      const [program, ...args] = jitdump(
        "record",
        ...["--out", directory.path, "--", "sh", "-c", `echo up; ${BUSY}`],
      );
      const child = new Deno.Command(program, {
        args,
        stdout: "piped",
        stderr: "null",
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
        await new Promise((resolve) => setTimeout(resolve, 300));
        child.kill(signal);
      }
      await child.status;
      assertMatch(chunks.join(""), /samples of .*\n.*self +total/);
    });
  }

  itWithPerf("records a process that runs already", async () => {
    using directory = temporaryDirectory();
    const busy = new Deno.Command("sh", { args: ["-c", BUSY] }).spawn();
    const recording = run(jitdump(
      "record",
      ...["--out", directory.path, "--pid", String(busy.pid)],
    ));
    // perf is attached once it has written something.
    const data = join(directory.path, "perf.data.new");
    await Promise.race([recording, until(() => Deno.statSync(data).size > 0)]);
    await new Promise((resolve) => setTimeout(resolve, 300));
    busy.kill("SIGKILL");
    await busy.status;
    const { code, stdout, stderr } = await recording;
    assertEquals(code, 0, stderr);
    assertMatch(stdout, /samples of .*\n.*self +total/);
  });

  itWithPerf(
    "leaves --help to the command where it is the command's",
    async () => {
      using directory = temporaryDirectory();
      const { code, stdout } = await run(
        jitdump("record", "--out", directory.path, "--", "ls", "--help"),
      );
      assertEquals(code, 0);
      assertMatch(stdout, /Usage: ls .*samples of /s);
    },
  );

  itWithPerf("says that nothing has been recorded", async () => {
    using directory = temporaryDirectory();
    const { code, stdout, stderr } = await run(jitdump(
      "record",
      ...["--out", directory.path, "--", "no-such-command"],
    ));
    assertEquals([code, stdout], [1, ""]);
    assertMatch(stderr, /perf has ended with \d+, and recorded nothing/);
  });

  itWithPerf("keeps an earlier recording where it fails", async () => {
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

  it("says what to do where recording is not allowed", async () => {
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
    const [what, args, message] of [
      ["no command", [], "no COMMAND is given"],
      ["a command without --", ["true"], 'put -- before the command "true"'],
      ["both", ["--pid", "1", "--", "true"], "exclude each other"],
      [
        "a pid that is none",
        ["--pid", "x"],
        '--pid must be a whole number above 0, got "x"',
      ],
      [
        "a frequency that is none",
        ["--frequency", "0", "--", "true"],
        '--frequency must be a whole number above 0, got "0"',
      ],
      ["an empty place", ["--out", "", "--", "true"], "--out is empty"],
      [
        "a call graph that is none",
        ["--call-graph", "lbr", "--", "true"],
        '"lbr"',
      ],
    ] as const
  ) {
    it(`${what} is wrong usage`, async () => {
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

  itWithPerf("finds that a profile can be made, and makes one", async () => {
    const { code, stdout } = await run(doctor);
    assertEquals(code, 0, stdout);
    assertMatch(stdout, /ok {4}perf: \d/);
    assertMatch(stdout, /--allow-ffi=\/\S+libc\.so\.6 --allow-write=/);
    assertMatch(stdout, /its name came out, with \d+% of \d+ samples/);
  });

  it("says what is missing, and what to do", async () => {
    using directory = temporaryDirectory();
    const { code, stdout } = await run(doctor, {
      env: { PATH: directory.path },
    });
    assertEquals(code, 1);
    assertMatch(stdout, /miss {2}perf: there is no perf: install it/);
    assertMatch(stdout, /note {2}objdump: .*install the package binutils/);
    assert(!stdout.includes("came out,"));
  });
});
