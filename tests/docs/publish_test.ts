import { assert, assertEquals, assertLess } from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { runOrThrow } from "../support/perf.ts";

const ROOT = new URL("../../", import.meta.url);
const KIB = 1024;

/** What is shipped besides the modules. */
const DOCUMENTS = ["CHANGELOG.md", "LICENSE", "README.md", "deno.json"];

/** The paths of a directory's files, from the project's root on. */
function filesIn(directory: string): string[] {
  return Array.from(Deno.readDirSync(new URL(directory, ROOT))).flatMap((
    { name, isDirectory },
  ) => isDirectory ? filesIn(`${directory}${name}/`) : [directory + name]);
}

const SOURCES = ["mod.ts", ...filesIn("ffi/"), ...filesIn("src/")];

/** For those who change the module; it is not shipped. */
const ARCHITECTURE = "src/README.md";

const MODULES = SOURCES.filter((path) => path !== ARCHITECTURE);

/** What `deno publish` says that it would do. */
async function publish(): Promise<string> {
  const { stderr } = await runOrThrow([
    Deno.execPath(),
    "publish",
    "--dry-run",
    "--allow-dirty",
  ], { cwd: ROOT, env: { NO_COLOR: "1" } });
  return stderr;
}

/** The modules that a module imports, itself and others' imports included. */
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
  it("ships the modules and what a user reads, without a warning", async () => {
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

  it("ships less than 1 MiB", () => {
    const size = [...DOCUMENTS, ...MODULES]
      .map((path) => Deno.statSync(new URL(path, ROOT)).size)
      .reduce((sum, size) => sum + size);
    assertLess(size, 1024 * KIB);
  });

  it("has a version that the changelog knows, and says what it is", () => {
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
    it(`${module} imports files of the project by relative paths, and Node's built-ins`, async () => {
      const graph = await graphOf(module);
      assert(graph.length > 5);
      for (const { specifier, dependencies = [] } of graph) {
        if (specifier.startsWith("node:")) {
          // The writer and the reader do without.
          assertEquals(module, "src/cli/main.ts", specifier);
          continue;
        }
        const path = fromFileUrl(specifier);
        assert(path.startsWith(root), path);
        const isShipped = [...MODULES, "deno.json"].includes(
          path.slice(root.length),
        );
        assert(isShipped, path);
        for (const { specifier } of dependencies) {
          assert(/^(\.\.?\/|node:)/.test(specifier), `${path}: ${specifier}`);
        }
      }
    });
  }

  it("call Deno.dlopen in one place, and in the program that the doctor runs", () => {
    const callers = MODULES.filter((path) =>
      Deno.readTextFileSync(join(root, path)).includes("Deno.dlopen(")
    );
    assertEquals(callers, ["ffi/libc.ts", "src/cli/doctor_program.ts"]);
  });
});
