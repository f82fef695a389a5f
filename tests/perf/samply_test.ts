import { assertEquals, assertGreater } from "@std/assert";
import { join } from "@std/path";
import { describe } from "@std/testing/bdd";
import { gunzipSync } from "node:zlib";
import { itUnless, whyMissing } from "../support/it_unless.ts";
import { jitdumpCommand } from "../support/jitdump.ts";
import { noRecorder } from "../support/may_record.ts";
import { runOrThrow } from "../support/perf.ts";
import { demoCommand } from "../support/profile.ts";
import { temporaryDirectory } from "../support/script.ts";

/** The parts of a thread of the Firefox Profiler's format that name its samples. */
interface Thread {
  name: string;
  pid: string;
  tid: string;
  stringArray: string[];
  samples: { stack: (number | null)[] };
  stackTable: { frame: number[] };
  frameTable: { func: number[] };
  funcTable: { name: number[] };
}

/** Returns the number of samples of each function. */
function samplesOf(threads: Thread[], strings?: string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const thread of threads) {
    const names = strings ?? thread.stringArray;
    for (const stack of thread.samples.stack) {
      if (stack === null) continue;
      const { func } = thread.frameTable;
      const fn = func[thread.stackTable.frame[stack]];
      const name = names[thread.funcTable.name[fn]];
      counts.set(name, (counts.get(name) ?? 0) + 1);
    }
  }
  return counts;
}

const reason = await whyMissing("samply") ?? noRecorder;

describe("samply", () => {
  itUnless(
    reason,
    "imports the report's samples of each jitted function when it reads a recording",
    async () => {
      using directory = temporaryDirectory();
      const { path } = directory;
      const recording = join(path, "recording");
      const dumps = join(path, "dumps");
      Deno.mkdirSync(dumps);
      const record = ["record", "--out", recording, "--"];
      await runOrThrow(
        jitdumpCommand(["--allow-all"], ...record, ...demoCommand(dumps)),
      );
      const file = join(path, "profile.json.gz");
      await runOrThrow([
        ...["samply", "import", join(recording, "perf.data")] as const,
        ...["--save-only", "--output", file],
      ]);
      const { threads, shared } = JSON.parse(
        gunzipSync(Deno.readFileSync(file)).toString(),
      );
      assertEquals(threads[0].name, "deno");
      assertEquals(threads[0].pid, threads[0].tid);
      const theirs = samplesOf(threads, shared?.stringArray);
      const { stdout } = await runOrThrow(
        jitdumpCommand(["--allow-all"], "report", "--json", recording),
      );
      let compared = 0;
      for (
        const { name, category, selfSamples } of JSON.parse(stdout).functions
      ) {
        if (category !== "jitted" || selfSamples === 0) continue;
        assertEquals(theirs.get(name), selfSamples, name);
        compared++;
      }
      assertGreater(compared, 4);
    },
  );
});
