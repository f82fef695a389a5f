import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { dirname, fromFileUrl, join } from "@std/path";
import { describe, it } from "@std/testing/bdd";

const ROOT = fromFileUrl(new URL("../", import.meta.url));

/**
 * The layers that a layer may import besides itself. A layer is `ffi/`, `page/`, a folder of
 * `src/`, or a file in `src/`. The rules are not transitive.
 */
const MAY_IMPORT: Record<string, readonly string[]> = {
  "ffi": [],
  "src/arguments.ts": [],
  "src/format": [],
  // Shared with the reader, which must not import FFI.
  "src/unwind": ["src/format", "src/symbols", "src/arguments.ts"],
  "src/writer": ["ffi", "src/format", "src/unwind", "src/arguments.ts"],
  "src/file": [
    "ffi",
    "src/format",
    "src/unwind",
    "src/writer",
    "src/jit_dump_error.ts",
    "src/operation.ts",
    "src/v8.ts",
  ],
  "src/jit_dump_error.ts": ["ffi"],
  "src/operation.ts": [],
  "src/profiler_file.ts": [
    "ffi",
    "src/arguments.ts",
    "src/jit_dump_error.ts",
    "src/operation.ts",
  ],

  "src/v8.ts": [],
  "src/engines.ts": ["src/v8.ts"],
  "src/reader": ["src/format", "src/unwind", "src/v8.ts"],

  "src/perf_data": ["src/format"],
  "src/symbols": ["src/format"],
  "src/recorder": ["ffi", "src/format", "src/perf_data", "src/symbols"],
  "src/profile": [
    "src/format",
    "src/unwind",
    "src/perf_data",
    "src/symbols",
    "src/reader",
    "src/v8.ts",
    "src/engines.ts",
  ],
  // The script of pages, in the browser.
  "page": ["src/profile"],
  "src/cli": [
    "mod.ts",
    "deno.json",
    "ffi",
    "src/format",
    "src/unwind",
    "src/perf_data",
    "src/symbols",
    "src/reader",
    "src/recorder",
    "src/profile",
    "src/v8.ts",
    "src/engines.ts",
  ],
};

/** The layers that the public writers may import. */
const WRITERS = [
  "ffi",
  "src/file",
  "src/writer",
  "src/unwind",
  "src/format",
  "src/arguments.ts",
  "src/jit_dump_error.ts",
  "src/profiler_file.ts",
  "src/v8.ts",
];

const RULES: Record<string, readonly string[]> = {
  ...MAY_IMPORT,
  "src/jit_dump_file.ts": WRITERS,
  "src/perf_map_file.ts": WRITERS,
  "mod.ts": [...WRITERS, "src/jit_dump_file.ts", "src/perf_map_file.ts"],
};

/** Returns the paths of all modules in a directory, relative to the project. */
function modulesIn(directory: string): string[] {
  return Array.from(Deno.readDirSync(join(ROOT, directory))).flatMap(
    ({ name, isDirectory }) => {
      const path = `${directory}/${name}`;
      if (isDirectory) return modulesIn(path);
      return name.endsWith(".ts") ? [path] : [];
    },
  );
}

/** Returns the layer of a path that is relative to the project. */
function layerOf(path: string): string {
  const [first, second] = path.split("/");
  if (first === "src") return `src/${second}`;
  return second === undefined ? path : first;
}

/** Returns the relative specifiers that a module's text imports or re-exports. */
function specifiersIn(text: string): string[] {
  const code = text.replace(/^\s*(\/\*\*.*?\*\/|\/\/.*?$)/gms, "");
  return Array.from(
    code.matchAll(
      /^(?:import|export)\b[^;"'`]*?["'](\.[^"']*)["']|\bimport\(\s*["'](\.[^"']*)["']/gm,
    ),
    ([, fixed, dynamic]) => fixed ?? dynamic,
  );
}

interface Import {
  from: string;
  to: string;
}

const MODULES = [
  "mod.ts",
  ...modulesIn("ffi"),
  ...modulesIn("page"),
  ...modulesIn("src"),
];

const IMPORTS: Import[] = MODULES.flatMap((from) =>
  specifiersIn(Deno.readTextFileSync(join(ROOT, from)))
    .map((specifier) => ({ from, to: join(dirname(from), specifier) }))
);

/** Returns the imports that the rules do not allow, as text. */
function offending(imports: Import[]): string[] {
  return imports
    .filter(({ from, to }) => {
      const [layer, imported] = [layerOf(from), layerOf(to)];
      return layer !== imported && !(RULES[layer] ?? []).includes(imported);
    })
    .map(({ from, to }) => `${from} imports ${to}`);
}

/** Returns the modules of an import cycle; returns undefined if there is none. */
function cycle(imports: Import[]): string[] {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (module: string): string[] => {
    const start = path.indexOf(module);
    if (start !== -1) return [...path.slice(start), module];
    if (done.has(module)) return [];
    path.push(module);
    for (const { from, to } of imports) {
      const found = from === module ? visit(to) : [];
      if (found.length > 0) return found;
    }
    path.pop();
    done.add(module);
    return [];
  };
  for (const { from } of imports) {
    const found = visit(from);
    if (found.length > 0) return found;
  }
  return [];
}

describe("the layers", () => {
  it("have an entry for each module when all modules are listed", () => {
    for (const module of MODULES) {
      assert(RULES[layerOf(module)], `${module} belongs to no listed layer`);
    }
  });

  it("import only layers below them when the rules hold", () => {
    assert(IMPORTS.length > MODULES.length);
    assertEquals(offending(IMPORTS), []);
  });

  it("report an import when it is not allowed", () => {
    const [from, to] = ["src/reader/mod.ts", "ffi/libc.ts"];
    assertEquals(offending([{ from, to }]), [`${from} imports ${to}`]);
  });

  it("have no import cycle when the rules hold", () => {
    assertEquals(cycle(IMPORTS), []);
  });

  it("report the modules of an import cycle when there is one", () => {
    const [a, b, c] = ["src/a.ts", "src/b.ts", "src/c.ts"];
    const imports = [[a, b], [b, c], [c, b]]
      .map(([from, to]) => ({ from, to }));
    assertEquals(cycle(imports), [b, c, b]);
  });

  it("include imports, re-exports and types when they have any form", () => {
    const text = [
      'import "./a.ts";',
      'import type { B } from "./b.ts";',
      "import {\n  C,\n  type D,\n} from './c.ts';",
      'export * from "./d.ts";',
      'export { type E } from "./e.ts";',
      ' * import { F } from "./f.ts";',
      'const g = await import("./g.ts");',
      'import config from "../deno.json" with { type: "json" };',
    ].join("\n");
    assertEquals(specifiersIn(text), [
      ...["./a.ts", "./b.ts", "./c.ts", "./d.ts", "./e.ts", "./g.ts"],
      "../deno.json",
    ]);
  });

  it("allow an import when it stays within a layer", () => {
    assertNotEquals(layerOf("src/file/a.ts"), layerOf("src/format/a.ts"));
    assertEquals(layerOf("src/v8.ts"), "src/v8.ts");
    assertEquals(layerOf("ffi/libc.ts"), "ffi");
  });
});
