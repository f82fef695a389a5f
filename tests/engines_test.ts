import { assertEquals, assertLess } from "@std/assert";
import { describe, it } from "@std/testing/bdd";
import { namedCode, plainName, untieredName } from "../src/engines.ts";
import { cpuTime } from "./support/this_thread.ts";

/** Recorded names, each with its engine, its category and its name in the source. */
const NAMES: [string, string | undefined, string, string][] = [
  ["JS:*'hot file:///a%20b.ts:1:2", "V8", "javascript", "hot"],
  ["JS:~get length file:///a.ts:10:3", "V8", "javascript", "get length"],
  ["JS:o+f file:///a.ts:1:1", "V8", "javascript", "f"],
  ["LazyCompile:*heavy /home/w.js:7", "V8", "javascript", "heavy"],
  ["Function:^ /home/w.js:1", "V8", "javascript", ""],
  ["JS:^ file:///a.ts:3:4", "V8", "javascript", ""],
  [
    "JS:wasm-function[5]-5-liftoff",
    "V8",
    "javascript",
    "wasm-function[5]-5-liftoff",
  ],
  ["Script:~ file:///a.ts:1:1", "V8", "javascript", ""],
  ["Builtin:Abort", "V8", "javascript", "Builtin:Abort"],
  ["Builtins_Abort", "V8", "javascript", "Builtin:Abort"],
  ["BytecodeHandler:Add", "V8", "javascript", "BytecodeHandler:Add"],
  ["RegExp:a+b", "V8", "javascript", "RegExp:a+b"],
  [
    "JSC-DFG: diffProps[Call (StrictMode)] /a/index.js:123:12",
    "JavaScriptCore",
    "javascript",
    "diffProps",
  ],
  ["JSC-FTL: fib#D0X9qU", "JavaScriptCore", "javascript", "fib"],
  ["JSC-DFG: #secret#D0X9qU", "JavaScriptCore", "javascript", "#secret"],
  ["JSC-Thunk: call", "JavaScriptCore", "javascript", "call"],
  ["Ion: fib (file:///a.js:2:3)", "SpiderMonkey", "javascript", "fib"],
  ["BaselineInterpreter: fib (a.js:2:3)", "SpiderMonkey", "javascript", "fib"],
  [
    "IonIC: SetElem : Button (main.js:3560:25)",
    "SpiderMonkey",
    "javascript",
    "Button",
  ],
  ["BaselineInterpreter", "SpiderMonkey", "javascript", "BaselineInterpreter"],
  [
    "py::Matrix.multiply.<locals>.<genexpr>:/home/w.py",
    "CPython",
    "jitted",
    "Matrix.multiply.<locals>.<genexpr>",
  ],
  ["JIT$Sieve::run", "PHP", "jitted", "Sieve::run"],
  ["JIT$/home/w.php", "PHP", "jitted", "/home/w.php"],
  ["w:fib/1", "Erlang", "jitted", "w:fib/1"],
  ["$lists:map/2", "Erlang", "jitted", "lists:map/2"],
  ["w:fib/1-CodeInfoPrologue", "Erlang", "jitted", "w:fib/1"],
  ["w:'-loop/2-lc$^0/1-0-'/1", "Erlang", "jitted", "w:'-loop/2-lc$^0/1-0-'/1"],
  [
    "$global::call_light_bif_shared",
    "Erlang",
    "jitted",
    "global::call_light_bif_shared",
  ],
  ["w::codeHeader", "Erlang", "jitted", "w"],
  ["*::_fib", "Dart", "jitted", "_fib"],
  [
    "int32 [System.Private.CoreLib] System.SpanHelpers::IndexOf(char&,char,int32)[OptimizedTier1]",
    ".NET",
    "jitted",
    "System.SpanHelpers::IndexOf",
  ],
  [
    "void [app] Program+<>c__DisplayClass0_0::<Main>b__0()[PreJIT]",
    ".NET",
    "jitted",
    "Program+<>c__DisplayClass0_0::<Main>b__0",
  ],
  ["Ljava/lang/String;::hashCode", "Java", "jitted", "hashCode"],
  ["LWork;heavy(I)I", "Java", "jitted", "heavy"],
  ["Ljava/lang/Object;<init>()V", "Java", "jitted", "<init>"],
  [
    "Ljava/util/Arrays;copyOf([Ljava/lang/Object;I)[Ljava/lang/Object;",
    "Java",
    "jitted",
    "copyOf",
  ],
  [
    "int java.lang.String.hashCode()",
    "Java",
    "jitted",
    "java.lang.String.hashCode",
  ],
  ["julia_fib_123", "Julia", "jitted", "fib"],
  ["jlsys_print_to_string_7", "Julia", "jitted", "print_to_string"],
  ["jfptr_fib_9", "Julia", "jitted", "fib"],
  ["fib", undefined, "jitted", "fib"],
  ["Stub::make", undefined, "jitted", "Stub::make"],
  ["collatz(int)", undefined, "jitted", "collatz(int)"],
];

describe("namedCode()", () => {
  for (const [name, engine, category, plain] of NAMES) {
    it(`returns the engine, category and source name when it gets "${name}"`, () => {
      const named = namedCode(name);
      assertEquals(
        [named.engine, named.category, named.plainName],
        [engine, category, plain],
      );
      assertEquals(plainName(name), plain);
    });
  }

  it("returns one name when a dump or a binary names a V8 builtin", () => {
    const shown = ["Builtin:Abort", "Builtins_Abort"].map((name) =>
      namedCode(name).name
    );
    assertEquals(shown, ["Builtin:Abort", "Builtin:Abort"]);
  });

  it("takes linear time when a name is long", () => {
    const start = cpuTime();
    for (
      const part of [
        "a.",
        "a:",
        "a::",
        "[a] ",
        "$a/",
        "a(",
        "JS:~ ",
        "1:2",
        "[Call",
      ]
    ) {
      namedCode(part.repeat(20_000));
      namedCode(`[a] ${part.repeat(20_000)}`);
      namedCode(`JSC-DFG: ${part.repeat(20_000)}`);
    }
    assertLess(cpuTime() - start, 2000);
  });
});

describe("untieredName()", () => {
  it("returns one name when a function was compiled by several tiers", () => {
    const groups: Record<string, string[]> = {
      "JS:hot file:///a.ts:1:2": [
        "JS:~hot file:///a.ts:1:2",
        "JS:^hot file:///a.ts:1:2",
        "JS:+hot file:///a.ts:1:2",
        "JS:o+hot file:///a.ts:1:2",
        "JS:*'hot file:///a.ts:1:2",
      ],
      "LazyCompile:heavy /w.js:7": [
        "LazyCompile:~heavy /w.js:7",
        "LazyCompile:*heavy /w.js:7",
      ],
      fib: ["JSC-Baseline: fib#D0X9qU", "JSC-FTL: fib#aaaaaa"],
      "fib (a.js:2:3)": [
        "Ion: fib (a.js:2:3)",
        "Baseline: fib (a.js:2:3)",
        "Interpreter: fib (a.js:2:3)",
      ],
      "Builtin:Abort": ["Builtin:Abort"],
      "RegExp:a+b": ["RegExp:a+b"],
    };
    for (const [name, tiers] of Object.entries(groups)) {
      for (const tier of tiers) assertEquals(untieredName(tier), name);
    }
  });
});
