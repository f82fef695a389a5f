import {
  assert,
  assertEquals,
  assertLessOrEqual,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { JitDumpFile } from "../../mod.ts";
import { readLoads } from "../support/parse_dump.ts";
import { itUnless } from "../support/it_unless.ts";
import { run } from "../support/perf.ts";
import {
  MOD,
  projectDirectory,
  temporaryDirectory,
} from "../support/script.ts";
import { itWithPerf } from "../support/with_perf.ts";

const ROOT = new URL("../../", import.meta.url);
const SRC = new URL("../../src/", import.meta.url).href;

/** The document for users, and the one for contributors. */
const [README, ARCHITECTURE] = ["README.md", "src/README.md"].map((path) => ({
  path,
  text: Deno.readTextFileSync(new URL(path, ROOT)),
}));
type Document = typeof README;

/** Specifiers of published modules, and the URLs of these modules here. */
const MODULES: Record<string, string> = {
  "jsr:@jitdump/jitdump/format": `${SRC}format/mod.ts`,
  "jsr:@jitdump/jitdump/cli": `${SRC}cli/main.ts`,
  "jsr:@jitdump/jitdump/reader": `${SRC}reader/mod.ts`,
  "jsr:@jitdump/jitdump": MOD,
};
const PROFILE = "/tmp/profile";

interface Block {
  /** The document's path, and the block's first line, counted from 1. */
  place: string;
  line: number;
  text: string;
}

function blocksIn({ path, text }: Document, language: string): Block[] {
  const fence = new RegExp(`^( *)\`\`\`${language}\\n(.*?)^ *\`\`\``, "gms");
  return Array.from(text.matchAll(fence), ({ index, 1: indent, 2: block }) => {
    const line = text.slice(0, index).split("\n").length + 1;
    return {
      place: `${path}:${line}`,
      line,
      text: block.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
    };
  });
}

/** Replaces the published modules by those of this project, and the profile directory. */
function localize(text: string, directory: string): string {
  for (const [published, here] of Object.entries(MODULES)) {
    text = text.replaceAll(published, here);
  }
  return text.replaceAll(PROFILE, join(directory, "profile"));
}

/** The program that the reader saves as `jit.ts`. */
const JIT_TS =
  README.text.match(/save this as `jit\.ts`.*?```ts\n(.*?)```/s)![1];

/** The same program with smaller arguments, which runs for half a second. */
const SHORT_JIT_TS = JIT_TS.replace("2_000_000_000", "600_000_000")
  .replace("1_000_000_000", "200_000_000");

/**
 * Globals that the README's programs use without declaring them. A program's own
 * declarations take precedence over globals.
 */
const GLOBALS = `
import { JitDumpFile } from "jsr:@jitdump/jitdump";

declare global {
  interface Window {}
  var code: Uint8Array;
  var dump: JitDumpFile;
  var JitDumpFile: typeof import("jsr:@jitdump/jitdump").JitDumpFile;
}

Object.assign(globalThis, {
  JitDumpFile,
  code: new Uint8Array(64),
  dump: new JitDumpFile("/tmp/profile/globals.dump"),
});
globalThis.addEventListener("unload", () => {
  try {
    Deno.removeSync(\`/tmp/perf-\${Deno.pid}.map\`);
  } catch {
    // The program has written no perf map.
  }
});
`;

describe("the programs of README.md", () => {
  itUnless(
    Deno.build.arch === "x86_64" ? undefined : "its code is for x86-64",
    "have no type errors, and print the expected text, when they run",
    async () => {
      using directory = temporaryDirectory();
      const write = (name: string, text: string) => {
        const path = join(directory.path, name);
        Deno.writeTextFileSync(path, localize(text, directory.path));
        return path;
      };
      Deno.mkdirSync(join(directory.path, "profile"));
      write("globals.ts", GLOBALS);
      const blocks = blocksIn(README, "ts");
      const programs = blocks.map(({ line, text }) =>
        write(`line_${line}.ts`, `import "./globals.ts";\n${text}`)
      );
      const checked = await run([
        Deno.execPath(),
        "check",
        "--no-config",
        ...programs,
      ]);
      assert(checked.success, checked.stderr);

      // One of the programs reads this dump.
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
        const { place } = blocks[i];
        assert(success, `${place}\n${stderr}`);
        assertEquals(stderr, "", place);
        if (stdout) printed.push(stdout.trimEnd());
      }
      // One program prints sums, another one the function of the dump.
      assertEquals(printed, ["2321730048 4051657984", "read"]);
    },
  );
});

/** A worker's module: the README's code for each worker, and a listener. */
const WORKER = `
import { JitDumpFile } from "jsr:@jitdump/jitdump";
${
  blocksIn(README, "ts").find(({ text }) => text.includes("in each worker"))!
    .text
}
self.onmessage = ({ data: name }) => {
  dump.dumpFunction({ name, code: Uint8Array.of(0xc3) });
  self.postMessage(dump.path);
};
`;

const MAIN = `
const worker = new Worker(import.meta.resolve("./worker.ts"), { type: "module" });
worker.onmessage = ({ data }) => {
  console.log(data);
  worker.terminate();
};
worker.postMessage("of a message");
`;

describe("the worker's program of README.md", () => {
  it("still has its dump open when it receives a message", async () => {
    using directory = temporaryDirectory();
    const { path } = directory;
    Deno.mkdirSync(join(path, "profile"));
    Deno.writeTextFileSync(join(path, "worker.ts"), localize(WORKER, path));
    Deno.writeTextFileSync(join(path, "main.ts"), MAIN);
    const { stdout, stderr } = await run([
      Deno.execPath(),
      "run",
      "--allow-all",
      "--no-config",
      join(path, "main.ts"),
    ]);
    assertEquals(stderr, "");
    const names = readLoads(stdout.trim()).map(({ name }) => name);
    assertEquals(names, ["of a message"]);
  });
});

/** The start of each block of commands, and patterns that its output matches. */
type Commands = [start: string, prints: RegExp[]][];

const USER_COMMANDS: Commands = [
  ["deno install -g -A -n jitdump", [
    /a recorded function: the profile names it/,
  ]],
  ["mkdir -p /tmp/profile\njitdump record --", [
    /jitted +sum +\(.*jit\.ts:7\)$/m,
  ]],
  ["jitdump report --lines", [
    /jit\.ts:7 +sum$/m,
    /% +[0-9a-f]+:\s.*dec +%edi/,
  ]],
  ["perf record --no-buildid-cache -k mono", [
    /% +deno +jitted-\S+\.so +\[\.\] sum/,
    /dec +%edi/,
  ]],
  ["jitdump record --v8 --", [
    /jitted +sum +\(.*jit\.ts:7\)$/m,
    /javascript +JS:\S+sumInJavaScript /,
  ]],
  ["jitdump check /tmp/profile", [/nothing is wrong/, / sum/]],
];

const BUILDER_COMMANDS: Commands = [
  ["deno task demo", [/ collatz /, /passed, 0 failed/]],
  ["npx -y deno task demo", [/ collatz /, /passed, 0 failed/]],
];

/** Runs a block of commands in a shell, and checks its output. */
async function runBlock(
  { place, text }: Block,
  directory: string,
  cwd: string,
  prints: RegExp[],
): Promise<void> {
  const script = localize(text, directory)
    .replaceAll(/deno task demo$/gm, "deno task demo 250")
    // Run only one test file, because all of them include this one.
    .replaceAll(
      /deno task test$/gm,
      "deno task test tests/writer/code_index_test.ts",
    );
  const root = join(directory, "deno");
  const { stdout, stderr, success } = await run(
    ["bash", "-e", "-c", script],
    {
      cwd,
      env: {
        // `deno install` installs commands in this directory.
        DENO_INSTALL_ROOT: root,
        PATH: `${join(root, "bin")}:${Deno.env.get("PATH")}`,
      },
    },
  );
  assert(success, `${place}\n${script}${stdout}${stderr}`);
  for (const print of prints) {
    assertMatch(stdout, print, `${place}\n${stdout}${stderr}`);
  }
}

for (
  const [document, commands] of [
    [README, USER_COMMANDS],
    [ARCHITECTURE, BUILDER_COMMANDS],
  ] as const
) {
  describe(`the list of commands of ${document.path}`, () => {
    it("is in the order of the document's blocks when their texts are compared", () => {
      const blocks = blocksIn(document, "sh");
      assertEquals(blocks.length, commands.length);
      blocks.forEach(({ text }, i) =>
        assertStringIncludes(text, commands[i][0])
      );
    });
  });
}

describe("the commands of README.md", () => {
  itWithPerf("print the expected text when they run in order", async () => {
    using directory = temporaryDirectory();
    const { path } = directory;
    Deno.writeTextFileSync(join(path, "jit.ts"), localize(SHORT_JIT_TS, path));
    for (const [i, block] of blocksIn(README, "sh").entries()) {
      await runBlock(block, path, path, USER_COMMANDS[i][1]);
    }
    assertStringIncludes(
      Deno.readTextFileSync(join(path, "page.html")),
      "jitted",
    );
  });
});

describe("the commands of src/README.md", () => {
  const [own, withNpx] = blocksIn(ARCHITECTURE, "sh");

  it("are the same when Deno is installed and when npx runs it", () => {
    assertEquals(withNpx.text.replaceAll("npx -y ", ""), own.text);
  });

  itWithPerf(
    "print the expected text when npx runs them in a clone",
    async () => {
      using project = projectDirectory();
      const [, prints] = BUILDER_COMMANDS[1];
      await runBlock(withNpx, project.path, project.path, prints);
    },
  );
});

describe("README.md", () => {
  it("has at most 300 lines when they are counted", () => {
    assertLessOrEqual(README.text.trimEnd().split("\n").length, 300);
  });
});

/** Matches paths relative to the repository's root, in text or code. */
const PATH =
  /(?<![\w/.@:-])(?:mod\.ts|deno\.json|(?:src|ffi|tests|\.ci)\/[\w./-]*)/g;

for (const { path, text } of [README, ARCHITECTURE]) {
  describe(`the paths and links of ${path}`, () => {
    const links = Array.from(
      text.matchAll(/\]\(([^)\s]+)\)/g),
      ([, link]) => link,
    ).filter((link) => !/^https?:/.test(link));

    it("refer to existing files when they are relative", () => {
      const files = links.filter((link) => !link.startsWith("#"));
      assert(files.length > 0);
      for (const file of files) {
        assert(Deno.statSync(new URL(file, new URL(path, ROOT))).isFile, file);
      }
    });

    it("refer to existing sections when they begin with #", () => {
      const sections = Array.from(
        text.matchAll(/^#+ (.*)$/gm),
        ([, title]) =>
          "#" +
          title.toLowerCase().replaceAll(/[^\w\- ]/g, "").replaceAll(" ", "-"),
      );
      for (const anchor of links.filter((link) => link.startsWith("#"))) {
        assert(sections.includes(anchor), anchor);
      }
    });

    it("refer to existing files and folders when they are in text or code", () => {
      const paths = text.match(PATH) ?? [];
      assert(paths.length > 0);
      const missing = paths.filter((path) => {
        try {
          Deno.statSync(new URL(path.replace(/\.$/, ""), ROOT));
          return false;
        } catch {
          return true;
        }
      });
      assertEquals(missing, []);
    });
  });
}
