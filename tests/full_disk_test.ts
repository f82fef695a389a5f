import { assertEquals, assertStringIncludes } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { readLoads } from "./parse_dump.ts";
import { type CommandLine, isInstalled, run } from "./perf.ts";
import { MOD, scriptCommand, temporaryDirectory } from "./script.ts";

/** Writes until there is no room, says how that ended, and goes on after `makeRoom`. */
const FILL = (dumps: string, codeSize: number, makeRoom: string) => `
  import { JitDumpError, JitDumpFile } from "${MOD}";
  const dump = new JitDumpFile("${dumps}/some.dump");
  let count = 0;
  const dumpOne = () => {
    dump.dumpFunction({ name: "f" + count, code: new Uint8Array(${codeSize}) });
    count++;
  };
  for (const attempt of [1, 2]) {
    try {
      for (;;) dumpOne();
    } catch (error) {
      if (!(error instanceof JitDumpError)) throw error;
      const { code, message, syscall } = error;
      const { size } = Deno.statSync(dump.path);
      console.log(JSON.stringify({ code, message, syscall, count, size }));
    }
  }
  ${makeRoom}
  dumpOne();
  console.log(JSON.stringify({ count }));
`;

interface Ending {
  code: string;
  message: string;
  syscall: string;
  count: number;
  size: number;
}

/** Checks what FILL has printed, and the file it has left. */
function checkEndings(stdout: string, path: string, expectedCode: string) {
  const [first, second, last] = stdout.trim().split("\n")
    .map((line) => JSON.parse(line)) as Ending[];
  assertEquals([first.code, first.syscall[0]], [expectedCode, "w"]);
  assertStringIncludes(first.message, `"${path}"`);
  // The failed call has left nothing, so the next one fails in the same place.
  assertEquals(second, first);
  assertEquals(last.count, first.count + 1);
  const bytes = Deno.readFileSync(path);
  assertEquals(bytes.length > first.size, true);
  assertEquals(
    readLoads(path).map(({ name }) => name),
    Array.from({ length: last.count }, (_, i) => `f${i}`),
  );
}

/** In a mount namespace of its own a user may mount a file system. */
const NAMESPACE: CommandLine = ["unshare", "--map-root-user", "--mount"];
const mayMount =
  (await run([...NAMESPACE, "mount", "-t", "tmpfs", "none", "/mnt"])
    .catch(() => ({ success: false }))).success;

const hasPrlimit = await isInstalled("prlimit");

describe("a disk that is full", () => {
  for (const codeSize of [100, 70_000]) {
    const name = `an append of ${codeSize} bytes takes itself back`;
    if (!mayMount) {
      it.skip(`${name} (ignored: a tmpfs cannot be mounted here)`, () => {});
      continue;
    }
    it(name, async () => {
      using directory = temporaryDirectory();
      const dumps = join(directory.path, "dumps");
      Deno.mkdirSync(dumps);
      const script = scriptCommand(
        directory.path,
        FILL(dumps, codeSize, `Deno.removeSync("${dumps}/filler");`),
        ["--allow-all"],
      );
      const copy = join(directory.path, "copy");
      const { stdout, stderr } = await run([
        ...NAMESPACE,
        "sh",
        "-ec",
        `mount -t tmpfs -o size=400k none ${dumps}
         head -c 120000 /dev/zero > ${dumps}/filler
         "$@"
         cp ${dumps}/some.dump ${copy}`,
        "sh",
        ...script,
      ]);
      assertEquals(stderr, "");
      checkEndings(
        stdout.replaceAll(join(dumps, "some.dump"), copy),
        copy,
        "ENOSPC",
      );
    });
  }
});

describe("a file that reaches its size limit", () => {
  const name = "an append takes itself back where SIGXFSZ is ignored";
  if (!hasPrlimit) {
    it.skip(`${name} (ignored: there is no prlimit)`, () => {});
    return;
  }
  it(name, async () => {
    using directory = temporaryDirectory();
    const script = scriptCommand(
      directory.path,
      FILL(
        directory.path,
        1000,
        `await new Deno.Command("prlimit", {
           args: ["--pid", String(Deno.pid), "--fsize=unlimited"],
         }).output();`,
      ),
      ["--allow-all"],
    );
    const { stdout, stderr } = await run([
      "bash",
      "-c",
      `trap '' XFSZ; ulimit -S -f 64; exec "$@"`,
      "bash",
      ...script,
    ]);
    assertEquals(stderr, "");
    checkEndings(stdout, join(directory.path, "some.dump"), "EFBIG");
  });
});
