import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { describe } from "@std/testing/bdd";
import { itUnless, whyMissing } from "../support/it_unless.ts";
import { jitdumpCommand } from "../support/jitdump.ts";
import { type CommandLine, run, runOrThrow } from "../support/perf.ts";
import { demoCommand } from "../support/profile.ts";
import { temporaryDirectory } from "../support/script.ts";
import { itWithRecorder } from "../support/with_recorder.ts";

const jitdump = (...args: string[]) => jitdumpCommand(["--allow-all"], ...args);

const LOOP = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done";

/** A user id that no other process has: the kernel counts the locked memory of each user. */
const USER = 100_000 + Deno.pid;

/** A command that runs another one as an unprivileged user. */
const NOBODY = [
  "setpriv",
  ...[`--reuid=${USER}`, `--regid=${USER}`, "--clear-groups"],
];

async function whyNoUser(): Promise<string | undefined> {
  const paranoid = "/proc/sys/kernel/perf_event_paranoid";
  if (Deno.uid() !== 0) return "this user is not root";
  if (Number(Deno.readTextFileSync(paranoid)) !== 2) {
    return "kernel.perf_event_paranoid is not 2";
  }
  const noSetpriv = await whyMissing("setpriv");
  if (noSetpriv) return noSetpriv;
  const [program, ...args] = NOBODY;
  const { success } = await run(
    [program, ...args, ...jitdump("--version")],
    { env: { DENO_DIR: "/nonexistent" } },
  );
  return success ? undefined : "another user cannot run this project";
}

const noUser = await whyNoUser();

/** Creates a directory that every user may use. */
function publicDirectory() {
  // Only root may use the tests' own directory.
  const path = Deno.makeTempDirSync({ dir: "/tmp", prefix: "jitdump-" });
  Deno.chmodSync(path, 0o777);
  return {
    path,
    env: { DENO_DIR: join(path, "deno") },
    [Symbol.dispose]: () => Deno.removeSync(path, { recursive: true }),
  };
}

describe("an unprivileged user", () => {
  itUnless(
    noUser,
    "records and reports only user code when only root may record the kernel",
    async () => {
      using directory = publicDirectory();
      const { path, env } = directory;
      const out = join(path, "out");
      const as = (...args: string[]) =>
        run([NOBODY[0], ...NOBODY.slice(1), ...jitdump(...args)], { env });
      const recorded = await as("record", "--out", out, "--", "sh", "-c", LOOP);
      assertEquals(recorded.code, 0, recorded.stderr);
      assertStringIncludes(recorded.stderr, "may not record the kernel");
      assertStringIncludes(recorded.stdout, "samples of cpu-clock:u");
      const other = await as("record", "--out", out, "--pid", `${Deno.pid}`);
      assertEquals(other.code, 1);
      assertStringIncludes(other.stderr, "it is another user's");
      const all = await as("record", "--out", out, "--all");
      assertStringIncludes(all.stderr, "recording all processes is not allow");
      const kernel = await as(
        ...["record", "--out", out, "--event", "cpu-clock:k", "--", "true"],
      );
      assertStringIncludes(
        kernel.stderr,
        "sysctl kernel.perf_event_paranoid=1",
      );
    },
  );

  itUnless(
    noUser,
    "records with smaller ring buffers when little memory may be locked",
    async () => {
      using directory = publicDirectory();
      const { path, env } = directory;
      const script = 'ulimit -l 0; exec "$@"';
      const { code, stderr } = await run([
        ...[NOBODY[0], ...NOBODY.slice(1), "sh", "-c", script, "sh"] as const,
        ...jitdump("record", "--out", join(path, "out")),
        ...["--call-graph", "dwarf", "--", "sh", "-c", LOOP],
      ], { env });
      assertEquals(code, 0, stderr);
      assertMatch(stderr, /each CPU has \d+ KiB instead of 16384 KiB/);
      assertStringIncludes(stderr, "sysctl kernel.perf_event_mlock_kb=");
    },
  );
});

const NAMESPACES: CommandLine = [
  "unshare",
  ...["--user", "--map-root-user", "--pid", "--fork", "--mount-proc"],
];

const noNamespaces = await whyMissing("unshare") ??
  ((await run([...NAMESPACES, "true"])).success
    ? undefined
    : "this user may not create a user namespace");

describe("jitdump record in a user and pid namespace", () => {
  itWithRecorder(
    "records and reports jitted functions when the program is in it too",
    async () => {
      using directory = temporaryDirectory();
      const { code, stdout, stderr } = await run([
        ...NAMESPACES,
        ...jitdump("record", "--event", "cpu-clock:u"),
        ...["--out", join(directory.path, "out"), "--"],
        ...demoCommand(directory.path),
      ]);
      assertEquals(code, 0, stderr);
      assertMatch(stdout, /jitted +collatz/);
    },
    noNamespaces,
  );
});

const noCompiler = await whyMissing("cc");

describe("jitdump record under a seccomp filter", () => {
  for (
    const [name, errno, message] of [
      ["EPERM", 1, /perf_event_open is blocked \(EPERM\): .*PERFMON/],
      ["ENOSYS", 38, /missing or blocked \(ENOSYS\): .*seccomp profile/],
      ["EACCES", 13, /: this user may not record \(/],
    ] as const
  ) {
    itUnless(
      noCompiler,
      `suggests a remedy when perf_event_open fails with ${name}`,
      async () => {
        using directory = temporaryDirectory();
        const block = join(directory.path, "block");
        const source = new URL(
          "../support/block_system_call.c",
          import.meta.url,
        );
        await runOrThrow(["cc", "-o", block, fromFileUrl(source)]);
        const out = join(directory.path, "out");
        const { code, stderr } = await run([
          ...[block, `${errno}`] as const,
          ...jitdump("record", "--out", out, "--", "true"),
        ]);
        assertEquals(code, 1);
        assertMatch(stderr, message);
      },
    );
  }
});
