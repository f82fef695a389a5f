import { assert, assertEquals, assertLess } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { runOrThrow } from "../support/perf.ts";

const ROOT = new URL("../../", import.meta.url);
const KIB = 1024;

/** Published files besides the modules. */
const DOCUMENTS = ["CHANGELOG.md", "LICENSE", "README.md", "deno.json"];

/** Returns the paths of a directory's files, relative to the project's root. */
function filesIn(directory: string): string[] {
  return Array.from(Deno.readDirSync(new URL(directory, ROOT))).flatMap((
    { name, isDirectory },
  ) => isDirectory ? filesIn(`${directory}${name}/`) : [directory + name]);
}

const SOURCES = ["mod.ts", ...filesIn("ffi/"), ...filesIn("src/")];

/** The document for contributors, which is not published. */
const ARCHITECTURE = "src/README.md";

const MODULES = SOURCES.filter((path) => path !== ARCHITECTURE);

/** Returns the output of `deno publish --dry-run`. */
async function publish(): Promise<string> {
  const { stderr } = await runOrThrow([
    Deno.execPath(),
    "publish",
    "--dry-run",
    "--allow-dirty",
    // `deno task check` checks the types.
    "--no-check",
  ], { cwd: ROOT, env: { NO_COLOR: "1" } });
  return stderr;
}

/** Returns a module and all that it imports, directly or indirectly. */
async function graphOf(
  module: string,
): Promise<{ specifier: string; dependencies?: { specifier: string }[] }[]> {
  const { stdout } = await runOrThrow(
    [Deno.execPath(), "info", "--no-config", "--json", module],
    { cwd: ROOT },
  );
  return JSON.parse(stdout).modules;
}

describe("deno publish", () => {
  it("publishes the modules and documents without a warning when it runs", async () => {
    const output = await publish();
    const files = Array.from(
      output.matchAll(/^ +(file:\S+) \(/gm),
      ([, url]) => fromFileUrl(url),
    );
    const expected = [...DOCUMENTS, ...MODULES].map((path) =>
      fromFileUrl(new URL(path, ROOT))
    );
    assertEquals(files.toSorted(), expected.toSorted());
    assert(!/\bwarning\b/i.test(output), output);
    assert(
      MODULES.every((path) => /\.(?:ts|schema\.json)$/.test(path)),
      MODULES.join(),
    );
  });
});

describe("the published files", () => {
  it("have less than 1.25 MiB when their sizes are added up", () => {
    const size = [...DOCUMENTS, ...MODULES]
      .map((path) => Deno.statSync(new URL(path, ROOT)).size)
      .reduce((sum, size) => sum + size);
    assertLess(size, 1280 * KIB);
  });

  it("agree on the license and the version when both are given twice", () => {
    const read = (path: string) => Deno.readTextFileSync(new URL(path, ROOT));
    const { version, license, description } = JSON.parse(read("deno.json"));
    assertEquals(license, "MIT");
    assert(read("LICENSE").startsWith("MIT License"));
    assert(description.length > 0);
    assert(read("CHANGELOG.md").includes(`\n## ${version}\n`), version);
  });
});

describe("the modules", () => {
  const root = fromFileUrl(ROOT);

  for (const module of ["mod.ts", "src/reader/mod.ts", "src/cli/main.ts"]) {
    it(`import only published files and Node's built-ins when ${module} is loaded`, async () => {
      const graph = await graphOf(module);
      assert(graph.length > 5);
      for (const { specifier, dependencies = [] } of graph) {
        if (specifier.startsWith("node:")) {
          // Only the command line uses Node's built-ins.
          assertEquals(module, "src/cli/main.ts", specifier);
          continue;
        }
        const path = fromFileUrl(specifier);
        assert(path.startsWith(root), path);
        const isPublished = [...MODULES, "deno.json"].includes(
          path.slice(root.length),
        );
        assert(isPublished, path);
        for (const { specifier } of dependencies) {
          assert(/^(\.\.?\/|node:)/.test(specifier), `${path}: ${specifier}`);
        }
      }
    });
  }

  it("call Deno.dlopen() in only two files when all are searched", () => {
    const callers = MODULES.filter((path) =>
      Deno.readTextFileSync(join(root, path)).includes("Deno.dlopen(")
    );
    assertEquals(callers, ["ffi/libc.ts", "src/cli/doctor_program.ts"]);
  });
});
