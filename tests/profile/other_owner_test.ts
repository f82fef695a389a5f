import { assertEquals, assertMatch } from "@std/assert";
import { dirname, join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { DumpBuilder } from "../support/build_dump.ts";
import { RecordingBuilder, START } from "../support/build_recording.ts";
import { itUnless, notRoot } from "../support/it_unless.ts";
import { CLI } from "../support/jitdump.ts";
import { temporaryDirectory } from "../support/script.ts";

/** The user "nobody". */
const NOBODY = 65534;

/** Runs the report in a new process, as the current user or as another one. */
async function report(
  data: string,
  { uid, permissions = ["--allow-read"] }: {
    uid?: number;
    permissions?: string[];
  } = {},
) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-config", "--no-check", "--no-prompt", ...permissions],
      ...[CLI, "report", data],
    ],
    uid,
    env: { DENO_DIR: join(dirname(data), "deno"), NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
  };
}

/** Writes a recording with samples of two processes, each with a dump. */
function write(directory: string) {
  const dumps = [7, 8].map((pid) => {
    const address = BigInt(0x1000_0000 * pid);
    const { bytes } = new DumpBuilder(true, { pid }).load({
      ...{ name: `f${pid}`, address, pid, time: START },
      code: new Uint8Array(16),
    });
    const path = join(directory, `jit-${pid}.dump`);
    Deno.writeFileSync(path, bytes);
    return path;
  });
  const data = join(directory, "perf.data");
  const recording = new RecordingBuilder()
    .mapDump(dumps[0], { pid: 7 }).mapDump(dumps[1], { pid: 8 })
    .sample(0x7000_0000, { pid: 7 }).sample(0x8000_0000, { pid: 8 });
  Deno.writeFileSync(data, recording.file());
  // By default, only the current user may read the tests' directory.
  for (const path of [dirname(directory), directory]) {
    Deno.chmodSync(path, 0o755);
  }
  return { data, dumps };
}

describe("a report of another user's files", () => {
  it("has the other dump's functions and a hint when Deno may not read one", async () => {
    using directory = temporaryDirectory();
    const { data, dumps: [first] } = write(directory.path);
    const permissions = ["--allow-read", `--deny-read=${first}`];
    const { code, stdout, stderr } = await report(data, { permissions });
    assertEquals(code, 0, stderr);
    assertMatch(stdout, /50\.00%.* f8\n/);
    assertMatch(stderr, /jit-7\.dump cannot be read .*: run with --allow-read/);
  });

  itUnless(
    notRoot,
    "has all functions when the files belong to another user and can be read",
    async () => {
      using directory = temporaryDirectory();
      const { data, dumps } = write(directory.path);
      for (const path of [data, ...dumps]) Deno.chownSync(path, NOBODY, NOBODY);
      const { code, stdout, stderr } = await report(data);
      assertEquals(code, 0, stderr);
      assertMatch(stdout, /50\.00%.* f7\n/);
      assertMatch(stdout, /50\.00%.* f8\n/);
      assertEquals(stderr, "");
    },
  );

  itUnless(
    notRoot,
    "has the other dump's functions and a hint when only the owner may read one",
    async () => {
      using directory = temporaryDirectory();
      const { data, dumps: [first, second] } = write(directory.path);
      Deno.chmodSync(first, 0o600);
      for (const path of [data, second]) Deno.chmodSync(path, 0o644);
      const { code, stdout, stderr } = await report(data, { uid: NOBODY });
      assertEquals(code, 0, stderr);
      assertMatch(stdout, /50\.00%.* f8\n/);
      assertMatch(
        stderr,
        /jit-7\.dump cannot be read \(permission denied\).*: run as the user/,
      );
    },
  );

  for (const part of ["file", "directory"] as const) {
    const name =
      `fails with the reason when only the owner may read the ${part}`;
    itUnless(notRoot, name, async () => {
      using directory = temporaryDirectory();
      const { data } = write(directory.path);
      Deno.chmodSync(part === "file" ? data : directory.path, 0o600);
      const { code, stderr } = await report(data, { uid: NOBODY });
      assertEquals(code, 1);
      assertMatch(stderr, /is not allowed: run as the user who recorded it/);
    });
  }
});
