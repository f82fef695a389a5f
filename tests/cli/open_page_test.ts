import { assert, assertEquals, assertMatch } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { jitdumpCommand } from "../support/jitdump.ts";
import { run } from "../support/perf.ts";
import { recordFunctions } from "../support/record_functions.ts";
import { LIBC, temporaryDirectory } from "../support/script.ts";
import { itWithRecorder } from "../support/with_recorder.ts";

/** Creates a directory with a script `xdg-open`, which writes its argument to a file. */
function makeBin(directory: string, status = 0): string {
  const bin = join(directory, "bin");
  Deno.mkdirSync(bin);
  const script = `#!/bin/sh\necho "$1" >'${directory}/opened'\nexit ${status}`;
  Deno.writeTextFileSync(join(bin, "xdg-open"), script, { mode: 0o755 });
  return bin;
}

const openedIn = (directory: string) =>
  Deno.readTextFileSync(join(directory, "opened")).trim();

const FLAGS = ["--allow-read", "--allow-write", "--allow-run=xdg-open"];

/** Writes the page of a recording, and opens it. */
async function open(
  path: string,
  { flags = FLAGS, bin }: { flags?: string[]; bin: string },
) {
  const recording = join(path, "recording");
  recordFunctions(recording, [{ chain: ["fib", "main"] }]);
  const page = join(path, "page.html");
  const { code, stderr } = await run(
    jitdumpCommand(flags, "report", recording, "--html", page, "--open"),
    { env: { PATH: `${bin}:/usr/bin:/bin` } },
  );
  assert(Deno.statSync(page).size > 0);
  return { code, stderr, page };
}

describe("jitdump report --html --open", () => {
  it("writes the page and opens it when there is a browser", async () => {
    using directory = temporaryDirectory();
    const { path } = directory;
    const { code, stderr, page } = await open(path, { bin: makeBin(path) });
    assertEquals(code, 0, stderr);
    assertEquals(openedIn(path), page);
  });

  it("prints the path of the page when there is no browser", async () => {
    using directory = temporaryDirectory();
    const { path } = directory;
    const { code, stderr, page } = await open(path, { bin: makeBin(path, 3) });
    assertEquals(code, 1);
    assertMatch(stderr, /found no browser \(status 3\): open \S+page\.html/);
    assert(stderr.includes(page));
  });

  it("names the permission when it is missing", async () => {
    using directory = temporaryDirectory();
    const { path } = directory;
    const flags = ["--allow-read", "--allow-write"];
    const { code, stderr } = await open(path, { flags, bin: makeBin(path) });
    assertEquals(code, 1);
    assertMatch(stderr, /run again with --allow-run=xdg-open, or open \S+html/);
  });

  it("exits with 2 when no file is named", async () => {
    for (const options of [["--open"], ["--open", "--html", "-"]]) {
      const { code, stderr } = await run(
        jitdumpCommand([], "report", ...options),
      );
      assertEquals(code, 2);
      assertMatch(stderr, /--open requires --html FILE/);
    }
  });
});

describe("jitdump record --open", () => {
  itWithRecorder(
    "opens the page in the recording's directory when no file is named",
    async () => {
      using directory = temporaryDirectory();
      const { path } = directory;
      const out = join(path, "out");
      const loop = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done";
      const flags = [
        `--allow-ffi=${LIBC}`,
        ...["--allow-run=sh,xdg-open", "--allow-read", `--allow-write=${out}`],
      ];
      const { code, stdout, stderr } = await run(
        jitdumpCommand(
          flags,
          ...["record", "--out", out, "--open", "--", "sh", "-c", loop],
        ),
        { env: { PATH: `${makeBin(path)}:/usr/bin:/bin` } },
      );
      assertEquals(code, 0, stderr);
      assertMatch(stdout, /self +total/);
      const page = join(out, "report.html");
      assertEquals(openedIn(path), page);
      assertMatch(Deno.readTextFileSync(page), /^<!DOCTYPE html>/i);
    },
  );

  itWithRecorder(
    "exits with the command's status when the page cannot be opened",
    async () => {
      using directory = temporaryDirectory();
      const { path } = directory;
      const page = join(path, "page.html");
      const loop = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; exit 7";
      const { code, stderr } = await run(
        jitdumpCommand(
          ["--allow-all"],
          ...["record", "--out", join(path, "out")],
          ...["--html", page, "--open", "--", "sh", "-c", loop],
        ),
        { env: { PATH: `${makeBin(path, 4)}:/usr/bin:/bin` } },
      );
      assertEquals(code, 7, stderr);
      assertMatch(stderr, /wrote \S+page\.html\n(.*\n)*.*found no browser/);
    },
  );
});
