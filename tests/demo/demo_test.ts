import { assertEquals, assertThrows } from "@std/assert";
import { join } from "@std/path";
import { describe, it } from "@std/testing/bdd";
import { compile, type CompiledProgram } from "./compile.ts";
import { makeExecutable } from "./executable_memory.ts";
import { entryOf, makeElf } from "../support/aarch64_program.ts";
import { temporaryDirectory } from "../support/script.ts";
import { itWithQemu } from "../support/with_qemu.ts";

const GCD = `fn gcd(a, b) {
  while b != 0 { let rest = a % b; a = b; b = rest; }
  return a;
}`;
const FIB = `fn fib(n) {
  if n < 2 { return n; }
  return fib(n - 1) + fib(n - 2);
}`;
const SIX = `fn six(a, b, c, d, e, f) {
  return a + 10 * b + 100 * c + 1000 * d + 10000 * e + 100000 * f;
}`;
const LARGE = (1n << 62n) + 12345n;

/** A main function's source, its arguments, its result, and the functions that it calls. */
const PROGRAMS: [string, bigint[], bigint, string?][] = [
  ["fn main() { return 42; }", [], 42n],
  ["fn main() { }", [], 0n],
  ["fn main(a, b) { return a - b; }", [3n, 10n], -7n],
  ["fn main() { return 2 + 3 * 4 - 6 / 2; }", [], 11n],
  ["fn main() { return (2 + 3) * (4 - 6) / 2; }", [], -5n],
  ["fn main() { return 100 - 10 - 1; }", [], 89n],
  ["fn main(a, b) { return a / b; }", [-7n, 2n], -3n],
  ["fn main(a, b) { return a % b; }", [-7n, 2n], -1n],
  ["fn main(a, b) { return a % b; }", [7n, -2n], 1n],
  ["fn main(a) { return a * a; }", [1n << 40n], 0n],
  [`fn main() { return ${LARGE}; }`, [], LARGE],
  ["fn main() { return 0 - 65536; }", [], -65536n],
  [`fn main() { return 4294967296; }`, [], 1n << 32n],
  ["fn main() { return 2147483648; }", [], 1n << 31n],
  ["fn main(a) { return a == 1; }", [1n], 1n],
  ["fn main(a) { return a != 1; }", [1n], 0n],
  ...[[-1n, 0b1100n], [0n, 0b0110n], [1n, 0b0011n]].map((
    [a, bits],
  ) =>
    [
      "fn main(a) { return 8 * (a < 0) + 4 * (a <= 0) + 2 * (a >= 0) + (a > 0); }",
      [a],
      bits,
    ] as [string, bigint[], bigint]
  ),
  [
    "fn main(a) { if a { return 1; } else { a = 5; } return a; }",
    [0n],
    5n,
  ],
  ["fn main(a) { if a { return 1; } else { a = 5; } return a; }", [9n], 1n],
  [
    "fn main(n) { let s = 0; while n { s = s + n; n = n - 1; } return s; }",
    [100n],
    5050n,
  ],
  ["fn main(a, b) { return gcd(a, b); }", [1071n, 462n], 21n, GCD],
  ["fn main(n) { return fib(n); }", [20n], 6765n, FIB],
  [
    "fn main() { return six(1, 2, 3, 4, 5, six(6, 0, 0, 0, 0, 0)); }",
    [],
    654321n,
    SIX,
  ],
  [
    "fn main(a, b, c, d, e, f) { six(f, e, d, c, b, a); return six(a, b, c, d, e, f); }",
    [1n, 2n, 3n, 4n, 5n, 6n],
    654321n,
    SIX,
  ],
];

function runHere(program: CompiledProgram, args: bigint[]): bigint {
  const code = makeExecutable(program.code) as Uint8Array<ArrayBuffer>;
  const main = new Deno.UnsafeFnPointer(
    Deno.UnsafePointer.of(code.subarray(entryOf(program)))!,
    { parameters: args.map(() => "i64" as const), result: "i64" },
  );
  return main.call(...args as []);
}

async function runOnQemu(
  qemu: string,
  program: CompiledProgram,
  args: bigint[],
): Promise<bigint> {
  using directory = temporaryDirectory();
  const file = join(directory.path, "program");
  Deno.writeFileSync(file, makeElf(program, args), { mode: 0o700 });
  const { stdout, stderr } = await new Deno.Command(qemu, { args: [file] })
    .output();
  assertEquals(new TextDecoder().decode(stderr), "");
  return new DataView(stdout.buffer, stdout.byteOffset).getBigInt64(0, true);
}

const callText = ([main, args]: [string, bigint[], ...unknown[]]) =>
  `${main} with arguments (${args.join(", ")})`;

describe(`the demo's compiler for ${Deno.build.arch}`, () => {
  for (const test of PROGRAMS) {
    const [main, args, expected, others = ""] = test;
    it(`computes ${expected} when it runs ${callText(test)}`, () => {
      const program = compile(`${others}\n${main}`, Deno.build.arch);
      assertEquals(runHere(program, args), expected);
    });
  }

  it("computes the same when the code keeps frame pointers", () => {
    for (const [main, args, expected, others = ""] of PROGRAMS) {
      const program = compile(`${others}\n${main}`, Deno.build.arch, true);
      assertEquals(runHere(program, args), expected, main);
    }
  });
});

describe("the demo's compiler for AArch64 under qemu", () => {
  for (const test of PROGRAMS) {
    const [main, args, expected, others = ""] = test;
    itWithQemu(
      `computes ${expected} when it runs ${callText(test)}`,
      async (qemu) => {
        const program = compile(`${others}\n${main}`, "aarch64");
        assertEquals(await runOnQemu(qemu, program, args), expected);
      },
    );
  }

  itWithQemu(
    "computes the same as on this machine when it runs the demo",
    async (qemu) => {
      const text = Deno.readTextFileSync(
        new URL("program.calc", import.meta.url),
      );
      const expected = runHere(compile(text, Deno.build.arch), [2n]);
      for (const keepsFramePointers of [false, true]) {
        const program = compile(text, "aarch64", keepsFramePointers);
        assertEquals(await runOnQemu(qemu, program, [2n]), expected);
      }
    },
  );
});

describe("the demo's compiler", () => {
  const variables = Array.from({ length: 33 }, (_, i) => `let v${i} = 0;`);
  const cases = [
    ["fn main() { return 1 }", 'line 1: expected ";", found "}"'],
    ["fn main() {\n  return ?;\n}", 'line 2: unexpected "?"'],
    ["fn main() {\n\n  return x;\n}", "line 3: there is no variable x"],
    ["fn main() { x = 1; }", "line 1: there is no variable x"],
    ["fn main() { return f(); }", "line 1: there is no function f()"],
    ["fn f(a) {}\nfn main() { f(1, 2); }", "line 2: f() accepts 1 arguments"],
    ["fn f() {}\nfn f() {}", "line 2: f() is defined twice"],
    ["fn f(a, b, c, d, e, f, g) {}", "line 1: f() has more than 6 parameters"],
    [`fn f() { ${variables.join("")} }`, "line 1: f() has more than 32"],
    ["fn f() { 1 + 2; }", 'line 1: expected a statement, found "1"'],
    ["let x = 1;", 'line 1: expected "fn", found "let"'],
    ["fn f() {", "line 1: expected an expression"],
  ];
  for (const [text, message] of cases) {
    const start = text.slice(0, 40).replaceAll("\n", " ");
    it(`throws a SyntaxError when a program is ${start}`, () => {
      assertThrows(
        () => compile(text, Deno.build.arch),
        SyntaxError,
        message,
      );
    });
  }
});
