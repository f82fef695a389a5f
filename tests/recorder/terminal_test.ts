import { assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { describe } from "@std/testing/bdd";
import { whyMissing } from "../support/it_unless.ts";
import { jitdumpCommand } from "../support/jitdump.ts";
import { run, TIME_LIMIT } from "../support/perf.ts";
import { quote } from "../support/quote.ts";
import { temporaryDirectory } from "../support/script.ts";
import { itWithRecorder } from "../support/with_recorder.ts";

/** Runs a shell script on a terminal of its own; it is killed if it hangs. */
const onTerminal = (script: string, shell = "sh -c") =>
  run([
    ...["timeout", "-s", "KILL", String(TIME_LIMIT / 1000)] as const,
    ...["script", "-qec", `exec ${shell} ${quote(script)}`, "/dev/null"],
  ]);

/** A program that counts its SIGINTs for two seconds after the first one. */
const COUNTER = `
let count = 0;
Deno.addSignalListener("SIGINT", () => {
  if (count++ === 0) setTimeout(() => {
    console.log("got " + count);
    Deno.exit();
  }, 2000);
});
const start = performance.now();
while (performance.now() < start + 500);
console.log("up");
setInterval(() => {}, 1000);
`;

const noTerminal = await whyMissing("script");

describe("jitdump record on a terminal", () => {
  /** Returns a shell command that records the counter, which prints "up" when it runs. */
  function recordCounter(directory: string): string {
    const counter = join(directory, "counter.ts");
    Deno.writeTextFileSync(counter, COUNTER);
    return quote(...jitdumpCommand(
      ["--allow-all"],
      ...["record", "--event", "cpu-clock:u"],
      ...["--out", join(directory, "out"), "--"],
      ...[Deno.execPath(), "run", counter],
    ));
  }

  itWithRecorder(
    "does not forward SIGINT when Ctrl-C is pressed",
    async () => {
      using directory = temporaryDirectory();
      const log = join(directory.path, "log");
      const pid = join(directory.path, "pid");
      // The kernel sends Ctrl-C to the terminal's foreground group, as kill(1) does here.
      const { stdout } = await onTerminal(`
        echo $$ >${pid}
        (until grep -q up ${log}; do sleep 0.1; done; kill -INT -$$) &
        trap : INT
        ${recordCounter(directory.path)} >${log}
        cat ${log}`);
      assertMatch(stdout, /got 1\b/);
      assertMatch(stdout, /samples of/);
    },
    noTerminal,
  );

  itWithRecorder(
    "forwards SIGINT when the recorder is not in the terminal's foreground",
    async () => {
      using directory = temporaryDirectory();
      const log = join(directory.path, "log");
      const { stdout, code } = await onTerminal(
        `
        ${recordCounter(directory.path)} >${log} &
        until grep -q up ${log}; do sleep 0.1; done
        kill -INT $!
        wait $!
        cat ${log}`,
        "sh -mc",
      );
      assertEquals(code, 0);
      assertMatch(stdout, /got 1\b/);
    },
    noTerminal,
  );
});
