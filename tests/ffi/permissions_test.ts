import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { basename, dirname, join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { readLoads } from "../support/parse_dump.ts";
import { run } from "../support/perf.ts";
import {
  enoughFlags,
  LIBC,
  MOD,
  runScript,
  scriptCommand,
  temporaryDirectory,
} from "../support/script.ts";

const PERMISSION = new URL("../../ffi/permission.ts", import.meta.url).href;

/** Returns a script that dumps three functions, then fails, and prints the error. */
const failingScript = (dumps: string, options = "{}") => `
  import { JitDumpError, JitDumpFile } from "${MOD}";
  try {
    using dump = JitDumpFile.forProcess("${dumps}", ${options});
    const code = new Uint8Array(100_000);
    dump.dumpFunction({ name: "small", code: code.subarray(0, 10) });
    dump.dumpFunction({ name: "named größe", code, address: 4096 });
    dump.dumpCodeLoadRecord("positional", code, dump.getTimeStamp(), 1, 2);
    dump.nextCodeIndex();
    new JitDumpFile("${dumps}/missing/a.dump", undefined, ${options});
  } catch (error) {
    const name = error instanceof JitDumpError ? error.code : error.constructor.name;
    console.log(name + ": " + error.message);
  }
`;

/** Returns the names of the functions in the only dump of the directory. */
function dumpedNames(directory: string): string[] {
  const [dump, ...others] = Deno.readDirSync(directory);
  assertEquals(others, []);
  return readLoads(join(directory, dump.name)).map(({ name }) => name);
}

describe("a program with enough permissions", () => {
  const sufficient: [
    string,
    (dumps: string, ownLibc: string) => string[],
    "own libc"?,
  ][] = [
    [
      "libc and the dump's directory",
      (dumps) => [`--allow-ffi=${LIBC}`, `--allow-write=${dumps}`],
    ],
    [
      "libc's directory and a directory above the dump's",
      (dumps) => [
        `--allow-ffi=${dirname(LIBC)}`,
        `--allow-write=${dirname(dumps)}`,
      ],
    ],
    [
      "all FFI and the dump's directory",
      (dumps) => ["--allow-ffi", `--allow-write=${dumps}`],
    ],
    [
      "a path of libc that the caller names",
      (dumps, libc) => [`--allow-ffi=${libc}`, `--allow-write=${dumps}`],
      "own libc",
    ],
  ];
  for (const [granted, flags, own] of sufficient) {
    it(`writes a dump when it may access ${granted}`, async () => {
      using directory = temporaryDirectory();
      const dumps = join(directory.path, "dumps");
      const libc = join(directory.path, "libc");
      Deno.mkdirSync(dumps);
      if (own) Deno.symlinkSync(LIBC, libc);
      const options = own ? `{ libc: "${libc}" }` : "{}";
      const source = failingScript(dumps, options);
      const { stdout, stderr } = await runScript(
        directory.path,
        source,
        flags(dumps, libc),
      );
      assertEquals(stderr, "");
      // These permissions suffice for error messages as well.
      assertStringIncludes(stdout, "ENOENT: Cannot open");
      assertStringIncludes(stdout, "No such file or directory");
      assertEquals(dumpedNames(dumps), ["small", "named größe", "positional"]);
    });
  }
});

describe("importing the module", () => {
  it("succeeds when all permissions are denied", async () => {
    using directory = temporaryDirectory();
    const source = `
      import { JitDumpFile, FileHeader } from "${MOD}";
      console.log(JitDumpFile.isSupported(), FileHeader.size);
    `;
    const { stdout, stderr } = await runScript(directory.path, source, [
      "--deny-ffi",
      "--deny-read",
      "--deny-write",
      "--deny-env",
      "--deny-sys",
      "--deny-run",
      "--deny-net",
    ]);
    assertEquals([stdout, stderr], ["true 40\n", ""]);
  });
});

describe("a program with a missing permission", () => {
  const missing: {
    granted: string;
    flags: (dumps: string) => string[];
    options?: string;
    names: (dumps: string) => string;
  }[] = [
    {
      granted: "no FFI",
      flags: (dumps) => [`--allow-write=${dumps}`],
      names: () => "--allow-ffi=",
    },
    {
      granted: "FFI for another file",
      flags: (dumps) => [`--allow-ffi=${dumps}/a.so`, `--allow-write=${dumps}`],
      names: () => "--allow-ffi=",
    },
    {
      granted: "FFI denied explicitly",
      flags: (dumps) => ["--deny-ffi", `--allow-write=${dumps}`],
      names: () => "--allow-ffi=",
    },
    {
      granted: "FFI for another libc than the requested one",
      flags: (dumps) => [`--allow-ffi=${LIBC}`, `--allow-write=${dumps}`],
      options: `{ libc: "/opt/libc.so.6" }`,
      names: () => "--allow-ffi=/opt/libc.so.6",
    },
    {
      granted: "all FFI except for files below /",
      flags: (dumps) => [
        "--allow-ffi",
        "--deny-ffi=/",
        `--allow-write=${dumps}`,
      ],
      names: () => "--allow-ffi=",
    },
    {
      granted: "no write permission",
      flags: () => [`--allow-ffi=${LIBC}`],
      names: (dumps) => `--allow-write=${dumps}`,
    },
    {
      granted: "no write permission but all FFI",
      flags: () => ["--allow-ffi"],
      names: (dumps) => `--allow-write=${dumps}`,
    },
    {
      granted: "write permission for other directories",
      flags: (dumps) => [
        `--allow-ffi=${LIBC}`,
        `--allow-write=${dumps}/sub,${dumps}2`,
      ],
      names: (dumps) => `--allow-write=${dumps}`,
    },
    {
      granted: "write permission except for that directory",
      flags: (dumps) => [
        `--allow-ffi=${LIBC}`,
        "--allow-write",
        `--deny-write=${dumps}`,
      ],
      names: (dumps) => `--allow-write=${dumps}`,
    },
    {
      granted: "no permissions",
      flags: () => [],
      names: () => "--allow-ffi=",
    },
  ];
  for (const { granted, flags, options, names } of missing) {
    it(`gets a NotCapable error with the missing flag when it has ${granted}`, async () => {
      using directory = temporaryDirectory();
      const dumps = join(directory.path, "dumps");
      Deno.mkdirSync(dumps);
      const { stdout, stderr } = await runScript(
        directory.path,
        failingScript(dumps, options),
        flags(dumps),
      );
      assertEquals(stderr, "");
      assert(stdout.startsWith("NotCapable: Cannot "), stdout);
      assertStringIncludes(stdout, `Run again with ${names(dumps)}`);
      assertEquals([...Deno.readDirSync(dumps)], []);
    });
  }

  it("can write a dump when it has the flags that the errors name", async () => {
    using directory = temporaryDirectory();
    const dumps = join(directory.path, "dumps");
    Deno.mkdirSync(dumps);
    const flags: string[] = [];
    for (let attempt = 0; attempt < 3; attempt++) {
      const { stdout } = await runScript(
        directory.path,
        failingScript(dumps),
        flags,
      );
      const named = stdout.match(/^NotCapable: .* (--allow-\w+=[^\s,]+)/);
      if (!named) break;
      flags.push(named[1]);
    }
    assertEquals(flags.map((flag) => flag.split("=")[0]), [
      "--allow-ffi",
      "--allow-write",
    ]);
    assertEquals(dumpedNames(dumps).length, 3);
  });

  it("gets an absolute path in the error when its path is relative", async () => {
    using directory = temporaryDirectory();
    const source = `
      import { JitDumpFile } from "${MOD}";
      for (const dir of [undefined, "sub/dir", "/"]) {
        try { JitDumpFile.forProcess(dir); }
        catch ({ message }) { console.log(message.split("--allow-write=")[1]); }
      }
    `;
    const { stdout } = await runScript(directory.path, source, [
      `--allow-ffi=${LIBC}`,
    ]);
    const here = Deno.cwd();
    assertEquals(stdout, `${here}\n${here}/sub/dir\n/\n`);
  });
});

describe("opening a dump by an indirect path", () => {
  /** Returns a script that opens the paths and prints each outcome. */
  const tryOpening = (paths: string[]) => `
    import { JitDumpFile } from "${MOD}";
    for (const path of ${JSON.stringify(paths)}) {
      try {
        new JitDumpFile(path).close();
        console.log("opened");
      } catch (error) {
        console.log(error.constructor.name);
      }
    }
  `;

  it("stays in the granted directory when paths contain links and ..", async () => {
    using directory = temporaryDirectory();
    const allowed = join(directory.path, "allowed");
    const other = join(directory.path, "other");
    Deno.mkdirSync(allowed);
    Deno.mkdirSync(join(other, "sub"), { recursive: true });
    Deno.symlinkSync(join(other, "sub"), join(allowed, "link"));
    const { stdout } = await runScript(
      directory.path,
      tryOpening([
        `${allowed}/link/../a.dump`,
        `${allowed}//./sub/.././b.dump`,
        `${allowed}/../other/c.dump`,
        `${allowed}/link/../../other/d.dump`,
      ]),
      enoughFlags(allowed),
    );
    assertEquals(stdout, "opened\nopened\nNotCapable\nNotCapable\n");
    assertEquals(
      Array.from(Deno.readDirSync(allowed), ({ name }) => name).toSorted(),
      ["a.dump", "b.dump", "link"],
    );
    assertEquals(
      Array.from(Deno.readDirSync(other), ({ name }) => name),
      ["sub"],
    );
  });

  it("fails when the path is in /proc, /dev or /sys", async () => {
    using directory = temporaryDirectory();
    const denied = join(directory.path, "denied");
    Deno.mkdirSync(denied);
    const paths = [
      `/proc/self/root${denied}/a.dump`,
      `/tmp/../proc/self/root${denied}/b.dump`,
      `/proc/self/cwd/${denied}/c.dump`,
      "/dev/shm/jitdump-test.dump",
      "/sys/jitdump-test.dump",
    ];
    const { stdout, stderr } = await runScript(
      directory.path,
      tryOpening(paths),
      ["--allow-ffi", "--allow-write", `--deny-write=${denied}`],
    );
    assertEquals([stdout, stderr], ["NotCapable\n".repeat(5), ""]);
    assertEquals([...Deno.readDirSync(denied)], []);
  });

  it("fails when a relative path leads to /proc", async () => {
    using directory = temporaryDirectory();
    const { stdout, stderr } = await run(
      scriptCommand(
        directory.path,
        tryOpening(["jitdump-test.dump", "../dev/shm/jitdump-test.dump"]),
        ["--allow-ffi", "--allow-write"],
      ),
      { cwd: "/dev/shm" },
    );
    assertEquals([stdout, stderr], ["NotCapable\n".repeat(2), ""]);
  });

  it("does not load libc.so.6 when it is in the current directory", async () => {
    using directory = temporaryDirectory();
    // Loading this file would fail, because it is not a library.
    Deno.writeTextFileSync(join(directory.path, "libc.so.6"), "planted");
    const flags = ["--allow-write", "--allow-ffi", "--deny-ffi=/opt/x"];
    const open = (options: string) =>
      run(
        scriptCommand(
          directory.path,
          `import { JitDumpFile } from "${MOD}";
         try {
           JitDumpFile.forProcess(undefined, ${options}).close();
           console.log("opened");
         } catch (error) {
           console.log(error.constructor.name + ": " + error.message);
         }`,
          flags,
        ),
        { cwd: directory.path },
      );
    assertEquals((await open("{}")).stdout, "opened\n");
    const { stdout } = await open(`{ libc: "libc.so.6" }`);
    assert(stdout.startsWith("NotCapable: "), stdout);
    assertStringIncludes(stdout, '"options.libc" must be a path');
  });

  it("fails outside the granted directory when another thread changes directories", async () => {
    using directory = temporaryDirectory();
    const [allowed, other] = ["allowed", "other"].map((name) => {
      const path = join(directory.path, name);
      Deno.mkdirSync(path);
      return path;
    });
    const worker = join(directory.path, "worker.ts");
    Deno.writeTextFileSync(
      worker,
      `self.postMessage("up");
       for (;;) {
         Deno.chdir("${allowed}");
         Deno.chdir("${other}");
       }`,
    );
    const source = `
      import { JitDumpFile } from "${MOD}";
      const worker = new Worker("file://${worker}", { type: "module" });
      await new Promise((resolve) => worker.onmessage = resolve);
      let opened = 0;
      let denied = 0;
      for (let i = 0; opened < 100 || denied < 100; i++) {
        try {
          new JitDumpFile(i + ".dump").close();
          opened++;
        } catch (error) {
          if (!(error instanceof Deno.errors.NotCapable)) throw error;
          denied++;
        }
      }
      console.log("done");
      Deno.exit();`;
    const { stdout, stderr } = await runScript(directory.path, source, [
      `--allow-ffi=${LIBC}`,
      "--allow-read",
      `--allow-write=${allowed}`,
    ]);
    assertEquals([stdout, stderr], ["done\n", ""]);
    assertEquals([...Deno.readDirSync(other)], []);
    assert([...Deno.readDirSync(allowed)].length >= 100);
  });

  it("fails when a link to a directory leads to /dev", async () => {
    using directory = temporaryDirectory();
    const link = join(directory.path, "link");
    Deno.symlinkSync("/dev/shm", link);
    const path = join(link, `jitdump-${crypto.randomUUID()}.dump`);
    const { stdout } = await runScript(directory.path, tryOpening([path]), [
      `--allow-ffi=${LIBC}`,
      `--allow-write=${directory.path}`,
    ]);
    assertStringIncludes(stdout, "NotCapable");
    let isThere = true;
    try {
      Deno.removeSync(path);
    } catch {
      isThere = false;
    }
    assert(!isThere, stdout);
  });

  it("fails exactly when the directory is /dev, /proc or /sys, or in one of them", async () => {
    using directory = temporaryDirectory();
    const special = ["/dev", "/dev/shm", "/proc", "/proc/1", "/sys", "/sys/x"];
    const others = ["/", "/de", "/device", "/dev2/a", "/pro", "/process/a"]
      .concat("/proc1", "/procé", "/sys1", "/system/a", "/a/dev", "/root/proc");
    const source = `
      import { requireWrite } from "${PERMISSION}";
      for (const place of ${JSON.stringify([...special, ...others])}) {
        const realpath = (_path, resolved) => {
          new TextEncoder().encodeInto(place + "\\0", resolved);
          return 1n;
        };
        try {
          requireWrite({ realpath }, "/link/some.dump");
        } catch {
          console.log(place);
        }
      }`;
    const { stdout, stderr } = await runScript(directory.path, source, [
      "--allow-write",
    ]);
    assertEquals([stdout.trimEnd().split("\n"), stderr], [special, ""]);
  });
});

describe("the descriptors of a program", () => {
  it("include only the dump as a new one when a dump is open", async () => {
    using directory = temporaryDirectory();
    const source = `
      import { JitDumpFile } from "${MOD}";
      const target = ({ name }) => {
        try { return Deno.readLinkSync("/proc/self/fd/" + name); }
        catch { return ""; }
      };
      const open = () =>
        new Set(Array.from(Deno.readDirSync("/proc/self/fd"), target));
      const before = open();
      using dump = JitDumpFile.forProcess("${directory.path}");
      console.log(JSON.stringify([...open().difference(before)]));
    `;
    const { stdout, stderr } = await runScript(
      directory.path,
      source,
      ["--allow-all"],
    );
    assertEquals(stderr, "");
    assertEquals(
      JSON.parse(stdout).map((path: string) => basename(path).split("-")[0]),
      ["jit"],
    );
  });
});

describe("forProcess() without a directory", () => {
  for (
    const [access, flags, expected] of [
      ["is granted", ["--allow-env=JITDUMPDIR"], "that directory"],
      ["is not granted", [], "the current directory"],
      [
        "is denied",
        ["--allow-env", "--deny-env=JITDUMPDIR"],
        "the current directory",
      ],
    ] as const
  ) {
    it(`opens a dump in ${expected} when access to JITDUMPDIR ${access}`, async () => {
      using directory = temporaryDirectory();
      const dumps = join(directory.path, "dumps");
      Deno.mkdirSync(dumps);
      const [program, ...args] = scriptCommand(
        directory.path,
        `import { JitDumpFile } from "${MOD}";
         JitDumpFile.forProcess().close();`,
        [...enoughFlags(directory.path), ...flags],
      );
      const { stderr } = await run([program, ...args], {
        cwd: directory.path,
        env: { JITDUMPDIR: dumps },
      });
      assertEquals(stderr, "");
      const names = Array.from(
        Deno.readDirSync(
          expected === "that directory" ? dumps : directory.path,
        ),
        ({ name }) => name,
      );
      assertEquals(names.filter((name) => name.endsWith(".dump")).length, 1);
    });
  }
});
