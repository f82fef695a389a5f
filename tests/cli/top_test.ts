import { assert, assertEquals, assertMatch } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { whyMissing } from "../support/it_unless.ts";
import { CLI, jitdump } from "../support/jitdump.ts";
import { ENVIRONMENT, run, TIME_LIMIT } from "../support/perf.ts";
import { temporaryDirectory } from "../support/script.ts";
import { itWithRecorder } from "../support/with_recorder.ts";

const DEMO = fromFileUrl(new URL("../demo/main.ts", import.meta.url));

const DENO = `'${Deno.execPath()}' run --no-config --allow-all`;

/** A scale at which the demo runs longer than any test. */
const FOREVER = 1_000_000;

/** Matches a screen with a table that names the demo's functions. */
const TABLE = /% jitted.*(?:.*\n)*.*jitted {6}(?:collatz|gcd) /;

/**
 * Runs `jitdump top` on a terminal of 20 lines, and calls `act` when a screen matches.
 *
 * @returns The output with the settings of the terminal before and after, and the status.
 */
async function top(
  args: string,
  screen: RegExp,
  act: (writeKey: (key: string) => void) => void,
) {
  const child = new Deno.Command("script", {
    args: [
      ...["-qec"],
      "stty cols 90 rows 20; stty -g; " +
      `${DENO} '${CLI}' top ${args}; echo "status $?"; stty -g`,
      "/dev/null",
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
    env: { ...ENVIRONMENT, TERM: "xterm" },
    signal: AbortSignal.timeout(TIME_LIMIT),
  }).spawn();
  const keys = child.stdin.getWriter();
  const pending: Promise<void>[] = [];
  let output = "";
  let isDone = false;
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    output += text.replaceAll("\r", "");
    if (isDone || !screen.test(output)) continue;
    isDone = true;
    act((key) => pending.push(keys.write(new TextEncoder().encode(key))));
  }
  await Promise.all(pending);
  await keys.close().catch(() => {});
  await child.status;
  const lines = output.trimEnd().split("\n");
  assertEquals(lines.at(-1), lines[0], "the settings of the terminal");
  // The other screen has been left, and the cursor is visible.
  const last = (text: string) => output.lastIndexOf(text);
  assert(last("\x1b[?1049l") > last("\x1b[?1049h"), output);
  assert(last("\x1b[?25h") > last("\x1b[?25l"), output);
  return { output, status: Number(lines.at(-2)?.replace(/.*status /, "")) };
}

const noScript = await whyMissing("script");

/** Registers a test that requires a terminal and a recorder. */
const itOnTerminal = (name: string, fn: () => Promise<void>) =>
  itWithRecorder(name, fn, noScript);

const demo = (directory: string) =>
  `${DENO} '${DEMO}' '${directory}' ${FOREVER}`;

describe("jitdump top", () => {
  for (const [name, key] of [["q", "q"], ["Ctrl-C", "\x03"]]) {
    itOnTerminal(
      `shows a command's functions, and terminates it when ${name} is pressed`,
      async () => {
        using directory = temporaryDirectory();
        const { path } = directory;
        const { output, status } = await top(
          `-- sh -c "echo \\$\\$ >'${path}/pid'; exec ${demo(path)}"`,
          TABLE,
          (writeKey) => writeKey(key),
        );
        assertMatch(output, TABLE);
        assertEquals(status, 0);
        const pid = Deno.readTextFileSync(join(path, "pid")).trim();
        const { code } = await run(["sh", "-c", `kill -0 ${pid} 2>/dev/null`]);
        assertEquals(code, 1, "the command has ended");
      },
    );
  }

  itOnTerminal(
    "shows a running process's functions, and does not terminate it, when --pid is given",
    async () => {
      using directory = temporaryDirectory();
      const { path } = directory;
      const [program, ...args] = ["sh", "-c", `exec ${demo(path)}`];
      const child = new Deno.Command(program, {
        ...{ args, stdin: "null", stdout: "null" },
      }).spawn();
      try {
        const { output, status } = await top(
          `--pid ${child.pid}`,
          TABLE,
          (writeKey) => writeKey("q"),
        );
        assertMatch(output, TABLE);
        assertEquals(status, 0);
      } finally {
        child.kill("SIGKILL");
      }
      assertEquals((await child.status).signal, "SIGKILL");
    },
  );

  itOnTerminal("exits with its status when the command ends", async () => {
    const { status } = await top("-- sh -c 'exit 7'", /$^/, () => {});
    assertEquals(status, 7);
  });

  itOnTerminal("restores the terminal when it is terminated", async () => {
    using directory = temporaryDirectory();
    const { path } = directory;
    const { status } = await top(
      `-- ${demo(path)} & echo $! >'${path}/top'; wait $!`,
      TABLE,
      () => {
        const pid = Deno.readTextFileSync(join(path, "top")).trim();
        Deno.kill(Number(pid), "SIGTERM");
      },
    );
    assertEquals(status, 0);
  });

  it("fails when standard output is not a terminal", async () => {
    const { code, stdout, stderr } = await jitdump(["top", "--", "true"], []);
    assertEquals([code, stdout], [1, ""]);
    assertMatch(stderr, /not a terminal: use jitdump record/);
  });

  it("exits with 2 when its arguments are invalid", async () => {
    for (
      const [args, message] of [
        [[], /--pid or COMMAND is missing/],
        [["--pid", "1", "--", "true"], /--pid and COMMAND exclude/],
        [["--pid", "x"], /--pid must be a positive integer/],
        [["true"], /the command must follow --: jitdump top -- true/],
      ] as [string[], RegExp][]
    ) {
      const { code, stderr } = await jitdump(["top", ...args], []);
      assertEquals(code, 2);
      assertMatch(stderr, message);
    }
  });
});
