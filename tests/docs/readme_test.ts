import {
  assert,
  assertEquals,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { dirname, fromFileUrl, join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { JitDumpFile } from "../../mod.ts";
import { itUnless } from "../support/it_unless.ts";
import { run } from "../support/perf.ts";
import {
  MOD,
  projectDirectory,
  temporaryDirectory,
} from "../support/script.ts";
import { itWithPerf } from "../support/with_perf.ts";

const README = new URL("../../README.md", import.meta.url);
const TEXT = Deno.readTextFileSync(README);
const SRC = new URL("../../src/", import.meta.url).href;

/** What the README's programs and commands name, and what that is here. */
const MODULES: Record<string, string> = {
  "jsr:@jitdump/jitdump/cli": `${SRC}cli/main.ts`,
  "jsr:@jitdump/jitdump/reader": `${SRC}reader/mod.ts`,
  "jsr:@jitdump/jitdump": MOD,
};
const PROFILE = "/tmp/profile";

interface Block {
  /** Where its text starts in the README, counted from 1. */
  line: number;
  text: string;
}

function blocksIn(language: string): Block[] {
  const fence = new RegExp(`^( *)\`\`\`${language}\\n(.*?)^ *\`\`\``, "gms");
  return Array.from(TEXT.matchAll(fence), ({ index, 1: indent, 2: text }) => ({
    line: TEXT.slice(0, index).split("\n").length + 1,
    text: text.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
  }));
}

/** The text with this project's modules, and another directory for profiles. */
function localize(text: string, directory: string): string {
  for (const [published, here] of Object.entries(MODULES)) {
    text = text.replaceAll(published, here);
  }
  return text.replaceAll(PROFILE, join(directory, "profile"));
}

/** The program that the README has the reader call `jit.ts`. */
const JIT_TS = TEXT.match(/call this `jit\.ts`.*?```ts\n(.*?)```/s)![1];

/**
 * What the programs take for granted: the things of which the text around them speaks. As
 * globals they give way to what a program declares by itself.
 */
const SURROUNDINGS = `
import { JitDumpFile } from "jsr:@jitdump/jitdump";

declare global {
  interface Window {}
  var code: Uint8Array, codeSize: number, oldAddress: number, newAddress: number;
  var dump: JitDumpFile;
  var JitDumpFile: typeof import("jsr:@jitdump/jitdump").JitDumpFile;
}

Object.assign(globalThis, {
  JitDumpFile,
  code: new Uint8Array(64),
  codeSize: 64,
  oldAddress: 0x1000,
  newAddress: 0x2000,
  dump: new JitDumpFile("/tmp/profile/surroundings.dump"),
});
globalThis.addEventListener("unload", () => {
  try {
    Deno.removeSync(\`/tmp/perf-\${Deno.pid}.map\`);
  } catch {
    // The program wrote none.
  }
});
`;

describe("README.md: the programs", () => {
  itUnless(
    Deno.build.arch === "x86_64" ? undefined : "its machine code is x86-64's",
    "have no type errors, and run",
    async () => {
      using directory = temporaryDirectory();
      const write = (name: string, text: string) => {
        const path = join(directory.path, name);
        Deno.writeTextFileSync(path, localize(text, directory.path));
        return path;
      };
      Deno.mkdirSync(join(directory.path, "profile"));
      write("surroundings.ts", SURROUNDINGS);
      const blocks = blocksIn("ts");
      const programs = blocks.map(({ line, text }) =>
        write(`line_${line}.ts`, `import "./surroundings.ts";\n${text}`)
      );
      const checked = await run([
        Deno.execPath(),
        "check",
        "--no-config",
        ...programs,
      ]);
      assert(checked.success, checked.stderr);

      // The dump that one of them reads.
      const dumpPath = join(directory.path, "profile/jit-42.dump");
      using dump = new JitDumpFile(dumpPath);
      dump.dumpFunction({
        name: "read",
        code: new Uint8Array(16),
        address: 0x7f12_3456_7890,
        timestamp: 1n,
      });

      const printed: string[] = [];
      for (const [i, program] of programs.entries()) {
        const { stdout, stderr, success } = await run([
          Deno.execPath(),
          "run",
          "--allow-all",
          "--no-config",
          program,
        ]);
        const place = `README.md:${blocks[i].line}`;
        assert(success, `${place}\n${stderr}`);
        assertEquals(stderr, "", place);
        if (stdout) printed.push(stdout.trimEnd());
      }
      // What they print: the sums, the sink, and the function that is in the dump.
      assertEquals(printed.length, 3, printed.join("\n"));
      assertEquals(printed[0], "2321730048 4051657984");
      assertMatch(printed[1], /^(mapped|append)$/);
      assertEquals(printed[2], "read");
    },
  );
});

/** The first line of each block of commands, and what the block prints. */
const COMMANDS: [start: string, prints: RegExp[]][] = [
  ["deno task demo", [/ collatz /, /passed, 0 failed/]],
  ["npx -y deno task demo", [/ collatz /, /passed, 0 failed/]],
  ["mkdir -p /tmp/profile", [/jitted +sum$/m]],
  ["deno run -A jsr:@jitdump/jitdump/cli doctor", [
    /its name came out/,
  ]],
  ["deno run -A jsr:@jitdump/jitdump/cli report --lines", [
    /jit\.ts:7 +sum$/m,
    /% +[0-9a-f]+:\s.*dec +%edi/,
  ]],
  ["deno run -A jsr:@jitdump/jitdump/cli report --flamegraph flames.html", []],
  ["mkdir -p /tmp/profile", [/% +deno +jitted-\S+\.so +\[\.\] sum/]],
  ["perf annotate -i perf.jit.data --stdio -s sum", [
    /dec +%edi/,
    /\[\.\] sum +jit\.ts:7/,
  ]],
  [
    "perf record --no-buildid-cache -k mono --call-graph dwarf -o perf.data deno run",
    [],
  ],
  ["deno run -A jsr:@jitdump/jitdump/cli record --v8", [
    /jitted +sum$/m,
    /javascript +JS:\S+sumInJavaScript /,
  ]],
  ["mkdir -p /tmp/profile /tmp/profile-v8", [/\[\.\] sum/]],
  ["deno run --allow-read jsr:@jitdump/jitdump/cli check", [
    /nothing is wrong/,
    / sum/,
  ]],
];

/** Runs a block of commands as a shell does, and checks what comes of it. */
async function runBlock(
  { line, text }: Block,
  directory: string,
  cwd: string,
  prints: RegExp[],
): Promise<void> {
  const script = localize(text, directory)
    // Not all of them: this is one of the tests.
    .replaceAll(
      /deno task test$/gm,
      "deno task test tests/writer/utf8_test.ts",
    );
  const { stdout, stderr, success } = await run(
    ["bash", "-e", "-c", script],
    { cwd, env: { NO_COLOR: "1" } },
  );
  assert(success, `README.md:${line}\n${script}${stdout}${stderr}`);
  for (const print of prints) {
    assertMatch(stdout, print, `README.md:${line}\n${stdout}${stderr}`);
  }
}

describe("README.md: the commands", () => {
  const blocks = blocksIn("sh");
  const isOfProject = ({ text }: Block) => text.includes("deno task");

  it("are all among those that are tried here", () => {
    assertEquals(blocks.length, COMMANDS.length);
    blocks.forEach(({ text }, i) =>
      assertStringIncludes(text.split("\n")[0], COMMANDS[i][0])
    );
  });

  for (const [i, block] of blocks.entries()) {
    if (!isOfProject(block)) continue;
    const [start, prints] = COMMANDS[i];
    itWithPerf(`${start}, in a clone`, async () => {
      using project = projectDirectory();
      await runBlock(block, project.path, project.path, prints);
    });
  }

  itWithPerf(
    "the others do what is said of them, one after the other",
    async () => {
      using directory = temporaryDirectory();
      const { path } = directory;
      Deno.writeTextFileSync(join(path, "jit.ts"), localize(JIT_TS, path));
      for (const [i, block] of blocks.entries()) {
        if (isOfProject(block)) continue;
        await runBlock(block, path, path, COMMANDS[i][1]);
      }
      assertStringIncludes(
        Deno.readTextFileSync(join(path, "flames.html")),
        "jitted",
      );
      const chains = await run([
        "perf",
        "script",
        "-i",
        join(path, "perf.data"),
      ]);
      assert(chains.success, chains.stderr);
    },
  );
});

describe("README.md: the links", () => {
  const links = Array.from(
    TEXT.matchAll(/\]\(([^)\s]+)\)/g),
    ([, link]) => link,
  ).filter((link) => !/^https?:/.test(link));

  it("lead to files that are there", () => {
    const root = dirname(fromFileUrl(README));
    const files = links.filter((link) => !link.startsWith("#"));
    assert(files.length > 0);
    for (const file of files) {
      assert(Deno.statSync(join(root, file)).isFile, file);
    }
  });

  it("lead to sections that are there", () => {
    const sections = Array.from(
      TEXT.matchAll(/^#+ (.*)$/gm),
      ([, title]) =>
        "#" +
        title.toLowerCase().replaceAll(/[^\w\- ]/g, "").replaceAll(" ", "-"),
    );
    const anchors = links.filter((link) => link.startsWith("#"));
    assert(anchors.length > 0);
    for (const anchor of anchors) {
      assert(sections.includes(anchor), anchor);
    }
  });
});
