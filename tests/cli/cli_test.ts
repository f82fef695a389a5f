import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { HOST_MACHINE } from "../../src/format/machine.ts";
import { DumpBuilder } from "../support/build_dump.ts";
import { itUnless, whyMissing } from "../support/it_unless.ts";
import { jitdump, jitdumpCommand, jitdumpEach } from "../support/jitdump.ts";
import { run } from "../support/perf.ts";
import { quote } from "../support/quote.ts";
import { temporaryDirectory } from "../support/script.ts";

const SOURCE = "fn fib(n) {\n  return n\n}\n";

/** Creates a dump with a function with lines, one that moves, and one that is replaced. */
function sampleDump(directory: string): string {
  const path = join(directory, "jit-7.dump");
  const source = join(directory, "fib.calc");
  Deno.writeTextFileSync(source, SOURCE);
  const builder = new DumpBuilder()
    .debugInfo(0x1000n, [
      [0x1000n, 1, source],
      [0x1001n, 2, source],
      [0x1003n, 2, source],
    ], 1000n)
    .load({
      name: "fib",
      address: 0x1000n,
      code: Uint8Array.of(0x90, 0x90, 0xc3),
      time: 1000n,
    })
    .load({
      name: "a\x1b[31mb\n",
      address: 0x2000n,
      code: Uint8Array.of(0xcc),
      index: 1n,
      time: 2_000_001_000n,
    })
    .move(0x1000n, 0x3000n, 3, 0n, 3_000_001_000n);
  Deno.writeFileSync(path, builder.bytes);
  return path;
}

const noScript = await whyMissing("script");
const noObjdump = await whyMissing("objdump");

describe("jitdump", () => {
  it("prints the version of deno.json when --version is given", async () => {
    const config = new URL("../../deno.json", import.meta.url);
    const { version } = JSON.parse(Deno.readTextFileSync(config));
    for (const option of ["--version", "-V"]) {
      const { code, stdout, stderr } = await jitdump([option], []);
      assertEquals([code, stdout, stderr], [0, `jitdump ${version}\n`, ""]);
    }
  });

  it("suggests the nearest name when a command or an option is unknown", async () => {
    const cases: [string[], string][] = [
      [
        ["inspct"],
        'jitdump: unknown command "inspct"; did you mean inspect?',
      ],
      [["help", "rceord"], "did you mean record?"],
      [["--versoin"], "unknown option --versoin; did you mean --version?"],
      [["frobnicate"], 'jitdump: unknown command "frobnicate"\n'],
      [
        ["inspect", "--nmae", "x", "a"],
        "jitdump inspect: unknown option --nmae; did you mean --name?",
      ],
      [["check", "--al"], "did you mean --all?"],
      [["check", "--frobnicate"], "unknown option --frobnicate\n"],
    ];
    const outcomes = await jitdumpEach(cases.map(([args]) => args));
    for (const [i, [args, error]] of cases.entries()) {
      const { code, stdout, stderr } = outcomes[i];
      assertEquals([code, stdout], [2, ""], args.join(" "));
      assertStringIncludes(stderr, error);
    }
  });

  it("lists the commands and describes each when help is requested", async () => {
    const { code, stdout, stderr } = await jitdump(["--help"], []);
    assertEquals([code, stderr], [0, ""]);
    const commands = [...stdout.matchAll(/^ {2}(\w+) {2}/gm)].map(([, name]) =>
      name
    );
    assertEquals(commands, [
      "record",
      "report",
      "top",
      "diff",
      "doctor",
      "inspect",
      "check",
      "completions",
    ]);
    const [all, ...outcomes] = await jitdumpEach([
      ["help"],
      ...commands.flatMap((
        command,
      ) => [[command, "--help"], ["help", command]]),
    ]);
    assertEquals(all.stdout, stdout);
    for (const [i, command] of commands.entries()) {
      const [help, same] = outcomes.slice(2 * i);
      assertEquals([help.code, help.stderr], [0, ""]);
      assertEquals(same, help);
      assertStringIncludes(help.stdout, `Usage: jitdump ${command}`);
      assertStringIncludes(help.stdout, "--allow-");
      for (const line of help.stdout.split("\n")) {
        assert(line.length <= 88, line);
      }
    }
  });

  it("exits with 2 and prints the usage when the command line is invalid", async () => {
    const cases = [
      [],
      ["inspct"],
      ["constructor"],
      ["inspect"],
      ["inspect", "--disassemble", "f", "a", "b"],
      ["inspect", "--disassemble", "f", "--json", "a"],
      ["inspect", "--nmae", "x", "a"],
      ["inspect", "--name", "(", "a"],
      ["inspect", "--name"],
      ["check"],
      ["check", "--frobnicate", "a"],
      ["record"],
      ["report", "a", "b"],
      ["report", "--json", "--lines"],
      ["doctor", "a"],
      ["help", "check", "inspect"],
    ];
    const outcomes = await jitdumpEach(cases);
    outcomes.push(await jitdump([], []));
    for (const [i, { code, stdout, stderr }] of outcomes.entries()) {
      assertEquals([code, stdout], [2, ""], cases[i]?.join(" "));
      assertMatch(stderr, /^Usage: jitdump/m);
    }
  });

  it("exits with 1 and a one-line error when inspect cannot show a file", async () => {
    using directory = temporaryDirectory();
    const text = join(directory.path, "text");
    Deno.writeTextFileSync(text, "text".repeat(100));
    const strange = join(directory.path, "strange");
    const { bytes } = new DumpBuilder(true, { machine: 4711 }).load();
    Deno.writeFileSync(strange, bytes);
    for (
      const [args, reason] of [
        [["inspect", join(directory.path, "missing")], "No such file"],
        [["inspect", directory.path], "directory"],
        [["inspect", text], "magic"],
        [["inspect", "--disassemble", "f", strange], "ELF machine 4711"],
      ] as [string[], string][]
    ) {
      const { code, stdout, stderr } = await jitdump(args);
      assertEquals([code, stdout], [1, ""]);
      assertMatch(stderr, /^jitdump inspect: .*\n$/);
      assertStringIncludes(stderr, reason);
    }
    const denied = await jitdump(["inspect", text], []);
    assertEquals(denied.code, 1);
    assertStringIncludes(denied.stderr, "--allow-read");
  });

  it("exits with 0 when the reader of its output has ended", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "some.dump");
    const builder = new DumpBuilder();
    for (let i = 0; i < 3000; i++) builder.load({ name: `f${i}` });
    Deno.writeFileSync(path, builder.bytes);
    for (
      const [args, first] of [
        [["inspect", path], /^jitdump version 1.*\n$/],
        [["check", "--all", path, path], /^\S+some\.dump: .*code index.*\n$/],
      ] as const
    ) {
      const { code, stdout, stderr } = await run([
        "bash",
        "-c",
        `set -o pipefail; "$@" | head -1`,
        "bash",
        ...jitdumpCommand(["--allow-read"], ...args),
      ]);
      assertMatch(stdout, first);
      assertEquals([code, stderr], [0, ""]);
    }
  });
});

describe("jitdump inspect", () => {
  it("prints the header and a table of records when it gets a dump", async () => {
    using directory = temporaryDirectory();
    const path = sampleDump(directory.path);
    const { code, stdout, stderr } = await jitdump(["inspect", path]);
    assertEquals([code, stderr], [0, ""]);
    const source = join(directory.path, "fib.calc");
    assertEquals(
      stdout.split("\n").map((line) => line.trim().replace(/ {2,}/g, "  ")),
      [
        "jitdump version 1, process 7, ELF machine 62, little-endian, flags 0x0, timestamp 1",
        "byte  time  size  address  record",
        `40  0.000000000  ${
          32 + 3 * (17 + source.length)
        }  0x1000  DEBUG_INFO 3 line entries, ${source}:1`,
        `${
          72 + 3 * (17 + source.length)
        }  0.000000000  63  0x1000  LOAD fib, 3 bytes, code index 0`,
        `${
          135 + 3 * (17 + source.length)
        }  2.000000000  66  0x2000  LOAD a\\x1b[31mb\\x0a, 1 bytes, code index 1`,
        `${
          201 + 3 * (17 + source.length)
        }  3.000000000  64  0x3000  MOVE from 0x1000, 3 bytes, code index 0`,
        "",
      ],
    );
  });

  it("prints each record's type when it is known, and its id when it is not", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "jit-7.dump");
    const { bytes } = new DumpBuilder()
      .debugInfo(0x1000n, [])
      .unwinding(new Uint8Array(24), 20)
      .load()
      .record(3, 2n)
      .record(9, 3n);
    Deno.writeFileSync(path, bytes);
    const { code, stdout } = await jitdump(["inspect", path]);
    assertEquals(code, 0);
    const shown = stdout.trim().split("\n").slice(2)
      .map((line) => line.slice(line.search(/[A-Z]|unknown/)).trimEnd());
    assertEquals(shown, [
      "DEBUG_INFO no lines",
      "UNWINDING_INFO .eh_frame 4 bytes, .eh_frame_hdr 20, mapped 24",
      "LOAD f, 1 bytes, code index 0",
      "CLOSE",
      "unknown id 9",
    ]);
  });

  it("prints the time range of each address when --functions is given", async () => {
    using directory = temporaryDirectory();
    const path = sampleDump(directory.path);
    const { code, stdout } = await jitdump(["inspect", "--functions", path]);
    assertEquals(code, 0);
    const rows = stdout.trim().split("\n").slice(2)
      .map((line) => line.trim().split(/ {2,}/).slice(0, 4).join(" "));
    assertEquals(rows, [
      "0x1000 3 0.000000000 3.000000000",
      "0x2000 1 2.000000000 a\\x1b[31mb\\x0a",
      `0x3000 3 3.000000000 fib, 3 line entries, ${directory.path}/fib.calc:1`,
    ]);
  });

  it("prints no negative time range when loads are out of order", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "jit-7.dump");
    const load = { address: 0x1000n, code: new Uint8Array(16) };
    const { bytes } = new DumpBuilder()
      .load({ ...load, name: "late", index: 1n, time: 2_000_000_000n })
      .load({ ...load, name: "early", index: 2n, time: 1_000_000_000n });
    Deno.writeFileSync(path, bytes);
    const { stdout } = await jitdump(["inspect", "--functions", path]);
    const rows = stdout.trim().split("\n").slice(2)
      .map((line) => line.trim().split(/ {2,}/).join(" "));
    assertEquals(rows, [
      "0x1000 16 -1.000000000 0.000000000 early",
      "0x1000 16 0.000000000 late",
    ]);
  });

  it("marks a function as incomplete when the file ends within its record", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "jit-7.dump");
    const { bytes } = new DumpBuilder().load()
      .load({ name: "cut", index: 1n, code: new Uint8Array(64) });
    Deno.writeFileSync(path, bytes.slice(0, -20));
    for (const options of [[], ["--functions"]]) {
      const { stdout } = await jitdump(["inspect", ...options, path]);
      assertMatch(stdout, /cut, .*incomplete|cut, incomplete/);
      assertStringIncludes(stdout, "the file ends within this record");
    }
  });

  it("prints an object for each selected record when --json is given", async () => {
    using directory = temporaryDirectory();
    const path = sampleDump(directory.path);
    for (
      const [args, names] of [
        [[], [undefined, undefined, "fib", "a\x1b[31mb\n", undefined]],
        [["--functions"], [undefined, "fib", "a\x1b[31mb\n", "fib"]],
        [["--name", "^fib$"], [undefined, undefined, "fib", undefined]],
        [["--functions", "--name", "a.*b"], [undefined, "a\x1b[31mb\n"]],
        [["--name", "nobody"], [undefined]],
      ] as [string[], (string | undefined)[]][]
    ) {
      const { code, stdout } = await jitdump([
        "inspect",
        "--json",
        ...args,
        path,
      ]);
      assertEquals(code, 0);
      const objects = stdout.trim().split("\n").map((line) => JSON.parse(line));
      assertEquals(
        objects.map((object) => object.functionName ?? object.name),
        names,
      );
      assertEquals(objects[0].record, "file header");
    }
    const { stdout } = await jitdump(["inspect", "--json", path]);
    const load = JSON.parse(stdout.split("\n")[2]);
    assertEquals(load.timestamp, "1000");
    assertEquals(load.codeAddr, "4096");
  });

  it("prints times relative to a file's first record when it gets several files", async () => {
    using directory = temporaryDirectory();
    const path = sampleDump(directory.path);
    const { code, stdout } = await jitdump(["inspect", path, path]);
    assertEquals(code, 0);
    const [first, second] = stdout.split("\n\n");
    assertEquals(first, second.trimEnd());
    assert(first.startsWith(`${path}:\njitdump version 1`));
    const { stdout: part } = await jitdump(["inspect", "--name", "a.*b", path]);
    assertStringIncludes(part, " 2.000000000 ");
  });

  it("prints the preceding records and exits with 1 when one is malformed", async () => {
    using directory = temporaryDirectory();
    const path = sampleDump(directory.path);
    const { bytes } = new DumpBuilder().record(1, 1n);
    Deno.writeFileSync(path, bytes.subarray(40), { append: true });
    const { code, stdout, stderr } = await jitdump(["inspect", path]);
    assertEquals(code, 1);
    assertStringIncludes(stdout, "MOVE from 0x1000");
    assertStringIncludes(stderr, `${path}: JIT_CODE_MOVE at byte `);
  });

  it("describes the tail when a dump has one", async () => {
    using directory = temporaryDirectory();
    const path = sampleDump(directory.path);
    const { size } = Deno.statSync(path);
    Deno.truncateSync(path, size - 1);
    const { code, stdout } = await jitdump(["inspect", path]);
    assertEquals(code, 0);
    assertStringIncludes(
      stdout,
      `${size - 64}  the file ends within this record`,
    );
    Deno.truncateSync(path, size - 64);
    Deno.truncateSync(path, size + 1000);
    const { stdout: json } = await jitdump(["inspect", "--json", path]);
    assertEquals(JSON.parse(json.trim().split("\n").at(-1)!), {
      record: "tail",
      offset: size - 64,
      kind: "zeros",
    });
  });

  itUnless(
    noScript,
    "truncates and colors lines when stdout is a terminal, unless NO_COLOR is set",
    async () => {
      using directory = temporaryDirectory();
      const path = sampleDump(directory.path);
      const onTerminal = async (env: Record<string, string>) => {
        const inspect = quote(
          ...jitdumpCommand(["--allow-read"], "inspect", path),
        );
        const { NO_COLOR: _, FORCE_COLOR: __, ...inherited } = Deno.env
          .toObject();
        const { stdout } = await new Deno.Command("script", {
          args: ["-qec", `stty cols 60; ${inspect}`, "/dev/null"],
          clearEnv: true,
          env: { ...inherited, TERM: "xterm", ...env },
          stdin: "null",
        }).output();
        return new TextDecoder().decode(stdout).replaceAll("\r", "");
      };
      const colored = await onTerminal({});
      assertStringIncludes(colored, "\x1b[1m");
      // deno-lint-ignore no-control-regex -- an escape sequence
      const lines = colored.replace(/\x1b\[\d+m/g, "").trim().split("\n");
      // The first line is the header, which is not truncated.
      for (const line of lines.slice(2)) assert(line.length <= 60, line);
      assert(lines.some((line) => line.endsWith("…")), colored);
      const plain = await onTerminal({ NO_COLOR: "1" });
      assert(!plain.includes("\x1b"), plain);
    },
  );

  itUnless(
    noObjdump,
    "prints source lines between the instructions when --disassemble is given",
    async () => {
      using directory = temporaryDirectory();
      const path = sampleDump(directory.path);
      const flags = [
        "--allow-read",
        "--allow-run=objdump",
        "--allow-write=/tmp",
        `--allow-env=TMPDIR`,
      ];
      const { code, stdout, stderr } = await jitdump(
        ["inspect", "--disassemble", "fib", path],
        flags,
      );
      assertEquals([code, stderr], [0, ""]);
      const source = join(directory.path, "fib.calc");
      assertEquals(
        stdout.split("\n").map((line) => line.replace(/\s+/g, " ")),
        [
          "fib: 3 bytes at 0x1000, code index 0",
          `${source}:1 fn fib(n) {`,
          " 1000: 90 nop",
          `${source}:2 return n`,
          " 1001: 90 nop",
          " 1002: c3 ret",
          "",
        ],
      );
      const missing = await jitdump(
        ["inspect", "--disassemble", "nobody", path],
        flags,
      );
      assertEquals([missing.code, missing.stdout], [1, ""]);
      assertStringIncludes(missing.stderr, `no function "nobody"`);
    },
  );

  itUnless(
    noObjdump,
    "disassembles for this machine, and reports missing code, when a dump names no machine",
    async () => {
      using directory = temporaryDirectory();
      const path = join(directory.path, "jit-7.dump");
      const dump = new DumpBuilder(true, { machine: 0 });
      dump.load({ name: "whole", address: 0x1000n, code: new Uint8Array(4) })
        .record(0, 1n, () => {
          dump.u32(7, 7);
          dump.u64(0x2000n, 0x2000n, 64n, 1n);
          dump.text("without code");
        });
      Deno.writeFileSync(path, dump.bytes);
      const disassemble = (name: string) =>
        jitdump(["inspect", "--disassemble", name, path], [
          "--allow-read",
          "--allow-run=objdump",
          "--allow-write=/tmp",
          "--allow-env=TMPDIR",
        ]);
      const whole = await disassemble("whole");
      assertEquals([whole.code, whole.stderr], [0, ""]);
      assertMatch(whole.stdout, /^whole: 4 bytes .*\n +1000:\t00 00 /);
      const without = await disassemble("without code");
      assertEquals([without.code, without.stderr], [0, ""]);
      assertEquals(
        without.stdout,
        "without code: 64 bytes at 0x2000, code index 1\n" +
          "the dump does not contain the code of this function\n",
      );
    },
  );
});

describe("jitdump check", () => {
  /**
   * Returns a dump of functions with the same code index, whose last line entry is before
   * the end of their code.
   */
  function bad(count: number): Uint8Array<ArrayBuffer> {
    const builder = new DumpBuilder(true, { machine: HOST_MACHINE });
    const code = new Uint8Array(16);
    for (let i = 0; i < count; i++) {
      builder.debugInfo(0x1000n, [[0x1000n, 1], [0x1008n, 2]]);
      builder.load({ code });
    }
    return builder.bytes;
  }

  const good = () => bad(0);

  it("exits with 0 when a dump has no findings", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "jit-7.dump");
    Deno.writeFileSync(path, good());
    const { code, stdout, stderr } = await jitdump(["check", path]);
    assertEquals([code, stderr], [0, ""]);
    assertEquals(stdout, `${path}: nothing is wrong\n`);
  });

  it("exits with 1 and prints each kind of finding once when a dump has errors", async () => {
    using directory = temporaryDirectory();
    const [first, second] = ["jit-7.dump", "bad.dump"]
      .map((name) => join(directory.path, name));
    Deno.writeFileSync(first, good());
    Deno.writeFileSync(second, bad(6));
    const { code, stdout, stderr } = await jitdump(["check", first, second]);
    assertEquals([code, stderr], [1, ""]);
    const lines = stdout.trim().split("\n");
    assertEquals(lines.length, 4);
    assertEquals(lines[0], `${first}: nothing is wrong`);
    assertStringIncludes(
      lines[1],
      `${second}: byte 302: error: code index: "f" has code index 0, ` +
        "as has the function at byte 110; perf",
    );
    assertMatch(lines[1], /\[perf 6\.1, 6\.12, 7\.2; 5 times\]$/);
    assertMatch(lines[2], /: warning: last line: .*; 6 times\]$/);
    assertEquals(lines[3], `${second}: 5 errors, 6 warnings`);
  });

  it("prints every finding when --all is given", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "jit-7.dump");
    Deno.writeFileSync(path, bad(6));
    const { stdout } = await jitdump(["check", "--all", path]);
    const findings = stdout.trim().split("\n").slice(0, -1);
    assertEquals(findings.length, 5 + 6);
  });

  it("exits with 0 when there are only warnings, unless --strict is given", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "jit-7.dump");
    Deno.writeFileSync(path, bad(1));
    const { code, stdout } = await jitdump(["check", path]);
    assertEquals(code, 0);
    assertMatch(stdout, /warning: last line: .*\n.*: 0 errors, 1 warning\n$/);
    assertEquals((await jitdump(["check", "--strict", path])).code, 1);
  });

  it("prints an object for each kind of finding when --json is given", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "jit-7.dump");
    Deno.writeFileSync(path, bad(3));
    const { code, stdout } = await jitdump(["check", "--json", path]);
    assertEquals(code, 1);
    const kinds = stdout.trim().split("\n").map((line) => JSON.parse(line));
    assertEquals(
      kinds.map((
        { file, rule, severity, count },
      ) => [file, rule, severity, count]),
      [[path, "code index", "error", 2], [path, "last line", "warning", 3]],
    );
    assertEquals(kinds[0].holdsFor, ["perf 6.1", "perf 6.12", "perf 7.2"]);
    const all = await jitdump(["check", "--json", "--all", path]);
    const each = all.stdout.trim().split("\n").map((line) => JSON.parse(line));
    assertEquals(each.map(({ count }) => count), Array(5).fill(undefined));
  });

  it("checks all dumps when it gets a directory", async () => {
    using directory = temporaryDirectory();
    const path = (name: string) => join(directory.path, name);
    Deno.writeFileSync(path("jit-7.dump"), good());
    Deno.writeFileSync(path("jit-12-34.dump"), bad(1));
    Deno.writeFileSync(path("engine.bin"), bad(1));
    Deno.writeTextFileSync(path("text"), "JiTD is no dump");
    Deno.mkdirSync(path("jit-8.dump.d"));
    const { code, stdout } = await jitdump(["check", directory.path]);
    assertEquals(code, 1);
    const files = new Set(
      stdout.trim().split("\n").map((line) => line.split(": ")[0]),
    );
    assertEquals(
      [...files],
      ["engine.bin", "jit-12-34.dump", "jit-7.dump"].map(path),
    );
    const empty = await jitdump(["check", path("jit-8.dump.d")]);
    assertEquals([empty.code, empty.stdout], [1, ""]);
    assertStringIncludes(empty.stderr, "this directory contains no dump");
  });

  it("checks the dumps of a recording when it gets its directory", async () => {
    using directory = temporaryDirectory();
    const dumps = join(directory.path, "dumps", "start", "kept", "1");
    Deno.mkdirSync(dumps, { recursive: true });
    Deno.writeFileSync(join(dumps, "jit-12-34.dump"), bad(1));
    const { code, stdout } = await jitdump(["check", `${directory.path}/`]);
    assertEquals(code, 1);
    assertStringIncludes(stdout, `${dumps}/jit-12-34.dump: `);
  });

  it("checks the other files when one cannot be read", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "jit-7.dump");
    const missing = join(directory.path, "missing");
    Deno.writeFileSync(path, good());
    const { code, stdout, stderr } = await jitdump(["check", missing, path]);
    assertEquals([code, stdout], [1, `${path}: nothing is wrong\n`]);
    assertStringIncludes(stderr, `jitdump check: ${missing}: No such file`);
  });

  it("exits with 1 when a file is empty", async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "jit-7.dump");
    Deno.writeTextFileSync(path, "");
    const { code, stderr } = await jitdump(["check", path]);
    assertEquals(code, 1);
    assertStringIncludes(stderr, "the file has 0 bytes");
  });
});

describe("a subcommand of jitdump", () => {
  it("suggests a command for a path when the given command cannot read it", async () => {
    using directory = temporaryDirectory();
    const dump = join(directory.path, "jit-7.dump");
    Deno.writeFileSync(dump, new DumpBuilder().load().bytes);
    for (
      const [args, message] of [
        [["report", dump], `jitdump inspect ${dump} shows its functions`],
        [["report", directory.path], `jitdump record --out ${directory.path}`],
        [["inspect", directory.path], `jitdump check ${directory.path} lists`],
      ] as const
    ) {
      const { code, stderr } = await jitdump([...args]);
      assertEquals(code, 1);
      assertStringIncludes(stderr, message);
    }
  });
});
