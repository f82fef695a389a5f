/**
 * The engines' names of compiled functions.
 *
 * One table for dumps and perf maps determines the engine, the function's name in its
 * source, and whether the function is JavaScript. A name does not prove which engine wrote
 * a dump, so only the presentation depends on it.
 *
 * @module
 */

/** The category of a function's code. */
export type CodeCategory = "jitted" | "javascript";

/** The properties of a function that its name reveals. */
export interface NamedCode {
  /** The engine; undefined if the name has no known style. */
  readonly engine: string | undefined;
  /** The name to show: the same for a function of a dump, a perf map or a binary. */
  readonly name: string;
  /** The function's name in its source. */
  readonly plainName: string;
  /** The category of the code. */
  readonly category: CodeCategory;
}

/** A style of an engine's function names. */
interface NameStyle {
  readonly engine: string;
  readonly category: CodeCategory;
  /**
   * Matches a complete name. Its group `name`, if any, is the name in the source, and its
   * group `builtin` that of a function of the engine itself.
   */
  readonly pattern: RegExp;
}

/**
 * The styles. The first that matches applies.
 *
 * V8: code-kind.cc and perf-jit.cc of Node 18 to 26 and Deno 2.9 ("JS:*'fib /a.js:2:13", and
 * in Node 18 without a column). `--perf-basic-prof` and `--interpreted-frames-native-stack`
 * cause V8's other styles. Builtins are "Builtin:Abort" in dumps and "Builtins_Abort" as
 * symbols of the binary.
 *
 * SpiderMonkey and JavaScriptCore: samply's jit_category_manager.rs (commit 987db3c, and later
 * ones for "JSC-") lists their prefixes, with names seen: "IonIC: SetElem : f (main.js:1:25)",
 * "diffProps[Call (StrictMode)] /a/index.js:123:12". WebKitGTK 2.54 and Bun 1.4 add a hash:
 * "JSC-FTL: fib#D0X9qU".
 *
 * CPython: perf_trampoline.c of 3.12 to 3.13 ("py::fib:/a.py"). PHP: zend_jit.c of 8.2 to 8.4
 * ("JIT$Sieve::run"). Erlang: beam_jit_metadata.cpp of 25 ("lists:map/2", and in perf maps
 * "$lists:map/2", "$global::…"). Dart: dumps of 3.13 ("*::_fib"). .NET: perfmap.cpp of 8
 * ("void [System.Private.CoreLib] System.String::Concat()[OptimizedTier1]").
 * Java: perf's agent, libjvmti.c of 6.1 ("Ljava/lang/Object;<init>()V");
 * perf-map-agent ("Ljava/lang/String;::hashCode"); `jcmd Compiler.perfmap` of OpenJDK
 * 17 and later ("int java.lang.String.hashCode()"). Julia: codegen.cpp and jitlayers.cpp of
 * 1.6 to 1.10 ("julia_fib_12", "jlsys_print_3").
 */
const STYLES: readonly NameStyle[] = [
  js(
    "V8",
    /^(?:JS|Script|Eval|Function|LazyCompile):o?[~^+*?]'?(?<name>.*) \S+?(?::\d+){1,2}$/,
  ),
  js(
    "V8",
    /^(?:JS|Script|Eval|Function|LazyCompile):(?!:)o?[~^+*?]?'?(?<name>.*)$/,
  ),
  js("V8", /^Builtin(?::|s_)(?<builtin>\S+)$/),
  js("V8", /^(?:BytecodeHandler|Bytecode|Stub|RegExp|Wasm|Callback):(?!:)/),
  js("V8", /^RegExp\.[<>]/),
  js(
    "JavaScriptCore",
    /^JSC-(?:Baseline|DFG|FTL|WasmOMG|WasmBBQ): (?<name>.+?)(?:#[0-9A-Za-z]{6})?(?:\[(?:Call|Construct)[^\][]*\])?(?: \S+:\d+:\d+)?$/,
  ),
  js("JavaScriptCore", /^JSC-\w+: (?<name>.+)$/),
  js(
    "JavaScriptCore",
    /^(?:Baseline JIT|DFG JIT|FTL B3) code for (?<name>.+)$/,
  ),
  js(
    "SpiderMonkey",
    /^IonIC: \w+ : (?<name>.+?)(?: \(\S*:\d+:\d+\))?$/,
  ),
  js(
    "SpiderMonkey",
    /^(?:Ion|Baseline|BaselineInterpreter|Interpreter): (?<name>.+?)(?: \(\S*:\d+:\d+\))?$/,
  ),
  js(
    "SpiderMonkey",
    /^(?:BaselineInterpreter$|BlinterpOp: |(?:Baseline)?IC: |(?:Wasm)?Trampoline: |VMWrapper: )/,
  ),
  jit("CPython", /^py::(?<name>.+?):[^:]*$/),
  jit("PHP", /^JIT\$(?<name>.+)$/),
  jit("PHP", /^TRACE-\d+\$(?<name>.+?)(?:\$\d+)*$/),
  jit(
    ".NET",
    /^(?:.* )?\[[\w.]+\] (?<name>[^( ]+::[^(: ]+)\(.*\)(?:\[[\w-]+\])?$/,
  ),
  jit("Java", /^L(?<class>[\w/$]+);::(?<name>.+)$/),
  jit("Java", /^L[\w/$]+;(?<name>[\w$<>]+)\([\w/$;[]*\)[\w/$;[]+$/),
  jit("Java", /^[\w.$[\]]+ (?<name>[\w$]+(?:\.[\w$<>]+)+)\([\w.$[\], ]*\)$/),
  jit("Julia", /^(?:julia|japi[13]|jsys[1w3]|jlsys|jfptr)_(?<name>.+)_\d+$/),
  jit("Erlang", /^\$?(?<name>global::.+)$/),
  jit("Erlang", /^\$?(?<name>[\w'.@$]+:.+\/\d+)(?:-CodeInfoPrologue)?$/),
  jit("Erlang", /^\$?(?<name>\w+)::code(?:Header|Footer)$/),
  jit("Dart", /^\*?::(?<name>\w+)$/),
];

function js(engine: string, pattern: RegExp): NameStyle {
  return { engine, category: "javascript", pattern };
}

function jit(engine: string, pattern: RegExp): NameStyle {
  return { engine, category: "jitted", pattern };
}

/** Returns the engine, the category and the source name of a function from its name. */
export function namedCode(name: string): NamedCode {
  for (const { engine, category, pattern } of STYLES) {
    const match = pattern.exec(name);
    if (!match) continue;
    const { name: own, builtin } = match.groups ?? {};
    const shown = builtin === undefined ? name : `Builtin:${builtin}`;
    return { engine, category, name: shown, plainName: own ?? shown };
  }
  return { engine: undefined, category: "jitted", name, plainName: name };
}

/** Returns a function's name in its source. */
export function plainName(name: string): string {
  return namedCode(name).plainName;
}

/** Parts of JavaScript names that contain the tier, and their replacements without it. */
const TIERS: readonly [tier: RegExp, rest: string][] = [
  [/^(JS|Script|Eval|Function|LazyCompile):o?[~^+*?]'?/, "$1:"],
  [/^JSC-(?:Baseline|DFG|FTL): (.*?)(?:#[0-9A-Za-z]{6})?$/, "$1"],
  [/^(?:Baseline JIT|DFG JIT|FTL B3) code for /, ""],
  [/^(?:Ion|Baseline|BaselineInterpreter|Interpreter): /, ""],
];

/** Returns the name of a JavaScript function without the tier of its compiler. */
export function untieredName(name: string): string {
  const tier = TIERS.find(([tier]) => tier.test(name));
  return tier === undefined ? name : name.replace(...tier);
}
