import { assert, assertEquals, assertLess, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import {
  FileHeader,
  JitDumpError,
  JitDumpFile,
  PerfMapFile,
} from "../../mod.ts";
import { itUnless, notRoot } from "../support/it_unless.ts";
import { readLoads } from "../support/parse_dump.ts";
import { type CommandLine, runOrThrow } from "../support/perf.ts";
import { raceCommand, runRace } from "../support/thread_race.ts";
import {
  LIBC,
  MOD,
  runScript,
  scriptCommand,
  temporaryDirectory,
} from "../support/script.ts";
import { runOnTmpfs, whyNotMount } from "../stress/full_disk.ts";

const code = new Uint8Array(new ArrayBuffer(16));

/**
 * Creates a dump of another process: its header has the given pid, and a start time that
 * is `earlier` nanoseconds before this process's.
 */
function leaveDump(path: string, pid = Deno.pid, earlier = 1n): Uint8Array {
  const dump = new JitDumpFile(path);
  dump.dumpFunction({ name: "of an earlier process", code });
  dump.close();
  const bytes = Deno.readFileSync(path);
  const header = FileHeader.unpack(bytes);
  header.timestamp -= earlier;
  FileHeader.pack({ ...header, pid }, bytes);
  Deno.writeFileSync(path, bytes);
  return bytes;
}

const names = (path: string) => readLoads(path).map(({ name }) => name);

const PID_NAMESPACE: CommandLine = [
  "unshare",
  "--map-root-user",
  "--pid",
  "--fork",
];

/** Reason why no PID namespace can be created; undefined if one can. */
const noNamespace = await runOrThrow([...PID_NAMESPACE, "true"])
  .then(() => undefined, (error) => error.message);

const noMount = await whyNotMount();

describe("a dump of an earlier process with the same id", () => {
  it("is renamed when this process opens its dump", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, `jit-${Deno.pid}.dump`);
    for (
      const [pid, earlier] of [[Deno.pid, 1n], [Deno.pid + 1, 0n]] as const
    ) {
      const left = leaveDump(path, pid, earlier);
      using dump = JitDumpFile.forProcess(directory.path);
      dump.dumpFunction({ name: "ours", code });
      assertEquals(names(path), ["ours"]);
      assertEquals(Deno.readFileSync(`${path}.old`), left);
      dump.close();
      Deno.removeSync(path);
    }
  });

  itUnless(
    noNamespace,
    "is recognized when processes have the same id in two PID namespaces",
    async () => {
      using directory = temporaryDirectory();
      const script = scriptCommand(
        directory.path,
        `import { JitDumpFile } from "${MOD}";
       using dump = JitDumpFile.forProcess("${directory.path}");
       dump.dumpFunction({ name: Deno.args[0] ?? "", code: new Uint8Array(16) });
       // A dump of the same process is kept.
       dump.close();
       using again = JitDumpFile.forProcess("${directory.path}");
       again.dumpFunction({ name: "again", code: new Uint8Array(16) });
       console.log(Deno.pid);`,
        ["--allow-all"],
      );
      const run = async (name: string) => {
        const { stdout } = await runOrThrow([
          ...PID_NAMESPACE,
          ...script,
          name,
        ]);
        assertEquals(stdout, "1\n");
      };
      await run("first");
      const path = join(directory.path, "jit-1.dump");
      assertEquals(names(path), ["first", "again"]);
      await run("second");
      assertEquals(names(path), ["second", "again"]);
      assertEquals(names(`${path}.old`), ["first", "again"]);
      await run("third");
      assertEquals(names(`${path}.old`), ["second", "again"]);
    },
  );

  itUnless(
    noMount,
    "is kept when no dump can be created in its place",
    async () => {
      using directory = temporaryDirectory();
      const mountPoint = join(directory.path, "noexec");
      Deno.mkdirSync(mountPoint);
      const left = join(directory.path, "left.dump");
      leaveDump(left);
      const script = scriptCommand(
        directory.path,
        `import { JitDumpFile } from "${MOD}";
       const path = "${mountPoint}/some.dump";
       Deno.copyFileSync("${left}", path);
       Deno.writeTextFileSync(path + ".old", "precious");
       try {
         new JitDumpFile(path);
       } catch (error) {
         console.log(error.syscall, error.code, Deno.readTextFileSync(path + ".old"));
       }`,
        ["--allow-all"],
      );
      const { stdout } = await runOnTmpfs(mountPoint, "noexec", script);
      assertEquals(stdout, "mmap EPERM precious\n");
    },
  );

  it("is renamed when both names are links to it", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    const left = leaveDump(path);
    Deno.linkSync(path, `${path}.old`);
    new JitDumpFile(path).close();
    assertEquals(Deno.statSync(path).size, FileHeader.size);
    assertEquals(Deno.readFileSync(`${path}.old`), left);
  });

  it("is renamed once when workers open it at the same time", async () => {
    using directory = temporaryDirectory();
    const paths = Array.from(
      { length: 50 },
      (_, round) => join(directory.path, `${round}`),
    );
    for (const path of paths) leaveDump(path);
    await runRace(directory.path, {
      threads: 3,
      rounds: paths.length,
      body: `
        using dump = new JitDumpFile("${directory.path}/" + round);
        dump.dumpFunction({ name: "of " + thread, code: new Uint8Array(16) });`,
    });
    for (const path of paths) {
      assertEquals(names(path).toSorted(), ["of 0", "of 1", "of 2"]);
      assertEquals(names(`${path}.old`), ["of an earlier process"]);
    }
  });

  it("is kept when Deno denies write access to its new name", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    const left = leaveDump(path);
    const { stdout } = await runScript(
      directory.path,
      `import { JitDumpFile } from "${MOD}";
       try {
         new JitDumpFile("${path}");
       } catch (error) {
         console.log(error.constructor.name, error.message);
       }`,
      [`--allow-ffi=${LIBC}`, `--allow-write=${path}`],
    );
    assertEquals(
      stdout,
      `NotCapable Cannot open "${path}.old": write access to it is not allowed. ` +
        `Run again with --allow-write=${directory.path}\n`,
    );
    assertEquals(Deno.readFileSync(path), left);
  });

  it("is kept when its new name is a directory", () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    const left = leaveDump(path);
    Deno.mkdirSync(`${path}.old`);
    const { syscall, code } = assertThrows(
      () => new JitDumpFile(path),
      JitDumpError,
      `rename to "${path}.old"`,
    );
    assertEquals([syscall, code], ["rename", "EISDIR"]);
    assertEquals(Deno.readFileSync(path), left);
  });
});

describe("a dump of another process", () => {
  it("is rejected when it is open, and renamed when that process has ended", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    const [program, ...args] = scriptCommand(
      directory.path,
      `import { JitDumpFile } from "${MOD}";
       const dump = new JitDumpFile("${path}");
       console.log("open");
       Deno.stdin.readSync(new Uint8Array(1));`,
      ["--allow-all"],
    );
    const other = new Deno.Command(program, {
      args,
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const reader = other.stdout.getReader();
    await reader.read();
    const before = Deno.readFileSync(path);
    const { message } = assertThrows(
      () => new JitDumpFile(path),
      Deno.errors.Busy,
      "another process writes to it",
    );
    assert(message.includes(path), message);
    assertEquals(Deno.readFileSync(path), before);
    assertEquals([...Deno.readDirSync(directory.path)].length, 2);
    await other.stdin.close();
    await reader.cancel();
    await other.status;
    new JitDumpFile(path).close();
    assertEquals(Deno.readFileSync(`${path}.old`), before);
  });
});

describe("a file of another user", () => {
  for (const open of [JitDumpFile, PerfMapFile]) {
    itUnless(
      notRoot,
      `is rejected by ${open.name} when its mode allows writing`,
      () => {
        using directory = temporaryDirectory();
        const path = join(directory.path, "some.file");
        for (const content of ["", "1000 10 f\n"]) {
          Deno.writeTextFileSync(path, content);
          Deno.chmodSync(path, 0o666);
          Deno.chownSync(path, 12345, null);
          const { message } = assertThrows(
            () => new open(path),
            Deno.errors.InvalidData,
            "belongs to user 12345",
          );
          assert(message.includes(path), message);
          assertEquals(Deno.readTextFileSync(path), content);
        }
      },
    );
  }
});

describe("a dump of this process", () => {
  itUnless(
    notRoot,
    "is opened when the file system reports another owner",
    () => {
      using directory = temporaryDirectory();
      const path = join(directory.path, "some.dump");
      const dump = (name: string) => {
        using opened = new JitDumpFile(path);
        opened.dumpFunction({ name, code: new Uint8Array(4) });
      };
      dump("first");
      Deno.chownSync(path, 12345, null);
      dump("second");
      assertEquals(
        readLoads(path).map(({ name }) => name),
        ["first", "second"],
      );
    },
  );
});

describe("opening a dump that cannot be mapped", () => {
  itUnless(
    noMount,
    "removes the file when it has created it, and keeps any other",
    async () => {
      using directory = temporaryDirectory();
      const mountPoint = join(directory.path, "noexec");
      Deno.mkdirSync(mountPoint);
      const script = scriptCommand(
        directory.path,
        `import { JitDumpFile } from "${MOD}";
       Deno.writeTextFileSync("${mountPoint}/there.dump", "");
       for (const name of ["there", "new"]) {
         try {
           new JitDumpFile("${mountPoint}/" + name + ".dump");
         } catch (error) {
           console.log(error.syscall, error.code);
         }
       }
       console.log([...Deno.readDirSync("${mountPoint}")].map(({ name }) => name).join());`,
        ["--allow-all"],
      );
      const { stdout } = await runOnTmpfs(mountPoint, "noexec", script);
      assertEquals(stdout, "mmap EPERM\nmmap EPERM\nthere.dump\n");
    },
  );

  itUnless(
    noMount,
    "removes almost every file when two threads fail at once",
    async () => {
      using directory = temporaryDirectory();
      const mountPoint = join(directory.path, "noexec");
      Deno.mkdirSync(mountPoint);
      const [program, ...args] = raceCommand(directory.path, {
        threads: 2,
        rounds: 100,
        body: `
        try {
          new JitDumpFile("${mountPoint}/" + round + ".dump");
        } catch (error) {
          if (error.code !== "EPERM") throw error;
        }`,
      });
      const { stdout } = await runOnTmpfs(mountPoint, "noexec", [
        "sh",
        "-c",
        `"$@" && ls ${mountPoint}`,
        "sh",
        program,
        ...args,
      ]);
      const [end, ...left] = stdout.trim().split("\n");
      assertEquals(end, "done");
      // A file is left if one thread fails between the other's opening of it and the marking
      // of that descriptor. On a busy machine, this happens in a round or two.
      assertLess(left.length, 10);
    },
  );
});
